package half

import (
	"math"
	"math/rand/v2"
	"testing"
)

// format is one of the two formats with its layout.
type format struct {
	name   string
	widen  func(uint16) float32
	narrow func(float32) uint16
	inf    uint16 // bits of +infinity; every finite positive value is below
}

var formats = []format{
	{"bf16", FromBF16, ToBF16, 0x7f80},
	{"f16", FromF16, ToF16, 0x7c00},
}

func TestRoundTripOfEveryValue(t *testing.T) {
	for _, f := range formats {
		for b := range 1 << 16 {
			wide := f.widen(uint16(b))
			isNaN := uint16(b)&0x7fff > f.inf
			if isNaN != math.IsNaN(float64(wide)) {
				t.Fatalf("%s %#04x widens to %v", f.name, b, wide)
			}
			got := f.narrow(wide)
			if !isNaN && got != uint16(b) {
				t.Fatalf("%s %#04x widens to %v, which narrows to %#04x", f.name, b, wide, got)
			}
			if isNaN && (got&0x7fff <= f.inf || got>>15 != uint16(b)>>15) {
				t.Fatalf("%s NaN %#04x narrows to %#04x", f.name, b, got)
			}
		}
	}
}

// TestEveryGap narrows values around the midpoint of every two neighbours, which must round to nearest, ties to even.
func TestEveryGap(t *testing.T) {
	for _, f := range formats {
		for b := range f.inf {
			lo, hi := float64(f.widen(b)), float64(f.widen(b+1))
			if b+1 == f.inf { // the next value if the exponent range continued
				hi = 2*lo - float64(f.widen(b-1))
			}
			mid := float32((lo + hi) / 2) // exact: float32 has at least one more fraction bit
			even := b + b&1
			for _, c := range []struct {
				in   float32
				want uint16
			}{
				{math.Nextafter32(mid, -1), b}, {mid, even}, {math.Nextafter32(mid, math.MaxFloat32), b + 1},
			} {
				if got := f.narrow(c.in); got != c.want {
					t.Fatalf("%s: %v narrows to %#04x, want %#04x", f.name, c.in, got, c.want)
				}
				if got := f.narrow(-c.in); got != c.want|0x8000 {
					t.Fatalf("%s: %v narrows to %#04x, want %#04x", f.name, -c.in, got, c.want|0x8000)
				}
			}
		}
	}
}

// TestRandomBitsAgainstNeighbours checks |narrowed - x| against both neighbours for arbitrary float32 bits.
func TestRandomBitsAgainstNeighbours(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, f := range formats {
		for range 500_000 {
			x := math.Float32frombits(r.Uint32())
			b := f.narrow(x)
			if math.IsNaN(float64(x)) || b&0x7fff >= f.inf-1 {
				continue
			}
			err := math.Abs(float64(f.widen(b)) - float64(x))
			up := math.Abs(float64(f.widen(b+1)) - float64(x))
			down := up
			if b&0x7fff != 0 {
				down = math.Abs(float64(f.widen(b-1)) - float64(x))
			}
			if err > up || err > down {
				t.Fatalf("%s: %v narrows to %#04x, a neighbour is nearer", f.name, x, b)
			}
		}
	}
}

func TestKnownValues(t *testing.T) {
	cases := []struct {
		in        float32
		bf16, f16 uint16
	}{
		{0, 0, 0}, {float32(math.Copysign(0, -1)), 0x8000, 0x8000}, {1, 0x3f80, 0x3c00}, {-2, 0xc000, 0xc000},
		{65504, 0x4780, 0x7bff}, {65520, 0x4780, 0x7c00}, {0x1p-24, 0x3380, 0x0001}, {0x1p-25, 0x3300, 0x0000},
		{math.MaxFloat32, 0x7f80, 0x7c00}, {float32(math.Inf(-1)), 0xff80, 0xfc00}, {3.140625, 0x4049, 0x4248},
	}
	for _, c := range cases {
		if got := ToBF16(c.in); got != c.bf16 {
			t.Errorf("ToBF16(%v) = %#04x, want %#04x", c.in, got, c.bf16)
		}
		if got := ToF16(c.in); got != c.f16 {
			t.Errorf("ToF16(%v) = %#04x, want %#04x", c.in, got, c.f16)
		}
	}
}

func TestSlices(t *testing.T) {
	src := []float32{1, -0.5, 3.14159, 1e-40}
	packed, wide := make([]uint16, 4), make([]float32, 4)
	NarrowBF16(packed, src)
	WidenBF16(wide, packed)
	for i := range src {
		if want := FromBF16(ToBF16(src[i])); wide[i] != want {
			t.Errorf("element %d: %v, want %v", i, wide[i], want)
		}
	}
}
