package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/sharedtest"
)

// chainsCase returns chains over random data inside wider rows, as in the models. Every third head has a small η.
func chainsCase(r *rand.Rand, length, heads, values int, fixedHop bool) *Chains {
	rows := func(cols int) Rows { return Rows{normals(r, max(1, length)*(cols+3)), cols + 3}.From(0, 2) }
	c := &Chains{
		Len: length, Heads: heads, Values: values, A: rows(heads), Hop: rows(heads), Eta: make([]float32, heads),
		G: NewComplex(heads), Y: NewComplex(heads * values), Born: true, Cayley: true, QRe: rows(heads), QIm: rows(heads),
	}
	if fixedHop {
		c.Hop.Stride = 0
	}
	if values > 0 {
		c.U, c.ZRe, c.ZIm = rows(heads*values), rows(heads*values), rows(heads*values)
	}
	for h := range c.Eta {
		c.Eta[h] = []float32{1, .3, 2e-3}[h%3]
		c.G.Set(h, complex(r.NormFloat64(), .1+r.ExpFloat64()))
	}
	for i := range c.Y.Re {
		c.Y.Set(i, complex(r.NormFloat64(), r.NormFloat64()))
	}
	return c
}

// sibling returns a copy of c with its own state and outputs.
func (c *Chains) sibling() *Chains {
	s := *c
	s.G, s.Y = c.G.Clone(), c.Y.Clone()
	for _, r := range []*Rows{&s.ZRe, &s.ZIm, &s.QRe, &s.QIm} {
		r.Data = unaligned(r.Data)
	}
	return &s
}

// differences returns the largest difference of states, relative to their size, and of outputs, in ulps of numbers no
// smaller than one.
func (c *Chains) differences(d *Chains) (states, outputs float64) {
	for _, p := range [][2][]float64{{c.G.Re, d.G.Re}, {c.G.Im, d.G.Im}, {c.Y.Re, d.Y.Re}, {c.Y.Im, d.Y.Im}} {
		for i, v := range p[0] {
			if w := p[1][i]; v != w && (v == v || w == w) {
				states = max(states, math.Abs(v-w)/(1+math.Abs(v)))
			}
		}
	}
	for _, p := range [][2]Rows{{c.ZRe, d.ZRe}, {c.ZIm, d.ZIm}, {c.QRe, d.QRe}, {c.QIm, d.QIm}} {
		for i, v := range p[0].Data {
			if w := p[1].Data[i]; v != w && (v == v || w == w) {
				outputs = max(outputs, math.Abs(float64(v-w))/(1+math.Abs(float64(v)))*0x1p23)
			}
		}
	}
	return states, outputs
}

// TestTierChains compares every tier with the reference, including lanes that do not fill a vector and tokens that do
// not fill a stretch.
func TestTierChains(t *testing.T) {
	for _, tr := range tiers {
		if tr == &reference || !tr.usable() {
			continue
		}
		r := rand.New(rand.NewPCG(1, 1))
		for _, length := range []int{1, 2, resolventStretch + 5} {
			for _, heads := range []int{1, 3, 4, 5, 8, 9, 12, 15, 16, 17, 33} {
				for _, values := range []int{0, 1, 5, 8, 16, 19} {
					want := chainsCase(r, length, heads, values, heads%2 == 0)
					want.Born, want.Cayley = length != 2, heads != 3
					got := want.sibling()
					withTier(t, &reference, want.Run)
					withTier(t, tr, got.Run)
					if states, outputs := want.differences(got); !(states < 1e-11) || !(outputs <= 1) {
						t.Errorf("%s: %d tokens of %d heads of %d values: states differ by %g, outputs by %g ulp",
							tr.name, length, heads, values, states, outputs)
					}
				}
			}
		}
	}
}

// TestTierChainsOfExtremes checks that non-finite values stay in their head and are of the same kind as in the
// reference.
func TestTierChainsOfExtremes(t *testing.T) {
	for _, tr := range tiers {
		if !tr.usable() {
			continue
		}
		want := chainsCase(rand.New(rand.NewPCG(2, 2)), 3, 6, 2, false)
		want.A.Data[0], want.A.Data[1], want.U.Data[5] = float32(math.Inf(1)), float32(math.NaN()), float32(math.Inf(-1))
		want.A.Data[3], want.Hop.Data[3], want.Eta[3] = 1e-40, 1e-40, 1e-30
		got := want.sibling()
		withTier(t, &reference, want.Run)
		withTier(t, tr, got.Run)
		for h := range want.Heads {
			a, b := want.G.At(h), got.G.At(h)
			if class(float32(real(a))) != class(float32(real(b))) || class(float32(imag(a))) != class(float32(imag(b))) {
				t.Errorf("%s: g of head %d is %v, want %v", tr.name, h, b, a)
			}
		}
		if z := got.ZRe.Data[4]; z != z { // the first value of head 2, beside that of an infinite u
			t.Errorf("%s: z is %v", tr.name, z)
		}
	}
}

// TestChainsApart checks that walking chains together equals, bit for bit, walking them alone and in pieces.
func TestChainsApart(t *testing.T) {
	const length, heads, values = 71, 13, 7
	for _, tr := range tiers {
		if !tr.usable() {
			continue
		}
		withTier(t, tr, func() {
			whole := chainsCase(rand.New(rand.NewPCG(3, 3)), length, heads, values, false)
			for _, step := range []int{1, 3, 31, 32, 33, 70} {
				for _, together := range []int{1, 2, 5, heads} {
					t.Run(fmt.Sprintf("%s/%d tokens/%d heads", tr.name, step, together), func(t *testing.T) {
						want, got := whole.sibling(), whole.sibling()
						want.Run()
						for h := 0; h < heads; h += together {
							part := got.heads(h, min(heads, h+together))
							for at := 0; at < length; at += step {
								part.From(at, min(step, length-at)).Run()
							}
						}
						if states, outputs := want.differences(got); states != 0 || outputs != 0 {
							t.Errorf("states differ by %g, outputs by %g ulp", states, outputs)
						}
					})
				}
			}
		})
	}
}

// heads returns heads [lo, hi).
func (c Chains) heads(lo, hi int) Chains {
	v := c.Values
	c.Heads, c.Eta, c.G, c.Y = hi-lo, c.Eta[lo:hi], c.G.Slice(lo, hi), c.Y.Slice(lo*v, hi*v)
	for _, r := range []*Rows{&c.A, &c.Hop, &c.QRe, &c.QIm} {
		*r = r.From(0, lo)
	}
	for _, r := range []*Rows{&c.U, &c.ZRe, &c.ZIm} {
		*r = r.From(0, lo*v)
	}
	return c
}

// TestChainsWriteTheirRowsOnly checks that memory between the output rows is untouched.
func TestChainsWriteTheirRowsOnly(t *testing.T) {
	c := chainsCase(rand.New(rand.NewPCG(4, 4)), 3, 5, 3, false)
	before := slices.Clone(c.ZRe.Data)
	c.Run()
	for i, v := range c.ZRe.Data {
		if inside := i%c.ZRe.Stride < c.Heads*c.Values; inside == (v == before[i]) {
			t.Errorf("column %d of row %d: written %t, want %t", i%c.ZRe.Stride, i/c.ZRe.Stride, v != before[i], inside)
		}
	}
}

func TestChainsAllocateNothing(t *testing.T) {
	c := chainsCase(rand.New(rand.NewPCG(5, 5)), 1, 12, 16, false)
	if n := sharedtest.AllocsPerRun(t, 100, c.Run); n != 0 {
		t.Errorf("%v allocations a run, want 0", n)
	}
}

// BenchmarkChains times 512 tokens of a layer of bk-row-3m, bk-diag-3m and bk-original-3m on every tier.
func BenchmarkChains(b *testing.B) {
	for _, size := range [][2]int{{12, 16}, {64, 0}, {1, 0}} {
		eachTier(b, fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B, _ *tier) {
			c := chainsCase(rand.New(rand.NewPCG(6, 6)), 512, size[0], size[1], false)
			for b.Loop() {
				c.Run()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(512*b.N), "ns/token")
		})
	}
}
