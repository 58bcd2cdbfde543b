package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// close32 reports whether two numbers agree to a few units in the last place of numbers of size scale.
func close32(a, b float32, scale float64) bool {
	if math.IsNaN(float64(a)) || math.IsNaN(float64(b)) || math.IsInf(float64(a), 0) || math.IsInf(float64(b), 0) {
		return a == b || a != a && b != b
	}
	return math.Abs(float64(a)-float64(b)) <= 4e-7*(scale+math.Abs(float64(a)))
}

func TestScanTokenAVX512(t *testing.T) {
	if !avx512.usable() {
		t.Skip("this CPU has no AVX-512")
	}
	r := rand.New(rand.NewPCG(1, 1))
	for states := 1; states <= 16; states++ {
		for _, channels := range []int{1, 3, 65} {
			want := scanCase(r, 2, channels, states)
			want.Delta[channels], want.U[channels/2] = 0, float32(math.Inf(1))
			want.H[len(want.H)/2] = float32(math.NaN())
			want.A[len(want.A)-1] = -1e30 // its decay is 0
			got := want
			got.H, got.Y = slices.Clone(want.H), slices.Clone(want.Y)
			for at := range want.Len {
				want.token(make([]float32, channels*states), at, 0, channels)
				if !scanToken512(&got, at, 0, channels) {
					t.Fatalf("%d states are refused", states)
				}
			}
			for i := range want.H {
				if !close32(want.H[i], got.H[i], 1) {
					t.Fatalf("%d channels of %d states: state %d is %v, want %v", channels, states, i, got.H[i], want.H[i])
				}
			}
			for i := range want.Y {
				if !close32(want.Y[i], got.Y[i], 10) {
					t.Fatalf("%d channels of %d states: output %d is %v, want %v", channels, states, i, got.Y[i], want.Y[i])
				}
			}
		}
	}
	if wide := scanCase(r, 1, 2, 17); scanToken512(&wide, 0, 0, 2) {
		t.Error("17 states do not fit a vector")
	}
}

func TestSSDStepAndAddMulAVX512(t *testing.T) {
	if !avx512.usable() {
		t.Skip("this CPU has no AVX-512")
	}
	r := rand.New(rand.NewPCG(2, 2))
	for n := 1; n < 140; n++ {
		h, b, c := normals(r, n), normals(r, n), normals(r, n)
		if n%7 == 3 {
			h[n/2] = float32(math.Inf(-1))
		}
		got := slices.Clone(h)
		want, y := ssdStep(h, b, c, .7, 1.3), scanAVX512.channel(got, b, c, .7, 1.3)
		if !close32(want, y, 10) {
			t.Fatalf("%d states: output %v, want %v", n, y, want)
		}
		for i := range h {
			if !close32(h[i], got[i], 2) {
				t.Fatalf("%d states: state %d is %v, want %v", n, i, got[i], h[i])
			}
		}
		sum, fast := slices.Clone(c), slices.Clone(c)
		addMulReference(sum, b, h)
		scanAVX512.addMul(fast, b, h)
		for i := range sum {
			if !close32(sum[i], fast[i], 10) {
				t.Fatalf("%d elements: sum %d is %v, want %v", n, i, fast[i], sum[i])
			}
		}
	}
	scanAVX512.addMul(nil, nil, nil)
}
