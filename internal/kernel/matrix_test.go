package kernel

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/archbench/archbench/internal/half"
	"github.com/archbench/archbench/internal/sharedtest"
)

// allFormats are the named precisions, those with other groups, and wide bf16.
func allFormats(t testing.TB) []Format {
	t.Helper()
	formats := []Format{BF16Wide}
	for _, name := range FormatNames {
		if f := mustFormat(t, name); !slices.Contains(formats, f) { // some have two names
			formats = append(formats, f)
		}
	}
	return formats
}

// activations returns one row of activations as a product in format f sees them, in float64.
func activations(f Format, x []float32) []float64 {
	seen := make([]float64, len(x))
	group := f.Group
	if group == 0 {
		group = len(x)
	}
	for lo := 0; lo < len(x); lo += group {
		part := x[lo:min(len(x), lo+group)]
		scale := absMax(part) / 127
		for i, v := range part {
			switch {
			case f.A8:
				v = float32(quantise(v, scale, 127)) * scale
			case f == BF16:
				v = half.FromBF16(half.ToBF16(v))
			}
			seen[lo+i] = float64(v)
		}
	}
	return seen
}

// checkProduct compares a product with a float64 product over the weights that Row returns. Activations of the
// weight-only integer formats may be rounded to 24-bit fixed point relative to the largest.
func checkProduct(t interface{ Fatalf(string, ...any) }, m Matrix, x []float32, rows int, pool *Pool) {
	out, in := m.Shape()
	y, w := make([]float32, rows*out), make([]float32, in)
	for i := range y {
		y[i] = float32(math.NaN()) // MulT must not read y
	}
	m.MulT(pool, y, x, rows)
	for o := range out {
		m.Row(o, w)
		for r := range rows {
			var sum, size, weights float64
			row := x[r*in : (r+1)*in]
			for i, v := range activations(m.Format(), row) {
				sum += v * float64(w[i])
				size += math.Abs(v * float64(w[i]))
				weights += math.Abs(float64(w[i]))
			}
			tolerance := (1e-6+2e-7*math.Sqrt(float64(in)))*size + 1e-30
			if f := m.Format(); f.Quantised() && !f.A8 {
				tolerance += 0x1p-24 * float64(absMax(row)) * weights
			}
			if diff := math.Abs(float64(y[r*out+o]) - sum); !(diff <= tolerance) {
				t.Fatalf("%v [%d,%d] rows %d: y[%d,%d] = %g, want %g", m.Format(), out, in, rows, r, o, y[r*out+o], sum)
			}
		}
	}
}

func TestMulTMatchesFloat64(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	formats := allFormats(t)
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(formats).Draw(t, "format")
		out, in := rapid.IntRange(1, 21).Draw(t, "out"), rapid.IntRange(1, 300).Draw(t, "in")
		rows := rapid.IntRange(1, 5).Draw(t, "rows")
		m, _ := packGaussians(f, out, in)
		checkProduct(t, m, gaussians(rapid.Uint64().Draw(t, "seed"), rows*in), rows, pool)
	})
}

// TestMulTIndependentOfPoolAndRows multiplies rows one by one, together, and together on several threads.
func TestMulTIndependentOfPoolAndRows(t *testing.T) {
	const out, in, rows = 67, 259, 41
	x := gaussians(3, rows*in)
	pool := NewPool(3)
	defer pool.Close()
	for _, f := range allFormats(t) {
		m, _ := packGaussians(f, out, in)
		product := func(pool *Pool, rows, at int) []float32 {
			y := make([]float32, rows*out)
			m.MulT(pool, y, x[at*in:(at+rows)*in], rows)
			return y
		}
		all := product(nil, rows, 0)
		if !slices.Equal(all, product(pool, rows, 0)) {
			t.Errorf("%v: threads change the result", f)
		}
		if !slices.Equal(all[7*out:27*out], product(pool, 20, 7)) {
			t.Errorf("%v: 20 of %d rows have other results by themselves", f, rows)
		}
		for r := range rows {
			if !slices.Equal(all[r*out:(r+1)*out], product(pool, 1, r)) {
				t.Errorf("%v: row %d of %d has another result by itself", f, r, rows)
			}
		}
	}
}

func TestMulTSpecialValues(t *testing.T) {
	const out, in = 5, 70
	for _, f := range allFormats(t) {
		zero := NewMatrix(f, out, in, func(_ int, dst []float32) { clear(dst) })
		m, _ := packGaussians(f, out, in)
		y := make([]float32, out)
		for name, v := range map[string]float32{"NaN": float32(math.NaN()), "+Inf": float32(math.Inf(1))} {
			x := gaussians(1, in)
			x[33] = v
			m.MulT(nil, y, x, 1)
			for o, got := range y {
				if !math.IsNaN(float64(got)) && !math.IsInf(float64(got), 0) {
					t.Errorf("%v: %s among the activations became %g in output %d", f, name, got, o)
				}
			}
		}
		for name, x := range map[string][]float32{"zero": make([]float32, in), "gaussian": gaussians(2, in)} {
			zero.MulT(nil, y, x, 1)
			if !slices.Equal(y, make([]float32, out)) {
				t.Errorf("%v: zero weights with %s activations gave %v", f, name, y)
			}
		}
		bad := NewMatrix(f, 1, in, func(_ int, dst []float32) { copy(dst, gaussians(4, in)); dst[1] = float32(math.NaN()) })
		bad.MulT(nil, y[:1], gaussians(1, in), 1)
		if !math.IsNaN(float64(y[0])) {
			t.Errorf("%v: a NaN weight gave %g", f, y[0])
		}
	}
}

// TestMulAdd compares the backward products with float64.
func TestMulAdd(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	rapid.Check(t, func(t *rapid.T) {
		m, n, k := rapid.IntRange(1, 30).Draw(t, "m"), rapid.IntRange(1, 40).Draw(t, "n"), rapid.IntRange(1, 150).Draw(t, "k")
		a, b, c := gaussians(1, m*k), gaussians(2, k*n), gaussians(3, m*n)
		nn, tn, transposed := slices.Clone(c), slices.Clone(c), make([]float32, m*k)
		for i := range m {
			for p := range k {
				transposed[p*m+i] = a[i*k+p]
			}
		}
		MulNN(pool, nn, a, b, m, n, k)
		MulTN(pool, tn, transposed, b, m, n, k)
		for i := range m {
			for j := range n {
				want := float64(c[i*n+j])
				for p := range k {
					want += float64(a[i*k+p]) * float64(b[p*n+j])
				}
				if got := float64(nn[i*n+j]); math.Abs(got-want) > 1e-4 {
					t.Fatalf("NN[%d,%d] = %g, want %g", i, j, got, want)
				}
			}
		}
		if !slices.Equal(nn, tn) {
			t.Fatalf("NN and TN differ")
		}
	})
}

func TestProductsAllocateNothing(t *testing.T) {
	const out, in, rows = 67, 256, 2
	pool := NewPool(2)
	defer pool.Close()
	x, y := gaussians(1, rows*in), make([]float32, rows*out)
	for _, f := range allFormats(t) {
		m, _ := packGaussians(f, out, in)
		m.MulT(pool, y, x, rows)
		if got := sharedtest.AllocsPerRun(t, 50, func() { m.MulT(pool, y, x, rows) }); got != 0 {
			t.Errorf("%v: %v allocations a product, want 0", f, got)
		}
	}
}

func TestFormatNames(t *testing.T) {
	for _, f := range allFormats(t) {
		if f.WideX {
			continue
		}
		if got, err := ParseFormat(f.String()); err != nil || got != f {
			t.Errorf("ParseFormat(%q) = %+v, %v; want %+v", f, got, err, f)
		}
	}
	for alias, want := range map[string]string{
		"": "f32", "int8-row": "int8", "int4-g64": "int4", "int8a8-row": "int8a8", "int4a8-g64": "int4a8",
	} {
		got, err := ParseFormat(alias)
		if err != nil || got.String() != want || alias != "" && !slices.Contains(FormatNames, alias) {
			t.Errorf("ParseFormat(%q) = %v, %v; want %s, and the name among %q", alias, got, err, want, FormatNames)
		}
	}
	for _, name := range []string{"int3", "f16", "int8-", "int8-g65", "int8-64", "bf16-g64", "nf4-g64", "-g64"} {
		if f, err := ParseFormat(name); err == nil {
			t.Errorf("ParseFormat(%q) = %v, want an error", name, f)
		}
	}
}
