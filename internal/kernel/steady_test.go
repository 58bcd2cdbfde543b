package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSteadyRows checks in every tier and format that a row's result does not depend on the number of rows from
// SteadyRows on, nor below it; where activations are rounded, not at all.
func TestSteadyRows(t *testing.T) {
	const in, out, most = 130, 1100, 40
	r := rand.New(rand.NewPCG(4, 2))
	w, x := normals(r, out*in), normals(r, most*in)
	for _, tr := range tiers {
		for _, name := range FormatNames {
			t.Run(fmt.Sprintf("%s/%s", tr.name, name), func(t *testing.T) {
				if !tr.usable() {
					t.Skip("this CPU lacks the instructions")
				}
				f, err := ParseFormat(name)
				if err != nil {
					t.Fatal(err)
				}
				withTier(t, tr, func() {
					m := NewMatrix(f, out, in, func(o int, dst []float32) { copy(dst, w[o*in:(o+1)*in]) })
					spans := [][2]int{{1, SteadyRows - 1}, {SteadyRows, most}}
					if f.A8 || f == BF16 {
						spans = [][2]int{{1, most}}
					}
					for _, span := range spans {
						want := product1(m, x, span[1])
						for rows := span[0]; rows < span[1]; rows++ {
							if !slices.Equal(product1(m, x, rows), want[:rows*out]) {
								t.Errorf("%d rows differ from the first of %d", rows, span[1])
							}
						}
					}
				})
			})
		}
	}
}

// product1 multiplies the first rows of x.
func product1(m Matrix, x []float32, rows int) []float32 {
	out, in := m.Shape()
	y := make([]float32, rows*out)
	m.MulT(nil, y, x[:rows*in], rows)
	return y
}
