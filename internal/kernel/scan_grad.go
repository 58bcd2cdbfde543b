package kernel

// ScanGrad is the backward pass of a Scan whose Saved was filled. It adds to the given gradients. With G the adjoint of
// the state, carried from the last token to the first, and a = exp(Δ·A):
//
//	G += dy[t,e]·C[t,s]         dC[t,s] = Σ_e dy[t,e]·h_t[e,s]      dD[e]   = Σ_t dy[t,e]·u[t,e]
//	dB[t,s] = Σ_e G·Δ[t,e]·u[t,e]                                  dA[e,s] = Σ_t G·h_{t-1}·a·Δ[t,e]
//	du[t,e] = D[e]·dy[t,e] + Σ_s G·Δ[t,e]·B[t,s]                   dΔ[t,e] = Σ_s G·(h_{t-1}·a·A + B[t,s]·u[t,e])
//	G ← G·a
//
// The state before the piece gets no gradient.
type ScanGrad struct {
	Scan
	DY         []float32 // [len, channels]
	DU, DDelta []float32 // [len, channels]
	DB, DC     Rows      // [len, states]
	DA         []float32 // as A
	DD         []float32 // [channels]

	// Parts is scratch of PartsLen floats: each channel group's part of dB and dC. The parts are summed in group order,
	// whichever thread computed them.
	Parts []float32
}

// scanGroup is the number of blocks of channels that share a part of dB and dC.
const scanGroup = 4

// PartsLen is the length of Parts.
func (g *ScanGrad) PartsLen() int { return g.groups() * g.Len * 2 * g.States }

func (g *ScanGrad) groups() int { return (scanBlocks(g.Channels) + scanGroup - 1) / scanGroup }

// Run adds to all gradients.
func (g *ScanGrad) Run(pool *Pool) {
	pool.Each(g.groups(), func(lo, hi int) {
		w := newScanWalk(g.States)
		for i := lo; i < hi; i++ {
			clear(g.Parts[i*g.Len*2*g.States:][:g.Len*2*g.States])
			for block := i * scanGroup; block < min(scanBlocks(g.Channels), (i+1)*scanGroup); block++ {
				g.block(w, i, block*scanBlock, min(g.Channels, (block+1)*scanBlock))
			}
		}
	})
	pool.Each(g.Len, func(lo, hi int) {
		for t := lo; t < hi; t++ {
			for i := range g.groups() {
				db, dc := g.part(i, t)
				addTo(rowOf(g.DB, t, g.States), db)
				addTo(rowOf(g.DC, t, g.States), dc)
			}
		}
	})
}

// addTo adds x to sum.
func addTo(sum, x []float32) {
	for i, v := range x {
		sum[i] += v
	}
}

// part returns group i's part of dB and dC for token t.
func (g *ScanGrad) part(i, t int) (db, dc []float32) {
	n := g.States
	p := g.Parts[(i*g.Len+t)*2*n:][:2*n]
	return p[:n], p[n:]
}

// block walks channels [lo, hi) of group i from the last token to the first, recomputing the states of one stretch of
// saveEvery tokens at a time.
func (g *ScanGrad) block(w *scanWalk, i, lo, hi int) {
	w.reset()
	width, states := hi-lo, g.States
	spread(w.a, g.A[lo*states:], width)
	for start := (g.Len - 1) / saveEvery * saveEvery; start >= 0; start -= saveEvery {
		end := min(g.Len, start+saveEvery)
		spread(w.h[:states], g.saved(start)[lo*states:], width)
		for t := start; t < end; t++ {
			at, token := t*g.Channels, &w.tokens[t-start]
			copy(token.u[:], g.U[at+lo:at+hi])
			copy(token.delta[:], g.Delta[at+lo:at+hi])
			copy(token.dy[:], g.DY[at+lo:at+hi])
		}
		active.scan.states(w, end-start, g.B.From(start, 0))
		for t := end - 1; t >= start; t-- {
			db, dc := g.part(i, t)
			active.scan.back(w, t-start, rowOf(g.B, t, states), rowOf(g.C, t, states), db, dc)
			g.finish(&w.tokens[t-start], t, lo, hi)
		}
	}
	for s := range w.da {
		addTo(g.DA[lo*states+s*width:], w.da[s][:width])
	}
}

// finish adds one token's contribution from channels [lo, hi) to the gradients of its inputs and D.
func (g *ScanGrad) finish(token *scanInputs, t, lo, hi int) {
	for e := lo; e < hi; e++ {
		at, i := t*g.Channels+e, e-lo
		u, delta, dy := token.u[i], token.delta[i], token.dy[i]
		g.DDelta[at] += token.dDelta[i] + token.dInput[i]*u
		g.DU[at] += token.dInput[i]*delta + g.D[e]*dy
		g.DD[e] += dy * u
	}
}
