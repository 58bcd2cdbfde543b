package nn

import (
	"math"
	"strings"
	"testing"

	"gorgonia.org/tensor"
	"pgregory.net/rapid"
)

// tensorOf returns a matrix as a tensor with our engine.
func tensorOf(m Mat) *tensor.Dense { return Dense(m.Data, m.Rows, m.Cols) }

// at returns an element of a tensor by its strides.
func at(d *tensor.Dense, i, j int) float64 {
	return float64(d.Float32s()[i*d.Strides()[0]+j*d.Strides()[1]])
}

// TestEngineMatMul compares products of matrices stored by rows and by columns with float64.
func TestEngineMatMul(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, n, k := rapid.IntRange(2, 20).Draw(t, "m"), rapid.IntRange(2, 20).Draw(t, "n"), rapid.IntRange(2, 70).Draw(t, "k")
		a, b := tensorOf(randomMat(1, m, k)), tensorOf(randomMat(2, k, n))
		switch rapid.SampledFrom([]string{"none", "a", "b"}).Draw(t, "by columns") {
		case "a":
			a = transposed(t, randomMat(1, k, m))
		case "b":
			b = transposed(t, randomMat(2, n, k))
		}
		c, err := tensor.MatMul(a, b)
		if err != nil {
			t.Fatal(err)
		}
		for i := range m {
			for j := range n {
				var want float64
				for p := range k {
					want += at(a, i, p) * at(b, p, j)
				}
				if got := at(c.(*tensor.Dense), i, j); math.Abs(got-want) > 2e-5 {
					t.Fatalf("[%d,%d] is %g, want %g", i, j, got, want)
				}
			}
		}
		if _, ours := c.Engine().(engine); !ours {
			t.Fatalf("the result has engine %T", c.Engine())
		}
	})
}

func transposed(t interface{ Fatal(...any) }, m Mat) *tensor.Dense {
	d := tensorOf(m)
	if err := d.T(); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEngineMatMulIntoReuse(t *testing.T) {
	a, b := tensorOf(randomMat(1, 3, 4)), tensorOf(randomMat(2, 4, 5))
	backing := randomMat(3, 3, 5)
	if _, err := tensor.MatMul(a, b, tensor.WithReuse(tensorOf(backing))); err != nil {
		t.Fatal(err)
	}
	want := at(a, 0, 0)*at(b, 0, 0) + at(a, 0, 1)*at(b, 1, 0) + at(a, 0, 2)*at(b, 2, 0) + at(a, 0, 3)*at(b, 3, 0)
	if got := float64(backing.Data[0]); math.Abs(got-want) > 1e-6 {
		t.Errorf("the reused backing holds %g, want %g", got, want)
	}
}

// TestEngineViews checks that a view of rows is accepted, and one of columns, which gorgonia's own engine misreads, refused.
func TestEngineViews(t *testing.T) {
	a, b := tensorOf(randomMat(1, 6, 6)), tensorOf(randomMat(2, 6, 4))
	rows, err := a.Slice(tensor.S(1, 4))
	if err != nil {
		t.Fatal(err)
	}
	c, err := tensor.MatMul(rows, b)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := tensor.MatMul(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := at(c.(*tensor.Dense), 0, 2), at(whole.(*tensor.Dense), 1, 2); got != want {
		t.Errorf("a slice of rows gives %g, the whole %g", got, want)
	}
	columns, err := a.Slice(nil, tensor.S(1, 4))
	if err != nil {
		t.Fatal(err)
	}
	b3 := tensorOf(randomMat(2, 3, 4))
	if _, err := tensor.MatMul(columns, b3); err == nil || !strings.Contains(err.Error(), "Materialize") {
		t.Errorf("a view of columns: %v, want an error that says what to do", err)
	}
	if _, err := tensor.MatMul(transposed(t, randomMat(1, 6, 6)), transposed(t, randomMat(2, 4, 6))); err == nil || !strings.Contains(err.Error(), "Materialize") {
		t.Errorf("two operands by columns: %v, want an error that says what to do", err)
	}
	if _, err := tensor.MatMul(b3, columns.(*tensor.Dense).Materialize()); err == nil {
		t.Error("shapes [3 4] and [6 3] were multiplied")
	}
}

// TestParamDense checks that a parameter is a tensor over its own memory.
func TestParamDense(t *testing.T) {
	ps := newF32Params()
	l := ps.In("").Linear("l", 3, 5, true, Normal(1))
	weight := l.Weight.Dense()
	if &weight.Float32s()[0] != &l.Weight.W[0] || !weight.Shape().Eq(tensor.Shape{3, 5}) {
		t.Errorf("the tensor has other memory or another shape: %v", weight.Shape())
	}
	x := randomMat(1, 2, 5)
	y := l.Forward(&Pass{}, x)
	if err := weight.T(); err != nil {
		t.Fatal(err)
	}
	product, err := tensor.MatMul(tensorOf(x), weight)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range y.Data {
		if got := product.(*tensor.Dense).Float32s()[i]; math.Abs(float64(got-want)) > 1e-6 {
			t.Errorf("element %d: %g by tensor.MatMul, %g by the layer", i, got, want)
		}
	}
}
