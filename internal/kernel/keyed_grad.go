package kernel

import (
	"math/cmplx"
	"sync"
)

// KeyedGrad is the backward pass of a [Keyed] whose Saved was filled. It adds to the given gradients. Tokens are taken a
// chunk at a time, as a product with the weights of the values in the results: inside a chunk
//
//	ỹ = W u + e ∘ (Q Y_0)      Y_T = e_T Y_0 + Kᵀ (D_T ∘ u)      W = (Q Kᵀ) ∘ D,   o = n ỹ
//
// with D_ij = r_j s_j Π c_m r_m over j < m ≤ i, 0 for j > i, and e_i = Π c_m r_m over the chunk's m ≤ i. The rows of D
// and e follow from the row above by one product, without logarithms, whose differences would need float64.
//
// Let ȳ = n ō be the adjoint of ỹ, S_i = ō_i·o_i, C_j = u_j·ū_j, and X the adjoint of the state after the chunk. Then
// C_j is also the adjoint of ln(r_j s_j), and that of ln(c_i r_i) is L_i = Σ_{m≥i} (S_m − C_m) + X·Y_T. The chain follows
// as in [ResolventTrace.Backward], from
//
//	ḡ = (C + L) g/|g|² − i S/(2 Im g)      η̄ += C/(2η)      c̄ += L/c
//
// without the terms of S and C if not Born. The state before the piece gets no gradient.
type KeyedGrad struct {
	Keyed
	DOut       Rows // [len, heads·values]
	DQRe, DQIm Rows // [len, heads]; no data: no features
	DA         Rows // [len, heads]
	DHop, DEta Rows // [len, heads]; a stride of 0 sums over tokens
	DU         Rows // [len, heads·values]
	DKey       Rows // [len, keys]; the part of these heads
	DQuery     Rows // [len, keys]; likewise
}

// keyedBack is one thread's memory for the backward pass. It is pooled, so a steady state does not allocate. Matrices
// with a column per value of every head are width wide.
type keyedBack struct {
	KeyedGrad
	width int
	later []complex128 // [heads]; c² conj(g²) A of the token after
	decay []float64    // [heads]; X·Y_T
	ends  []float32    // [heads]; e_T
	kept  []float32    // [heads, n]; c r
	size  []float32    // [heads, n]; r s
	score []float32    // [heads, n]; S
	sum   []float32    // [heads, n]; C

	y, after     []float32 // [keys, width]; the states before and after the chunk
	adjoint      []float32 // [keys, width]; X
	dy, dyKept   []float32 // [n, width]; ȳ, and e ∘ ȳ
	du, stored   []float32 // [n, width]; ū, and D_T ∘ u
	read         []float32 // [n, width]; K X
	products     []float32 // [n, n]; Q Kᵀ
	dProducts    []float32 // [n, n]
	d, w, dw     []float32 // [n, n]; D, W and the adjoint of W, of one head
	dKey, dQuery []float32 // [n, keys]
}

var keyedBacks = sync.Pool{New: func() any { return new(keyedBack) }}

// Run adds to all gradients.
func (k KeyedGrad) Run() {
	if k.Len == 0 {
		return
	}
	w := keyedBacks.Get().(*keyedBack)
	w.begin(k)
	last := (k.Len - 1) / KeyedChunk * KeyedChunk
	for from := last; from >= 0; from -= KeyedChunk {
		w.chunk(from, min(KeyedChunk, k.Len-from), from == last)
	}
	w.KeyedGrad = KeyedGrad{}
	keyedBacks.Put(w)
}

// begin makes room, and sets the adjoints after the last token to zero.
func (w *keyedBack) begin(k KeyedGrad) {
	const n = KeyedChunk
	w.KeyedGrad, w.width = k, k.Heads*k.Values
	w.later, w.decay, w.ends = grow(w.later, k.Heads), grow(w.decay, k.Heads), grow(w.ends, k.Heads)
	for _, x := range []*[]float32{&w.kept, &w.size, &w.score, &w.sum} {
		*x = grow(*x, k.Heads*n)
	}
	for _, x := range []*[]float32{&w.y, &w.after, &w.adjoint} {
		*x = grow(*x, k.Keys*w.width)
	}
	for _, x := range []*[]float32{&w.dy, &w.dyKept, &w.du, &w.stored, &w.read} {
		*x = grow(*x, n*w.width)
	}
	for _, x := range []*[]float32{&w.products, &w.dProducts, &w.d, &w.w, &w.dw} {
		*x = grow(*x, n*n)
	}
	w.dKey, w.dQuery = grow(w.dKey, n*k.Keys), grow(w.dQuery, n*k.Keys)
	clear(w.later)
	clear(w.after)
	clear(w.adjoint)
}

// chunk adds the gradients of n tokens and moves the adjoints before them.
func (w *keyedBack) chunk(from, n int, last bool) {
	w.loadState(from)
	w.prepare(from, n)
	w.matrices(from, n, last)
	for h := range w.Heads {
		w.chain(h, from, n)
	}
	w.y, w.after = w.after, w.y
}

// loadState copies the state before token from, one row per key, and takes its product with the adjoint of the state
// after the chunk.
func (w *keyedBack) loadState(from int) {
	saved := w.Saved.Y.From(from/KeyedChunk, 0).Data
	for h := range w.Heads {
		w.decay[h] = 0
		for lo := 0; lo < w.Values; lo += scanBlock {
			width := min(scanBlock, w.Values-lo)
			for k := range w.Keys {
				at := k*w.width + h*w.Values + lo
				copy(w.y[at:at+width], saved)
				saved = saved[width:]
				w.decay[h] += float64(active.dot(w.adjoint[at:at+width], w.after[at:at+width]))
			}
		}
	}
}

// prepare computes the factors of the tokens, ȳ, e ∘ ȳ and S.
func (w *keyedBack) prepare(from, n int) {
	for h := range w.Heads {
		e, at := float32(1), h*w.Values
		for t := range n {
			g, hop, eta := w.site(from+t, h)
			kept, size, factor := keyedFactors(g, hop, eta, w.Born)
			if e *= kept; e < leastKept {
				e = 0
			}
			w.kept[h*n+t], w.size[h*n+t] = kept, size
			out, dout := w.Out.From(from+t, at).Data[:w.Values], w.DOut.From(from+t, at).Data[:w.Values]
			dy, dyKept := w.dy[t*w.width+at:][:w.Values], w.dyKept[t*w.width+at:][:w.Values]
			for j, v := range dout {
				dy[j], dyKept[j] = factor*v, e*factor*v
			}
			w.score[h*n+t] = active.dot(out, dout)
		}
		w.ends[h] = e
	}
}

// site returns g after token t, its hop and η.
func (w *keyedBack) site(t, h int) (g complex128, hop, eta float64) {
	return w.g(t+1, h), float64(w.Hop.From(t, h).Data[0]), float64(w.Eta.From(t, h).Data[0])
}

// g returns g before token t.
func (w *keyedBack) g(t, h int) complex128 {
	return complex(float64(w.Saved.GRe.From(t, h).Data[0]), float64(w.Saved.GIm.From(t, h).Data[0]))
}

// matrices adds to the gradients of values, keys and queries, and moves the adjoint of the state before the chunk. After
// the last chunk that adjoint is zero.
func (w *keyedBack) matrices(from, n int, last bool) {
	mul := &active.attention
	keys, queries, wide := w.Key.From(from, 0), w.Query.From(from, 0), w.width
	adjoint := Rows{w.adjoint, wide}
	square, dSquare := Rows{w.products, n}, Rows{w.dProducts, n}
	dKey, dQuery := Rows{w.dKey, w.Keys}, Rows{w.dQuery, w.Keys}
	clear(w.dProducts[:n*n])
	clear(w.du[:n*wide])
	mul.mulT(square, queries, keys, n, n, w.Keys)
	if !last {
		clear(w.read[:n*wide])
		mul.mulAdd(Rows{w.read, wide}, keys, adjoint, n, wide, w.Keys)
	}
	for h := range w.Heads {
		w.head(h, from, n, last)
	}
	if last {
		clear(w.dKey[:n*w.Keys])
	} else {
		mul.mulT(dKey, Rows{w.stored, wide}, adjoint, n, w.Keys, wide)
		w.shrinkAdjoint()
	}
	mul.mulT(dQuery, Rows{w.dyKept, wide}, Rows{w.y, wide}, n, w.Keys, wide)
	mul.mulTAdd(dKey, dSquare, queries, n, w.Keys, n)
	mul.mulAdd(dQuery, dSquare, keys, n, w.Keys, n)
	mul.mulTAdd(adjoint, queries, Rows{w.dyKept, wide}, w.Keys, wide, n)
	for t := range n {
		addTo(w.DKey.From(from+t, 0).Data, w.dKey[t*w.Keys:][:w.Keys])
		addTo(w.DQuery.From(from+t, 0).Data, w.dQuery[t*w.Keys:][:w.Keys])
	}
}

// head adds head h's part of ū, C, D_T ∘ u and the adjoint of Q Kᵀ.
func (w *keyedBack) head(h, from, n int, last bool) {
	mul, at := &active.attention, h*w.Values
	w.weights(h, n)
	square, dw := Rows{w.w, n}, Rows{w.dw, n}
	dy, u, du := Rows{w.dy[at:], w.width}, w.U.From(from, at), Rows{w.du[at:], w.width}
	clear(w.w[:n*n])
	active.addMul(w.w[:n*n], w.products[:n*n], w.d[:n*n])
	mul.mulT(dw, dy, u, n, n, w.Values)
	active.addMul(w.dProducts[:n*n], w.dw[:n*n], w.d[:n*n])
	mul.mulTAdd(du, square, dy, n, w.Values, n)
	for t := range n {
		u, du := u.From(t, 0).Data[:w.Values], du.From(t, 0).Data[:w.Values]
		if !last {
			stays := w.d[(n-1)*n+t]
			active.axpy(stays, w.read[t*w.width+at:][:w.Values], du)
			stored := w.stored[t*w.width+at:][:w.Values]
			clear(stored)
			active.axpy(stays, u, stored)
		}
		w.sum[h*n+t] = active.dot(u, du)
		addTo(w.DU.From(from+t, at).Data, du)
	}
}

// shrinkAdjoint lets the adjoint of the state decay to the chunk's start.
func (w *keyedBack) shrinkAdjoint() {
	for k := range w.Keys {
		for h, e := range w.ends {
			active.attention.scale(w.adjoint[k*w.width+h*w.Values:][:w.Values], e)
		}
	}
}

// weights computes D of head h. What has decayed below leastKept is dropped, because denormal operands
// are slow.
func (w *keyedBack) weights(h, n int) {
	kept, size, first := w.kept[h*n:][:n], w.size[h*n:][:n], 0
	clear(w.d[:n*n])
	for i, f := range kept {
		row := w.d[i*n:][:n]
		row[i] = size[i]
		if i == 0 {
			continue
		}
		above := w.d[(i-1)*n:][:n]
		for first < i && f*above[first] < leastKept {
			first++
		}
		if first < i {
			active.axpy(f, above[first:i], row[first:i])
		}
	}
}

// chain adds head h's gradients of a, c and η, from the last token to the first.
func (w *keyedBack) chain(h, from, n int) {
	later, decay := w.later[h], w.decay[h]
	for t := n - 1; t >= 0; t-- {
		g, hop, eta := w.site(from+t, h)
		before, score, sum := w.g(from+t, h), float64(w.score[h*n+t]), float64(w.sum[h*n+t])
		if decay += score - sum; before == 0 {
			decay = 0 // the first token has nothing that decays
		}
		size := real(g)*real(g) + imag(g)*imag(g)
		adjoint := later + complex((sum+decay)/size, 0)*g
		var dEta, dHop float64
		if w.Born {
			adjoint -= complex(0, score/(2*imag(g)))
			dEta = sum / (2 * eta)
		}
		if w.DQRe.Data != nil {
			adjoint += w.featureGrad(from+t, h, g)
		}
		tau := cmplx.Conj(adjoint) * g * g
		if w.kept[h*n+t] > leastKept {
			dHop = decay / hop
		}
		dHop += 2 * hop * real(tau*before)
		w.DA.From(from+t, h).Data[0] -= float32(real(tau))
		w.DEta.From(from+t, h).Data[0] += float32(dEta - imag(tau))
		w.DHop.From(from+t, h).Data[0] += float32(dHop)
		later = complex(hop*hop, 0) * cmplx.Conj(g*g) * adjoint
	}
	w.later[h] = later
}

// featureGrad is the adjoint of g as a feature of token t.
func (w *keyedBack) featureGrad(t, h int, g complex128) complex128 {
	dq := complex(float64(w.DQRe.From(t, h).Data[0]), float64(w.DQIm.From(t, h).Data[0]))
	if w.Cayley {
		return CayleyGrad(g, dq)
	}
	return dq
}
