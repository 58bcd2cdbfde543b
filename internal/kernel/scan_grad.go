package kernel

// ScanGrad is the backward of a Scan whose Saved was filled. It adds to the gradients that it is given. With G the
// adjoint of the state, carried from the last token to the first, and a = exp(Δ·A):
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
	DA         []float32 // [channels, states]
	DD         []float32 // [channels]

	// Parts is scratch of PartsLen floats: the share of each tile of channels in dB and dC. They are added up in
	// the order of the tiles, whichever thread computed them.
	Parts []float32
}

// PartsLen is the length of Parts.
func (g *ScanGrad) PartsLen() int { return g.tiles() * g.Len * 2 * g.States }

func (g *ScanGrad) tiles() int { return (g.Channels + scanTile - 1) / scanTile }

// Run adds to all gradients.
func (g *ScanGrad) Run(pool *Pool) {
	pool.Each(g.tiles(), func(lo, hi int) {
		var w scanWalk
		for i := lo; i < hi; i++ {
			g.tile(&w, i)
		}
	})
	pool.Each(g.Len, func(lo, hi int) {
		for t := lo; t < hi; t++ {
			for i := range g.tiles() {
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

// part returns the share of tile i in dB and dC of token t.
func (g *ScanGrad) part(i, t int) (db, dc []float32) {
	n := g.States
	p := g.Parts[(i*g.Len+t)*2*n:][:2*n]
	return p[:n], p[n:]
}

// scanWalk is the memory with which one thread walks a tile back through time.
type scanWalk struct {
	h     []float32 // [saveEvery+1, channels, states], the state before each token of a stretch and after the last
	a     []float32 // [saveEvery, channels, states], exp(Δ·A)
	g     []float32 // [channels, states]
	width int       // channels·states
}

// at returns the part of x, either h or a, that belongs to token t of the stretch.
func (w *scanWalk) at(x []float32, t int) []float32 { return x[t*w.width:][:w.width] }

// reset makes room for a tile of the given number of floats and clears the adjoint.
func (w *scanWalk) reset(width int) {
	if w.width != width {
		*w = scanWalk{
			h:     make([]float32, (saveEvery+1)*width),
			a:     make([]float32, saveEvery*width),
			g:     make([]float32, width),
			width: width,
		}
	}
	clear(w.g)
}

// tile walks the channels of tile i from the last token to the first, recomputing the states of one stretch of
// saveEvery tokens at a time.
func (g *ScanGrad) tile(w *scanWalk, i int) {
	lo, hi := i*scanTile, min(g.Channels, (i+1)*scanTile)
	w.reset((hi - lo) * g.States)
	for start := (g.Len - 1) / saveEvery * saveEvery; start >= 0; start -= saveEvery {
		end := min(g.Len, start+saveEvery)
		g.recompute(w, lo, hi, start, end)
		for t := end - 1; t >= start; t-- {
			g.step(w, i, lo, hi, t, t-start)
		}
	}
}

// recompute fills w with the states and decays of tokens [start, end).
func (g *ScanGrad) recompute(w *scanWalk, lo, hi, start, end int) {
	n := g.States
	copy(w.at(w.h, 0), g.saved(start)[lo*n:hi*n])
	for t := start; t < end; t++ {
		before, after, decay := w.at(w.h, t-start), w.at(w.h, t-start+1), w.at(w.a, t-start)
		g.decays(decay, t, lo, hi)
		b := rowOf(g.B, t, n)
		for e := lo; e < hi; e++ {
			input := g.Delta[t*g.Channels+e] * g.U[t*g.Channels+e]
			for s, v := range b {
				j := (e-lo)*n + s
				after[j] = decay[j]*before[j] + input*v
			}
		}
	}
}

// step takes the channels [lo, hi) of tile i back over token t, the k-th of the stretch.
func (g *ScanGrad) step(w *scanWalk, i, lo, hi, t, k int) {
	n := g.States
	before, after, decay := w.at(w.h, k), w.at(w.h, k+1), w.at(w.a, k)
	b, c := rowOf(g.B, t, n), rowOf(g.C, t, n)
	db, dc := g.part(i, t)
	clear(db)
	clear(dc)
	for e := lo; e < hi; e++ {
		at := t*g.Channels + e
		dy, u, delta := g.DY[at], g.U[at], g.Delta[at]
		var dDelta, dInput float32 // dInput is the gradient of Δ·u
		for s, a := range g.A[e*n : (e+1)*n] {
			j := (e-lo)*n + s
			adj := w.g[j] + dy*c[s]
			kept := adj * before[j] * decay[j]
			dc[s] += dy * after[j]
			db[s] += adj * delta * u
			dInput += adj * b[s]
			dDelta += kept * a
			g.DA[e*n+s] += kept * delta
			w.g[j] = adj * decay[j]
		}
		g.DDelta[at] += dDelta + dInput*u
		g.DU[at] += dInput*delta + g.D[e]*dy
		g.DD[e] += dy * u
	}
}
