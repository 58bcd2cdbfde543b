package kernel

// SSDGrad is the backward of an SSD whose Saved was filled. It adds to the gradients that it is given. With G the
// adjoint of the state, carried from the last token to the first, a = exp(Δ·A) and k = Σ_pn G·h_{t-1}·a:
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

	// Parts is scratch of PartsLen floats: the share of each head in dB and dC. They are added up in the order of the
	// heads, whichever thread computed them.
	Parts []float32
}

// PartsLen is the length of Parts.
func (g *SSDGrad) PartsLen() int { return g.Heads * g.Len * 2 * g.States }

// Run adds to all gradients.
func (g *SSDGrad) Run(pool *Pool) {
	pool.Each(g.Heads, func(lo, hi int) {
		w := ssdWalk{
			h:     make([]float32, (saveEvery+1)*g.Dim*g.States),
			g:     make([]float32, g.Dim*g.States),
			width: g.Dim * g.States,
		}
		for j := lo; j < hi; j++ {
			g.walk(&w, j)
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

// part returns the share of head j in dB and dC of token t.
func (g *SSDGrad) part(j, t int) (db, dc []float32) {
	n := g.States
	p := g.Parts[(j*g.Len+t)*2*n:][:2*n]
	return p[:n], p[n:]
}

// ssdWalk is the memory with which one thread walks a head back through time.
type ssdWalk struct {
	h     []float32 // [saveEvery+1, dim, states], the state before each token of a stretch and after the last
	g     []float32 // [dim, states]
	width int       // dim·states
}

func (w *ssdWalk) at(t int) []float32 { return w.h[t*w.width:][:w.width] }

// walk takes head j from the last token to the first, recomputing the states of one stretch of tokens at a time.
func (g *SSDGrad) walk(w *ssdWalk, j int) {
	clear(w.g)
	for start := (g.Len - 1) / saveEvery * saveEvery; start >= 0; start -= saveEvery {
		end := min(g.Len, start+saveEvery)
		copy(w.at(0), g.saved(j, start))
		for t := start; t < end; t++ {
			g.recompute(w, j, t, t-start)
		}
		for t := end - 1; t >= start; t-- {
			g.step(w, j, t, t-start)
		}
	}
}

// recompute advances the states over token t, the k-th of the stretch.
func (g *SSDGrad) recompute(w *ssdWalk, j, t, k int) {
	n, before, after := g.States, w.at(k), w.at(k+1)
	b, _ := g.maps(j, t)
	delta, decay := g.Delta[t*g.Heads+j], g.decay(j, t)
	for p, x := range g.x(j, t) {
		for s, v := range b {
			after[p*n+s] = decay*before[p*n+s] + delta*x*v
		}
	}
}

// step takes head j back over token t, the k-th of the stretch.
func (g *SSDGrad) step(w *ssdWalk, j, t, k int) {
	n, before, after := g.States, w.at(k), w.at(k+1)
	b, c := g.maps(j, t)
	db, dc := g.part(j, t)
	clear(db)
	clear(dc)
	delta, decay := g.Delta[t*g.Heads+j], g.decay(j, t)
	x, dy, dx := g.x(j, t), g.y(g.DY, j, t), g.DX.From(t, j*g.Dim).Data
	var kept, dDelta float32
	for p := range x {
		var dInput float32 // the gradient of Δ·x
		for s := range n {
			i := p*n + s
			adj := w.g[i] + dy[p]*c[s]
			dc[s] += dy[p] * after[i]
			db[s] += adj * delta * x[p]
			dInput += adj * b[s]
			w.g[i] = adj * decay
			kept += w.g[i] * before[i]
		}
		dx[p] += dInput*delta + g.D[j]*dy[p]
		dDelta += dInput * x[p]
		g.DD[j] += dy[p] * x[p]
	}
	g.DDelta[t*g.Heads+j] += dDelta + kept*g.A[j]
	g.DA[j] += kept * delta
}
