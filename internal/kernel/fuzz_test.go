package kernel

import (
	"math"
	"slices"
	"testing"
)

// FuzzProduct compares the products of every tier with the reference over sizes and formats, and one thread with two.
func FuzzProduct(f *testing.F) {
	pool := NewPool(2)
	f.Cleanup(pool.Close)
	formats := allFormats(f)
	for i := range formats {
		f.Add(uint8(i), uint8(i), uint8(33+i), uint16(64+i))
	}
	f.Fuzz(func(t *testing.T, format, rows, out uint8, in uint16) {
		m, n, k := 1+int(rows)%64, 1+int(out), 1+int(in)%600
		w := newFuzzMatrix(formats[int(format)%len(formats)], n, k)
		x := gaussians(uint64(m), m*k+1)[1:]
		want := make([]float32, m*n)
		withTier(t, &reference, func() { w(m).MulT(nil, want, x, m) })
		for _, tr := range usableTiers() {
			withTier(t, tr, func() { compareFuzz(t, tr, w(m), pool, want, x, m) })
		}
	})
}

// newFuzzMatrix returns a function that packs a matrix for the active tier.
func newFuzzMatrix(f Format, out, in int) func(seed int) Matrix {
	return func(seed int) Matrix {
		w := gaussians(uint64(seed), out*in)
		return NewMatrix(f, out, in, func(o int, dst []float32) { copy(dst, w[o*in:]) })
	}
}

func compareFuzz(t *testing.T, tr *tier, w Matrix, pool *Pool, want, x []float32, rows int) {
	got, shared := make([]float32, len(want)), make([]float32, len(want))
	w.MulT(nil, got, x, rows)
	w.MulT(pool, shared, x, rows)
	if !slices.Equal(got, shared) {
		t.Fatalf("%s %v: %d rows depend on the threads", tr.name, w.Format(), rows)
	}
	out, in := w.Shape()
	for i, v := range got {
		if !(math.Abs(float64(v-want[i])) <= 1e-5*math.Sqrt(float64(in))) {
			t.Fatalf("%s %v [%d,%d]·%d: output %d is %g, reference %g", tr.name, w.Format(), out, in, rows, i, v, want[i])
		}
	}
}

// FuzzMulAdd compares the backward products of every tier with float64, over sizes.
func FuzzMulAdd(f *testing.F) {
	pool := NewPool(2)
	f.Cleanup(pool.Close)
	for _, s := range gradSizes {
		f.Add(uint8(s[0]), uint16(s[1]), uint16(s[2]), true)
		f.Add(uint8(s[0]), uint16(s[1]), uint16(s[2]), false)
	}
	f.Fuzz(func(t *testing.T, m uint8, n, k uint16, turned bool) {
		for _, tr := range usableTiers() {
			compareMulAdd(t, tr, []*Pool{nil, pool}, 1+int(m)%80, 1+int(n)%150, 1+int(k)%900, int(m)%4, turned)
		}
	})
}

// FuzzRows compares every tier's elementwise and row kernels with the reference over lengths, alignments and, where
// elements are independent, arbitrary bits.
func FuzzRows(f *testing.F) {
	for i := range rowOps {
		f.Add(uint8(i), uint16(16+i), uint8(i), uint32(0x7f800000), uint32(0x80000001), uint32(0xc1c80000))
	}
	f.Fuzz(func(t *testing.T, op uint8, n uint16, offset uint8, a, b, c uint32) {
		row := &rowOps[int(op)%len(rowOps)]
		var special []float32
		if !row.sums {
			special = []float32{math.Float32frombits(a), math.Float32frombits(b), math.Float32frombits(c)}
		}
		for _, tr := range usableTiers() {
			if worst := compareRow(t, tr, row, int(n)%700, int(offset)%16, special); !(worst <= row.ulps) {
				t.Errorf("%s %s of %d elements is %.3g ulp from the reference, which exceeds %g", tr.name, row.name, n, worst, row.ulps)
			}
		}
	})
}
