package kernel

// SSDGrad is the backward pass of an SSD whose Saved was filled. It adds to the given gradients. With G the adjoint of
// the state, carried from the last token to the first, a = exp(Δ·A) and k = Σ_pn G·h_{t-1}·a:
//
//	G += dy[t,j,p]·C[t,g,n]                     dC[t,g,n]  = Σ_jp dy[t,j,p]·h_t[j,p,n]
//	dB[t,g,n]  = Σ_jp G·Δ[t,j]·x[t,j,p]          dx[t,j,p]  = D[j]·dy[t,j,p] + Δ[t,j]·Σ_n G·B[t,g,n]
//	dΔ[t,j]    = k·A[j] + Σ_pn G·B[t,g,n]·x[t,j,p]          dA[j] = Σ_t k·Δ[t,j]
//	dD[j]      = Σ_tp dy[t,j,p]·x[t,j,p]         G ← G·a
//
// The state before the piece gets no gradient.
type SSDGrad struct {
	SSD
	DY     []float32 // [len, heads·dim]
	DX     Rows      // [len, heads·dim]
	DDelta []float32 // [len, heads]
	DB, DC Rows      // [len, groups·states]
	DA, DD []float32 // [heads]

	// Parts is scratch of PartsLen floats: each head's part of dB and dC. The parts are summed in head order, whichever
	// thread computed them.
	Parts []float32
}

// PartsLen is the length of Parts.
func (g *SSDGrad) PartsLen() int { return g.Heads * g.Len * 2 * g.States }

// Run adds to all gradients.
func (g *SSDGrad) Run(pool *Pool) {
	pool.Each(g.Heads, func(lo, hi int) {
		w := newScanWalk(g.States)
		for j := lo; j < hi; j++ {
			clear(g.Parts[j*g.Len*2*g.States:][:g.Len*2*g.States])
			for first := 0; first < g.Dim; first += scanBlock {
				g.block(w, j, first, min(g.Dim, first+scanBlock))
			}
		}
	})
	pool.Each(g.Len, func(lo, hi int) {
		for t := lo; t < hi; t++ {
			for j := range g.Heads {
				group := j / (g.Heads / g.Groups)
				db, dc := g.part(j, t)
				addTo(g.DB.From(t, group*g.States).Data, db)
				addTo(g.DC.From(t, group*g.States).Data, dc)
			}
		}
	})
}

// part returns head j's part of dB and dC for token t.
func (g *SSDGrad) part(j, t int) (db, dc []float32) {
	n := g.States
	p := g.Parts[(j*g.Len+t)*2*n:][:2*n]
	return p[:n], p[n:]
}

// block walks channels [lo, hi) of head j from the last token to the first, like a scan whose channels all have the
// same A and Δ.
func (g *SSDGrad) block(w *scanWalk, j, lo, hi int) {
	w.reset()
	for s := range w.a {
		setAll(w.a[s][:hi-lo], g.A[j])
	}
	maps := j / (g.Heads / g.Groups) * g.States
	for start := (g.Len - 1) / saveEvery * saveEvery; start >= 0; start -= saveEvery {
		end := min(g.Len, start+saveEvery)
		spread(w.h[:g.States], g.saved(j, start)[lo*g.States:], hi-lo)
		for t := start; t < end; t++ {
			token := &w.tokens[t-start]
			copy(token.u[:], g.x(j, t)[lo:hi])
			copy(token.dy[:], g.y(g.DY, j, t)[lo:hi])
			setAll(token.delta[:hi-lo], g.Delta[t*g.Heads+j])
		}
		active.scan.states(w, end-start, g.B.From(start, maps))
		for t := end - 1; t >= start; t-- {
			b, c := g.maps(j, t)
			db, dc := g.part(j, t)
			active.scan.back(w, t-start, b, c, db, dc)
			g.finish(&w.tokens[t-start], j, t, lo, hi)
		}
	}
	for s := range w.da {
		for _, v := range w.da[s][:hi-lo] {
			g.DA[j] += v
		}
	}
}

// setAll writes v to every element.
func setAll(x []float32, v float32) {
	for i := range x {
		x[i] = v
	}
}

// finish adds one token's contribution from channels [lo, hi) of head j to the gradients of its inputs and D.
func (g *SSDGrad) finish(token *scanInputs, j, t, lo, hi int) {
	dx := g.DX.From(t, j*g.Dim).Data[lo:hi]
	for i := range dx {
		x, dy := token.u[i], token.dy[i]
		dx[i] += token.dInput[i]*token.delta[i] + g.D[j]*dy
		g.DDelta[t*g.Heads+j] += token.dDelta[i] + token.dInput[i]*x
		g.DD[j] += dy * x
	}
}
