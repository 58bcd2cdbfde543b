package kernel

// blockRow holds one number per channel of a block.
type blockRow = [scanBlock]float32

// scanWalk is one thread's memory for walking a block of channels back through time, one stretch of saveEvery tokens
// after another. Padding channels are zero.
type scanWalk struct {
	count  int                   // states per channel
	h      []blockRow            // [saveEvery+1, states], the states before each token of the stretch and after the last
	decay  []blockRow            // [saveEvery, states], exp(Δ·A)
	g      []blockRow            // [states], the adjoint of the state
	a, da  []blockRow            // [states], A and its gradient
	tokens [saveEvery]scanInputs // the tokens of the stretch
}

// scanInputs are one token's inputs for a block of channels, and the sums that its gradients are made of: dInput = Σ_s
// G·B[s] is the gradient of Δ·u, and dDelta = Σ_s G·h·exp(Δ·A)·A the rest of the gradient of Δ.
type scanInputs struct{ u, delta, dy, dInput, dDelta blockRow }

func newScanWalk(states int) *scanWalk {
	return &scanWalk{
		count: states,
		h:     make([]blockRow, (saveEvery+1)*states), decay: make([]blockRow, saveEvery*states),
		g: make([]blockRow, states), a: make([]blockRow, states), da: make([]blockRow, states),
	}
}

// reset prepares for another block.
func (w *scanWalk) reset() {
	for _, rows := range [][]blockRow{w.h, w.g, w.a, w.da} {
		clear(rows)
	}
	clear(w.tokens[:])
}

// spread copies rows of width channels, as in a Scan's A and H, to rows of a block.
func spread(rows []blockRow, from []float32, width int) {
	for i := range rows {
		copy(rows[i][:], from[i*width:(i+1)*width])
	}
}

// scanStates implements scanKernels.
func scanStates(w *scanWalk, tokens int, b Rows) {
	for t := range tokens {
		in, at := &w.tokens[t], t*w.count
		for s, v := range rowOf(b, t, w.count) {
			before, after, decays := &w.h[at+s], &w.h[at+w.count+s], &w.decay[at+s]
			for e, a := range w.a[s] {
				decays[e] = decay(in.delta[e] * a)
				after[e] = decays[e]*before[e] + in.delta[e]*in.u[e]*v
			}
		}
	}
}

// scanBack implements scanKernels. It adds to db and dc.
func scanBack(w *scanWalk, t int, b, c, db, dc []float32) {
	in, at := &w.tokens[t], t*w.count
	in.dInput, in.dDelta = blockRow{}, blockRow{}
	for s := range w.count {
		before, after, decays, g := &w.h[at+s], &w.h[at+w.count+s], &w.decay[at+s], &w.g[s]
		var toB, toC float32
		for e, dy := range in.dy {
			adjoint := g[e] + dy*c[s]
			toC += dy * after[e]
			toB += adjoint * in.delta[e] * in.u[e]
			in.dInput[e] += adjoint * b[s]
			g[e] = adjoint * decays[e]
			kept := g[e] * before[e]
			in.dDelta[e] += kept * w.a[s][e]
			w.da[s][e] += kept * in.delta[e]
		}
		db[s] += toB
		dc[s] += toC
	}
}
