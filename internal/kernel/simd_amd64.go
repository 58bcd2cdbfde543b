package kernel

import (
	"github.com/klauspost/cpuid/v2"
)

// avx512 multiplies with AVX-512. Many rows of activations use 14×32 tiles of fused multiply-adds; a few rows read
// panels front to back, or take inner products with four float32 weight rows at a time. Where the CPU has them, it uses
// VPDPBUSD for int8 activations and VDPBF16PS for bf16.
var avx512 = func() tier {
	t := reference
	t.name = "avx512"
	t.usable = func() bool {
		return cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512VL, cpuid.AVX512DQ, cpuid.BMI2, cpuid.FMA3)
	}
	t.found = found512
	t.products(&wide512)
	t.mulAdd, t.narrow = mulAddTiles(&wide512), narrowRow
	t.vectorised(&rows512)
	t.measured512()
	t.attention = attentionAVX512
	t.scan, t.resolvent = scanAVX512, resolventAVX512
	return t
}()

// found512 lists the instructions used by products of bf16 and of integer codes.
func found512() (found []string) {
	if hasBF16 {
		found = append(found, "bf16")
	}
	if hasVNNI {
		found = append(found, "vnni")
	}
	return found
}

// avx2 is the same with 6×16 tiles, for products of float32 activations.
var avx2 = func() tier {
	t := reference
	t.name = "avx2"
	t.usable = func() bool { return cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3, cpuid.BMI2) }
	t.products(&wide256)
	t.mulAdd, t.narrow = mulAddTiles(&wide256), narrowRowAVX2
	t.vectorised(&rows256)
	t.attention = attentionAVX2
	t.scan, t.resolvent = scanAVX2, resolventAVX2
	t.measured256()
	return t
}()

// simdTiers lists this architecture's tiers, fastest first.
func simdTiers() []*tier { return []*tier{&amx, &avx512, &avx2} }

var (
	hasVNNI = cpuid.CPU.Supports(cpuid.AVX512VNNI)
	hasBF16 = cpuid.CPU.Supports(cpuid.AVX512BF16)
)
