package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSteadyRows checks in every tier and format that a row's result does not depend on the number of rows; for float32
// rows in the caller's memory it checks this separately below SteadyRows and from there on.
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
					checkSteadyFrom(t, 1, NewMatrix(f, out, in, func(o int, dst []float32) { copy(dst, w[o*in:(o+1)*in]) }), x, most)
					if f == F32 {
						least := SteadyRows
						if tr == &reference {
							least = 1
						}
						checkSteady(t, NewF32(w, out, in), x, 1, SteadyRows-1)
						checkSteadyFrom(t, least, NewF32(w, out, in), x, most)
						for _, size := range [][2]int{{64, 48}, {33, 130}} { // small ones
							checkSteadyFrom(t, 1, NewF32(w[:size[0]*size[1]], size[0], size[1]), x, most)
						}
					}
				})
			})
		}
	}
}

// checkSteadyFrom checks that results do not depend on the number of rows from least on, and that Steady agrees.
func checkSteadyFrom(t *testing.T, least int, m Matrix, x []float32, most int) {
	t.Helper()
	for rows := 1; rows <= most; rows++ {
		if got, want := Steady(m, rows), rows >= least; got != want {
			t.Errorf("Steady is %v of %d rows, want %v", got, rows, want)
		}
	}
	checkSteady(t, m, x, least, most)
}

// checkSteady checks that results are the same for least to most rows.
func checkSteady(t *testing.T, m Matrix, x []float32, least, most int) {
	t.Helper()
	out, _ := m.Shape()
	want := product1(m, x, most)
	for rows := least; rows < most; rows++ {
		if !slices.Equal(product1(m, x, rows), want[:rows*out]) {
			t.Errorf("%d rows differ from the first of %d", rows, most)
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
