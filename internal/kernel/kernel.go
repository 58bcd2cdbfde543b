// Package kernel holds the numeric kernels of the plugins: products with packed weight matrices, attention, scans and
// elementwise functions on plain slices. Every operation has a short reference in Go that is always built and tested.
// Hot operations have variants for AVX2, AVX-512, VNNI and AMX, chosen once at start by CPU features.
// ARCHBENCH_KERNEL=reference|avx2|avx512|amx forces a tier.
//
// Shapes are row-major. In signatures m, n, k are the usual sizes of a product, and rows, cols are those of a matrix of
// activations. Work is divided by outputs with a fixed order of summation, so results do not depend on the number of
// threads.
package kernel
