package kernel

import (
	"math/cmplx"
	"sync"
)

// KeyedGrad is the backward pass of a [Keyed] whose Saved was filled. It adds to the given gradients. The adjoint X of the
// state follows the recursion of the state back in time, and the gradients of values, keys and queries are sums over one of
// its indices or of the state's, so each is the output of an [SSD] again, over keys or over values:
//
//	X_i = q_i ⊗ n_i ō_i + c_{i+1} r_{i+1} X_{i+1}
//	ū_i = r_i s_i Σ_k κ_k X_i        κ̄_i = r_i s_i Σ_v u_v X_i        q̄_i = n_i Σ_v ō_v Y_i
//
// Let S_i = ō_i·o_i and C_i = u_i·ū_i. Then C_i is also the adjoint of ln(r_i s_i), and that of ln(c_i r_i) is what later
// tokens read of the state before: L_i = c_i r_i X_i·Y_{i−1} = L_{i+1} + S_i − C_i. The products of X and Y are taken once per
// stretch of tokens, which bounds the rounding error of the sums. The chain follows as in [ResolventTrace.Backward], from
//
//	ḡ = (C + L) g/|g|² − i S/(2 Im g)      η̄ += C/(2η)      c̄ += L/c
//
// without the terms of S and C if not Born. For c near 0 the quotient L/c loses digits; the slope of a hop's gate, which is
// proportional to c, makes up for that. The state before the piece gets no gradient.
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

// keyedBack is one thread's memory for the backward pass of a head. It is pooled, so a steady state does not allocate.
type keyedBack struct {
	KeyedGrad
	ssd  SSD
	none [1]float32 // the SSD's D

	kept, size, factor []float32 // [len]; c r, r s and n
	score, sum         []float32 // [len]; S and C
	saved              []float32 // [⌈len/ssdStretch⌉, state]; Y before each stretch
	decays             []float64 // [⌈len/ssdStretch⌉]; L of the first token of each stretch

	state      []float32 // [keys, values] in the order of ScanIndex: Y, then X
	byValue    []float32 // [values, keys] likewise: X
	steps      [2 * ssdStretch]float32
	y          []float32 // [ssdStretch, values or keys]; outputs of an SSD
	u, dout    []float32 // [ssdStretch, values]; a stretch of tokens back in time
	key, query []float32 // [ssdStretch, keys]; likewise
}

var keyedBacks = sync.Pool{New: func() any { return new(keyedBack) }}

// Run adds to all gradients.
func (k KeyedGrad) Run() {
	w := keyedBacks.Get().(*keyedBack)
	w.KeyedGrad = k
	for _, x := range []*[]float32{&w.kept, &w.size, &w.factor, &w.score, &w.sum} {
		*x = grow(*x, k.Len)
	}
	state, stretches := k.Keys*k.Values, ceilDiv(k.Len, ssdStretch)
	w.state, w.byValue = grow(w.state, state), grow(w.byValue, state)
	w.saved, w.decays = grow(w.saved, stretches*state), grow(w.decays, stretches)
	w.u, w.dout = grow(w.u, ssdStretch*k.Values), grow(w.dout, ssdStretch*k.Values)
	w.key, w.query = grow(w.key, ssdStretch*k.Keys), grow(w.query, ssdStretch*k.Keys)
	w.y = grow(w.y, ssdStretch*max(k.Keys, k.Values))
	for h := range k.Heads {
		w.head(h)
	}
	w.KeyedGrad, w.ssd = KeyedGrad{}, SSD{}
	keyedBacks.Put(w)
}

// head adds the gradients of head h.
func (w *keyedBack) head(h int) {
	w.prepare(h)
	w.loadState(h)
	for from := 0; from < w.Len; from += ssdStretch {
		copy(w.savedState(from), w.state)
		w.queries(h, from, min(ssdStretch, w.Len-from))
	}
	clear(w.state)
	clear(w.byValue)
	for i := len(w.decays) - 1; i >= 0; i-- {
		from := i * ssdStretch
		n := min(ssdStretch, w.Len-from)
		w.turn(h, from, n)
		w.values(h, from, n)
		w.keys(from, n)
		w.decays[i] = float64(w.kept[from]) * float64(active.dot(w.state, w.savedState(from)))
	}
	w.chain(h)
}

// savedState is Y before token from, the first of a stretch.
func (w *keyedBack) savedState(from int) []float32 {
	return w.saved[from/ssdStretch*len(w.state):][:len(w.state)]
}

// prepare computes the factors of the tokens, and S.
func (w *keyedBack) prepare(h int) {
	for t := range w.Len {
		g, hop, eta := w.site(t, h)
		w.kept[t], w.size[t], w.factor[t] = keyedFactors(g, hop, eta, w.Born)
		w.score[t] = active.dot(w.valuesOf(w.Out, t, h), w.valuesOf(w.DOut, t, h))
	}
}

// site returns g after token t, its hop and η.
func (w *keyedBack) site(t, h int) (g complex128, hop, eta float64) {
	return w.g(t+1, h), float64(w.Hop.Data[t*w.Hop.Stride+h]), float64(w.Eta.Data[t*w.Eta.Stride+h])
}

// g returns g before token t.
func (w *keyedBack) g(t, h int) complex128 {
	re, im := w.Saved.GRe, w.Saved.GIm
	return complex(float64(re.Data[t*re.Stride+h]), float64(im.Data[t*im.Stride+h]))
}

// valuesOf returns head h's values of token t.
func (w *keyedBack) valuesOf(x Rows, t, h int) []float32 {
	return x.Data[t*x.Stride+h*w.Values:][:w.Values]
}

// loadState fetches Y before the first token, with keys and values in the other order.
func (w *keyedBack) loadState(h int) {
	saved := w.Saved.Y[h*w.Values*w.Keys:]
	for v := range w.Values {
		for k := range w.Keys {
			w.state[ScanIndex(w.Keys, w.Values, k, v)] = saved[ScanIndex(w.Values, w.Keys, v, k)]
		}
	}
}

// run runs n tokens of an SSD over one head from their steps, and leaves its outputs in y.
func (w *keyedBack) run(n int, s SSD) {
	w.ssd = s
	w.ssd.Len, w.ssd.Heads, w.ssd.Groups, w.ssd.D, w.ssd.Y = n, 1, 1, w.none[:], w.y
	for lo := 0; lo < s.Dim; lo += scanBlock {
		active.scan.ssd(&w.ssd, 0, 0, w.steps[:2*n], lo, min(s.Dim, lo+scanBlock))
	}
}

// queries adds head h's part of the gradients of n queries, forward in time.
func (w *keyedBack) queries(h, from, n int) {
	for i := range n {
		w.steps[2*i], w.steps[2*i+1] = w.kept[from+i], w.size[from+i]
	}
	w.run(n, SSD{
		Dim: w.Keys, States: w.Values, H: w.state,
		X: w.Key.From(from, 0), B: w.U.From(from, h*w.Values), C: w.DOut.From(from, h*w.Values),
	})
	for i := range n {
		addTimes(w.DQuery.From(from+i, 0).Data, w.factor[from+i], w.y[i*w.Keys:][:w.Keys])
	}
}

// turn copies the inputs of n tokens in the opposite order, with the steps of X.
func (w *keyedBack) turn(h, from, n int) {
	for i := range n {
		t := from + n - 1 - i
		copy(w.u[i*w.Values:], w.valuesOf(w.U, t, h))
		copy(w.dout[i*w.Values:], w.valuesOf(w.DOut, t, h))
		copy(w.key[i*w.Keys:], rowOf(w.Key, t, w.Keys))
		copy(w.query[i*w.Keys:], rowOf(w.Query, t, w.Keys))
		w.steps[2*i], w.steps[2*i+1] = 0, w.factor[t]
		if t+1 < w.Len {
			w.steps[2*i] = w.kept[t+1]
		}
	}
}

// values adds the gradients of head h's values of n tokens, and computes C.
func (w *keyedBack) values(h, from, n int) {
	w.run(n, SSD{
		Dim: w.Values, States: w.Keys, H: w.byValue,
		X: Rows{w.dout, w.Values}, B: Rows{w.query, w.Keys}, C: Rows{w.key, w.Keys},
	})
	for i := range n {
		t, read := from+n-1-i, w.y[i*w.Values:][:w.Values]
		w.sum[t] = w.size[t] * active.dot(w.u[i*w.Values:][:w.Values], read)
		addTimes(w.valuesOf(w.DU, t, h), w.size[t], read)
	}
}

// keys adds the head's part of the gradients of n keys.
func (w *keyedBack) keys(from, n int) {
	w.run(n, SSD{
		Dim: w.Keys, States: w.Values, H: w.state,
		X: Rows{w.query, w.Keys}, B: Rows{w.dout, w.Values}, C: Rows{w.u, w.Values},
	})
	for i := range n {
		t := from + n - 1 - i
		addTimes(w.DKey.From(t, 0).Data, w.size[t], w.y[i*w.Keys:][:w.Keys])
	}
}

// addTimes adds f·x to sum. It is for rows too short for a call of the vector kernels.
func addTimes(sum []float32, f float32, x []float32) {
	sum = sum[:len(x)]
	for i, v := range x {
		sum[i] += f * v
	}
}

// chain adds head h's gradients of a, c and η, from the last token to the first.
func (w *keyedBack) chain(h int) {
	var later complex128 // c_{t+1}² conj(g_{t+1}²) A_{t+1}
	var decay float64    // L
	for t := w.Len - 1; t >= 0; t-- {
		g, hop, eta := w.site(t, h)
		before, score, sum := w.g(t, h), float64(w.score[t]), float64(w.sum[t])
		if decay += score - sum; t%ssdStretch == 0 {
			decay = w.decays[t/ssdStretch]
		}
		adjoint := later + complex((sum+decay)/(real(g)*real(g)+imag(g)*imag(g)), 0)*g
		var dEta, dHop float64
		if w.Born {
			adjoint -= complex(0, score/(2*imag(g)))
			dEta = sum / (2 * eta)
		}
		if w.DQRe.Data != nil {
			adjoint += w.featureGrad(t, h, g)
		}
		tau := cmplx.Conj(adjoint) * g * g
		if w.kept[t] > leastKept {
			dHop = decay / hop
		}
		dHop += 2 * hop * real(tau*before)
		w.DA.Data[t*w.DA.Stride+h] -= float32(real(tau))
		w.DEta.Data[t*w.DEta.Stride+h] += float32(dEta - imag(tau))
		w.DHop.Data[t*w.DHop.Stride+h] += float32(dHop)
		later = complex(hop*hop, 0) * cmplx.Conj(g*g) * adjoint
	}
}

// featureGrad is the adjoint of g as a feature of token t.
func (w *keyedBack) featureGrad(t, h int, g complex128) complex128 {
	dq := complex(float64(w.DQRe.Data[t*w.DQRe.Stride+h]), float64(w.DQIm.Data[t*w.DQIm.Stride+h]))
	if w.Cayley {
		return CayleyGrad(g, dq)
	}
	return dq
}
