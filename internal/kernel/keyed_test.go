package kernel

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/archbench/archbench/internal/sharedtest"
)

// keyedShape is the shape of a test case.
type keyedShape struct {
	length, heads, values, keys int
	shared                      bool // hop and η are the same for all tokens
}

// keyedCase returns keyed resolvents over random data inside wider rows, from a state as after some tokens.
func keyedCase(r *rand.Rand, s keyedShape) *Keyed {
	rows := func(cols int) Rows { return Rows{normals(r, max(1, s.length)*(cols+3)), cols + 3}.From(0, 2) }
	k := &Keyed{
		Len: s.length, Heads: s.heads, Values: s.values, Keys: s.keys,
		A: rows(s.heads), Hop: rows(s.heads), Eta: rows(s.heads), U: rows(s.heads * s.values), Key: rows(s.keys), Query: rows(s.keys),
		G: NewComplex(s.heads), Y: normals(r, s.heads*s.values*s.keys),
		Born: true, Cayley: true, Out: rows(s.heads * s.values), QRe: rows(s.heads), QIm: rows(s.heads),
	}
	for i, v := range k.Eta.Data {
		k.Eta.Data[i] = float32([]float64{1, .3, 2e-2}[i%3] * math.Exp(0.3*float64(v)))
		k.Hop.Data[i] = 0.05 + float32(math.Abs(float64(k.Hop.Data[i])))
	}
	for t := range s.length {
		unit(rowOf(k.Key, t, s.keys))
		unit(rowOf(k.Query, t, s.keys))
	}
	if s.shared {
		k.Hop.Stride, k.Eta.Stride = 0, 0
	}
	for h := range s.heads {
		k.G.Set(h, complex(r.NormFloat64(), .1+r.ExpFloat64()))
	}
	return k
}

// unit divides x by its length.
func unit(x []float32) {
	scale := float32(1 / math.Sqrt(float64(dotInOrder(x, x))+1e-6))
	for i := range x {
		x[i] *= scale
	}
}

// empty makes the state that of a new document.
func (k *Keyed) empty() *Keyed {
	k.G.Clear()
	clear(k.Y)
	return k
}

// sibling returns a copy of k with its own state and outputs.
func (k *Keyed) sibling() *Keyed {
	s := *k
	s.G, s.Y = k.G.Clone(), unaligned(k.Y)
	for _, r := range []*Rows{&s.Out, &s.QRe, &s.QIm} {
		r.Data = unaligned(r.Data)
	}
	return &s
}

// keyedDefinition is a document's keyed resolvents in float64, as they are defined.
type keyedDefinition struct {
	g    []complex128 // [len+1, heads]
	out  []float64    // [len, heads, values]
	y    []float64    // [len+1, heads, keys, values]
	r, n []float64    // [len, heads]
}

// at is the index of a product in the state of token t.
func (k *Keyed) at(t, h, key, v int) int { return ((t*k.Heads+h)*k.Keys+key)*k.Values + v }

// stateAt is the index of a product in Y.
func (k *Keyed) stateAt(h, key, v int) int {
	return h*k.Values*k.Keys + ScanIndex(k.Values, k.Keys, v, key)
}

// value returns element c of row t.
func value(x Rows, t, c int) float64 { return float64(x.Data[t*x.Stride+c]) }

// definition runs the recursion.
func (k *Keyed) definition() keyedDefinition {
	d := keyedDefinition{
		g: make([]complex128, (k.Len+1)*k.Heads), out: make([]float64, k.Len*k.Heads*k.Values),
		y: make([]float64, (k.Len+1)*k.Heads*k.Values*k.Keys), r: make([]float64, k.Len*k.Heads), n: make([]float64, k.Len*k.Heads),
	}
	for h := range k.Heads {
		d.g[h] = k.G.At(h)
		for key := range k.Keys {
			for v := range k.Values {
				d.y[k.at(0, h, key, v)] = float64(k.Y[k.stateAt(h, key, v)])
			}
		}
	}
	for t := range k.Len {
		for h := range k.Heads {
			k.step(&d, t, h)
		}
	}
	return d
}

// step advances head h by token t.
func (k *Keyed) step(d *keyedDefinition, t, h int) {
	hop, eta := value(k.Hop, t, h), value(k.Eta, t, h)
	g := 1 / (complex(value(k.A, t, h), -eta) - complex(hop*hop, 0)*d.g[t*k.Heads+h])
	d.g[(t+1)*k.Heads+h] = g
	r, s, n := cmplx.Abs(g), 1.0, 1.0
	if k.Born {
		s, n = math.Sqrt(eta), 1/math.Sqrt(imag(g))
	}
	d.r[t*k.Heads+h], d.n[t*k.Heads+h] = r, n
	for v := range k.Values {
		var read float64
		for key := range k.Keys {
			y := r * (value(k.Key, t, key)*s*value(k.U, t, h*k.Values+v) + hop*d.y[k.at(t, h, key, v)])
			d.y[k.at(t+1, h, key, v)] = y
			read += value(k.Query, t, key) * y
		}
		d.out[(t*k.Heads+h)*k.Values+v] = n * read
	}
}

// worst returns the largest differences of outputs and states from the definition, relative to numbers of size one.
func (k *Keyed) worst(d keyedDefinition) (worst float64) {
	differ := func(got, want float64) {
		if diff := math.Abs(got-want) / (1 + math.Abs(want)); !(diff <= worst) {
			worst = diff
		}
	}
	for t := range k.Len {
		for i := range k.Heads * k.Values {
			differ(value(k.Out, t, i), d.out[t*k.Heads*k.Values+i])
		}
	}
	for h := range k.Heads {
		differ(real(k.G.At(h)), real(d.g[k.Len*k.Heads+h]))
		differ(imag(k.G.At(h)), imag(d.g[k.Len*k.Heads+h]))
		for key := range k.Keys {
			for v := range k.Values {
				differ(float64(k.Y[k.stateAt(h, key, v)]), d.y[k.at(k.Len, h, key, v)])
			}
		}
	}
	return worst
}

// keyedShapes are cases that fill vectors, stretches and chunks, and that do not.
var keyedShapes = []keyedShape{
	{1, 1, 1, 1, false},
	{3, 2, 5, 6, false},
	{ssdStretch, 3, 16, 16, false},
	{ssdStretch + 1, 5, 17, 3, true},
	{ssdStretch + 7, 4, 33, 5, false},
	{3 * ssdStretch, 4, 16, 1, true},
}

func TestKeyedMatchesDefinition(t *testing.T) {
	everyTier(t, func(t *testing.T) {
		for _, s := range keyedShapes {
			for _, born := range []bool{true, false} {
				k := keyedCase(rand.New(rand.NewPCG(1, 1)), s)
				k.Born = born
				want := k.definition()
				k.Run()
				if worst := k.worst(want); !(worst < 2e-5) {
					t.Errorf("%+v, born %t: differs from the definition by %g", s, born, worst)
				}
				for i := range s.length * s.heads {
					at, h := i/s.heads, i%s.heads
					m := cayley(want.g[(at+1)*s.heads+h])
					if d := math.Abs(value(k.QRe, at, h)-real(m)) + math.Abs(value(k.QIm, at, h)-imag(m)); !(d < 1e-6) {
						t.Errorf("%+v: transform of g of head %d at %d differs by %g", s, h, at, d)
					}
				}
			}
		}
	})
}

// TestKeyedPieces checks that a document gives the same results, bit for bit, whole and in pieces, and by single heads.
func TestKeyedPieces(t *testing.T) {
	everyTier(t, func(t *testing.T) {
		const length = 2*ssdStretch + 9
		whole := keyedCase(rand.New(rand.NewPCG(2, 2)), keyedShape{length, 5, 10, 7, false})
		for _, step := range []int{1, 3, ssdStretch - 1, ssdStretch, ssdStretch + 1} {
			want, got := whole.sibling(), whole.sibling()
			want.Run()
			for h := range got.Heads {
				for at := 0; at < length; at += step {
					got.head(h).from(at, min(step, length-at)).Run()
				}
			}
			if !slices.Equal(got.Y, want.Y) || !slices.Equal(got.Out.Data, want.Out.Data) || !slices.Equal(got.QRe.Data, want.QRe.Data) {
				t.Errorf("pieces of %d tokens of single heads differ from the whole", step)
			}
		}
	})
}

// head returns head h alone.
func (k Keyed) head(h int) Keyed {
	size := k.Values * k.Keys
	k.Heads, k.G, k.Y = 1, k.G.Slice(h, h+1), k.Y[h*size:(h+1)*size]
	for _, r := range []*Rows{&k.A, &k.Hop, &k.Eta, &k.QRe, &k.QIm} {
		*r = r.From(0, h)
	}
	k.U, k.Out = k.U.From(0, h*k.Values), k.Out.From(0, h*k.Values)
	return k
}

// from returns n tokens from token t on.
func (k Keyed) from(t, n int) Keyed {
	k.Len = n
	for _, r := range []*Rows{&k.A, &k.Hop, &k.Eta, &k.U, &k.Key, &k.Query, &k.Out, &k.QRe, &k.QIm} {
		*r = r.From(t, 0)
	}
	return k
}

// TestKeyedInvariants checks Ward's identity, that results with one key are weighted sums of values with weights of unit
// norm, and that a value is read back by the key that it was stored under and by no other at a right angle.
func TestKeyedInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 80).Draw(t, "n")
		seed := rapid.Uint64().Draw(t, "seed")
		k := keyedCase(rand.New(rand.NewPCG(seed, 1)), keyedShape{n, 2, n, 2, false}).empty()
		for i := range n {
			values := rowOf(k.U, i, 2*n)
			clear(values)
			values[i], values[n+i] = 1, 1
			angle := float64(i % 2)
			copy(rowOf(k.Key, i, 2), []float32{float32(1 - angle), float32(angle)})
			copy(rowOf(k.Query, i, 2), []float32{1, 1})
		}
		k.Run()
		for i := range n {
			for h := range 2 {
				var squares float64
				for j := range n {
					w := value(k.Out, i, h*n+j)
					if squares += w * w; w < 0 || j > i && w != 0 {
						t.Fatalf("weight of token %d in token %d is %g", j, i, w)
					}
				}
				if math.Abs(squares-1) > 1e-4 {
					t.Fatalf("the squares of the weights of token %d sum to %g", i, squares)
				}
			}
		}
		for h := range 2 {
			for j := range n {
				if stray := k.Y[k.stateAt(h, 1-j%2, j)]; stray != 0 {
					t.Fatalf("token %d left %g under a key at right angles to its own", j, stray)
				}
			}
		}
	})
}

// TestKeyedUnderflow checks that hops which underflow leave nothing of the past.
func TestKeyedUnderflow(t *testing.T) {
	everyTier(t, func(t *testing.T) {
		k := keyedCase(rand.New(rand.NewPCG(3, 3)), keyedShape{6, 2, 3, 4, false})
		for i := range k.Hop.Data {
			k.Hop.Data[i] = []float32{0, 1e-30, 1e-42}[i%3]
		}
		want := k.sibling()
		k.Run()
		want.empty().Run()
		for i, v := range k.Out.Data {
			if d := math.Abs(float64(v - want.Out.Data[i])); i%k.Out.Stride < 6 && !(d < 1e-20) {
				t.Errorf("output %d differs by %g from that of an empty state", i, d)
			}
		}
	})
}

func TestKeyedAllocatesNothing(t *testing.T) {
	k := keyedCase(rand.New(rand.NewPCG(5, 5)), keyedShape{1, 16, 16, 16, false})
	if n := sharedtest.AllocsPerRun(t, 100, k.Run); n != 0 {
		t.Errorf("%v allocations a run, want 0", n)
	}
}

// FuzzKeyed compares every tier with the definition over sizes, and a document in one piece with the same in two.
func FuzzKeyed(f *testing.F) {
	f.Add(uint64(1), uint8(40), uint8(3), uint8(16), uint8(16), uint8(33))
	f.Add(uint64(2), uint8(3), uint8(1), uint8(0), uint8(0), uint8(1))
	f.Fuzz(func(t *testing.T, seed uint64, length, heads, values, keys, cut uint8) {
		n := 1 + int(length)%90
		s := keyedShape{n, 1 + int(heads)%4, 1 + int(values)%35, 1 + int(keys)%20, seed%2 == 1}
		start := keyedCase(rand.New(rand.NewPCG(seed, 0)), s)
		want := start.definition()
		for _, tr := range usableTiers() {
			withTier(t, tr, func() {
				whole, pieces, at := start.sibling(), start.sibling(), int(cut)%n
				whole.Run()
				if worst := whole.worst(want); !(worst < 1e-3) {
					t.Fatalf("%s: %+v differs from the definition by %g", tr.name, s, worst)
				}
				pieces.from(0, at).Run()
				pieces.from(at, n-at).Run()
				if !slices.Equal(pieces.Y, whole.Y) || !slices.Equal(pieces.Out.Data, whole.Out.Data) {
					t.Fatalf("%s: %d tokens cut at %d differ from one piece", tr.name, n, at)
				}
			})
		}
	})
}

// BenchmarkKeyed times 512 tokens, and one, of a layer of bk-keyed-3m on every tier.
func BenchmarkKeyed(b *testing.B) {
	for _, n := range []int{1, 512} {
		eachTier(b, fmt.Sprintf("%d", n), func(b *testing.B, _ *tier) {
			k := keyedCase(rand.New(rand.NewPCG(6, 6)), keyedShape{n, 16, 16, 16, false})
			k.QRe.Data = nil
			for b.Loop() {
				k.Run()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*b.N), "ns/token")
		})
	}
}
