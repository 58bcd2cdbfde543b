package kernel

import (
	"math"
	"sync"
)

// Keyed is one document's piece of the keyed resolvents of several heads (see resolventStep). A head stores products of
// keys and values and reads them with queries; the tokens' keys κ and queries q are shared by the heads. Token t
// advances the state of head h,
//
//	g ← 1/(a − iη − c² g)        Y ← r (κ ⊗ s u + c Y)        r = |g|
//
// and gives o = n Σ_k q_k Y_k with s = √η and n = 1/√(Im g) if Born, else s = n = 1. By Ward's identity the squares of
// the weights of u in o, but for the factor q·κ, sum to 1.
//
// A step of Y is that of an [SSD] whose decay is c r and whose step size is r s, so it runs on the same kernels. Heads are
// independent and each sums in a fixed order: results depend neither on the division of work nor on where a document is
// split.
type Keyed struct {
	Len, Heads, Values, Keys int

	A     Rows      // [len, heads]; site energy minus Re z
	Hop   Rows      // [len, heads]; c. A stride of 0 means the same c for all tokens
	Eta   Rows      // [len, heads]; η. Likewise
	U     Rows      // [len, heads·values]
	Key   Rows      // [len, keys]; κ, no longer than 1
	Query Rows      // [len, keys]; q, likewise
	G     Complex   // [heads]; the state, updated in place
	Y     []float32 // [heads, values, keys], each head in the order of ScanIndex; likewise

	Born   bool
	Out    Rows // [len, heads·values]; o
	Cayley bool
	QRe    Rows // [len, heads]; Re and Im of g, or of (g − i)/(g + i) if Cayley. No data: not wanted
	QIm    Rows

	Saved *KeyedSaved // nil: no backward pass
}

// KeyedSaved is the forward data that the backward pass of a document needs. Its rows may have more heads than a [Keyed]
// over some of them.
type KeyedSaved struct {
	GRe, GIm Rows      // [len+1, heads]; g before the first token and after each
	Y        []float32 // [heads, values, keys]; the products before the first token
}

// leastKept bounds the decay c r, which may underflow.
const leastKept = 1e-30

// keyedTile is one thread's memory for a stretch of tokens. It is pooled, so decoding does not allocate.
type keyedTile struct {
	Keyed
	ssd     SSD        // one head's step of Y
	none    [1]float32 // the SSD's D
	steps   []float32  // [heads, 2·ssdStretch]; each token's decay and step size
	factors []float32  // [heads, ssdStretch]; n
	y       []float32  // [ssdStretch, values]; o/n of one head
}

var keyedTiles = sync.Pool{New: func() any { return new(keyedTile) }}

// Run computes the outputs and advances G and Y.
func (k Keyed) Run() {
	w := keyedTiles.Get().(*keyedTile)
	w.Keyed = k
	w.steps, w.factors = grow(w.steps, k.Heads*2*ssdStretch), grow(w.factors, k.Heads*ssdStretch)
	w.y = grow(w.y, ssdStretch*k.Values)
	if k.Saved != nil {
		w.saveG(0)
		copy(k.Saved.Y, k.Y)
	}
	for from := 0; from < k.Len; from += ssdStretch {
		w.advance(from, min(ssdStretch, k.Len-from))
	}
	w.Keyed, w.ssd = Keyed{}, SSD{}
	keyedTiles.Put(w)
}

// advance runs a stretch of n tokens: first g of all heads, then Y of one head after another.
func (w *keyedTile) advance(from, n int) {
	for t := range n {
		w.sites(from+t, t)
		if w.Saved != nil {
			w.saveG(from + t + 1)
		}
		if w.QRe.Data != nil {
			w.features(from + t)
		}
	}
	for h := range w.Heads {
		w.read(h, from, n)
	}
}

// sites advances g of all heads by token t, the i-th of the stretch, and computes the factors of the row.
func (w *keyedTile) sites(t, i int) {
	a, hops, etas := rowOf(w.A, t, w.Heads), rowOf(w.Hop, t, w.Heads), rowOf(w.Eta, t, w.Heads)
	for h := range a {
		hop, eta := float64(hops[h]), float64(etas[h])
		g := resolventStep(float64(a[h]), eta, hop*hop, w.G.At(h))
		w.G.Set(h, g)
		kept, size, factor := keyedFactors(g, hop, eta, w.Born)
		step := w.steps[2*(h*ssdStretch+i):]
		step[0], step[1] = kept, size
		w.factors[h*ssdStretch+i] = factor
	}
}

// keyedFactors returns the decay c r of a token, its step size r s, and n. It costs 5 FLOPs for the first two, and 4 more
// for the norm.
func keyedFactors(g complex128, hop, eta float64, born bool) (kept, size, factor float32) {
	r := math.Sqrt(real(g)*real(g) + imag(g)*imag(g))
	kept = float32(max(hop*r, leastKept))
	if !born {
		return kept, float32(r), 1
	}
	return kept, float32(r * math.Sqrt(eta)), float32(1 / math.Sqrt(imag(g)))
}

// saveG saves g as that before token t.
func (w *keyedTile) saveG(t int) {
	re, im := rowOf(w.Saved.GRe, t, w.Heads), rowOf(w.Saved.GIm, t, w.Heads)
	for h := range re {
		re[h], im[h] = float32(w.G.Re[h]), float32(w.G.Im[h])
	}
}

// features writes g of token t, or its transform.
func (w *keyedTile) features(t int) {
	re, im := rowOf(w.QRe, t, w.Heads), rowOf(w.QIm, t, w.Heads)
	for h := range re {
		q := w.G.At(h)
		if w.Cayley {
			q = cayley(q)
		}
		re[h], im[h] = float32(real(q)), float32(imag(q))
	}
}

// read advances Y of head h by n tokens and writes o.
func (w *keyedTile) read(h, from, n int) {
	size := w.Values * w.Keys
	w.ssd = SSD{
		Len: n, Heads: 1, Dim: w.Values, Groups: 1, States: w.Keys,
		X: w.U.From(from, h*w.Values), B: w.Key.From(from, 0), C: w.Query.From(from, 0), D: w.none[:],
		H: w.Y[h*size:][:size], Y: w.y,
	}
	steps := w.steps[2*h*ssdStretch:][:2*n]
	for lo := 0; lo < w.Values; lo += scanBlock {
		active.scan.ssd(&w.ssd, 0, 0, steps, lo, min(w.Values, lo+scanBlock))
	}
	for t, f := range w.factors[h*ssdStretch:][:n] {
		out := rowOf(w.Out.From(from+t, h*w.Values), 0, w.Values)
		for j, v := range w.y[t*w.Values:][:w.Values] {
			out[j] = f * v
		}
	}
}
