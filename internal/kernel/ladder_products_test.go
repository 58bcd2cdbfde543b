package kernel

import "fmt"

// ladderProducts are the matrix products: the forward pass in every format, with many rows and with one, and the
// backward pass.
func ladderProducts() (list []rung) {
	for _, name := range []string{"f32", "bf16", "int8", "int4", "nf4", "int8a8", "int4a8"} {
		for _, size := range [][3]int{{512, 2304, 768}, {512, 768, 3072}, {1024, 1024, 1024}, {1, 4096, 4096}, {1, 11008, 4096}} {
			list = append(list, ladderProduct(name, size[0], size[1], size[2]))
		}
	}
	for _, size := range [][3]int{{512, 768, 2304}, {768, 3072, 512}, {1024, 1024, 1024}} {
		m, n, k := size[0], size[1], size[2]
		for _, a := range []struct {
			name   string
			turned bool
		}{{"nn", false}, {"tn", true}} {
			list = append(list, rung{
				name:  fmt.Sprintf("product-%s/f32/%dx%dx%d", a.name, m, n, k),
				flops: 2 * m * n * k, bytes: 4 * (m*k + k*n + 2*m*n),
				setup: func(tr *tier) func() {
					x, y, z := gaussians(1, m*k), gaussians(2, k*n), make([]float32, m*n)
					return func() { tr.mulAdd(nil, z, x, y, m, n, k, a.turned) }
				},
			})
		}
	}
	return list
}

func ladderProduct(name string, rows, out, in int) rung {
	f, err := ParseFormat(name)
	if err != nil {
		panic(err)
	}
	return rung{
		name: fmt.Sprintf("product/%s/%dx%dx%d", name, rows, out, in), format: f,
		flops: 2 * rows * out * in, bytes: int(f.Bytes(out, in)) + 4*rows*(out+in),
		setup: func(*tier) func() {
			line := gaussians(2, in)
			w := NewMatrix(f, out, in, func(_ int, dst []float32) { copy(dst, line) })
			if f == F32 { // rows in file order, as a model maps them
				w = NewF32(gaussians(2, out*in), out, in)
			}
			x, y := gaussians(3, rows*in), make([]float32, rows*out)
			return func() { w.MulT(nil, y, x, rows) }
		},
	}
}
