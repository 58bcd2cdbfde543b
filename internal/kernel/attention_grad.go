package kernel

// AttentionGrad is the backward pass of [Attention] over whole documents: its spans have no past. From Forward's
// inputs, its outputs and the output gradient it adds to the gradients of q, k and v. Scores are recomputed rather than
// kept:
//
//	P = exp(S - lse)   D = Σ dout·out   dS = scale·P·(dout·vᵀ - D)
//	dv += Pᵀ·dout      dq += dS·k       dk += dSᵀ·q
//
// where dk and dv sum over the query heads of a group.
type AttentionGrad struct {
	Attention
	Q, K, V, Out, DOut Rows
	DQ, DK, DV         Rows
	LSE                []float32
	Spans              []AttentionSpan
}

// Run computes the gradients. Each key head of each span has one owner, so sums have a fixed order.
func (g *AttentionGrad) Run(pool *Pool) {
	pool.Each(len(g.Spans)*g.KVHeads, func(lo, hi int) {
		w := attentionScratches.Get().(*attentionScratch)
		defer attentionScratches.Put(w)
		for item := lo; item < hi; item++ {
			s, head := &g.Spans[item/g.KVHeads], item%g.KVHeads
			if g.Naive {
				g.naive(s, head)
			} else {
				g.tiled(w, s, head)
			}
		}
	})
}

// tiled adds the gradients of one span and key head. Each key tile is combined with every query tile that sees it.
func (g *AttentionGrad) tiled(w *attentionScratch, s *AttentionSpan, head int) {
	tokens := max(1, queryRows/g.group())
	for key := 0; key < s.Len; key += keyTile {
		n := min(keyTile, s.Len-key)
		end := s.Len
		if g.Window > 0 {
			end = min(end, key+n-1+g.Window)
		}
		for first := key; first < end; first += tokens {
			g.tilePair(w, queryTile{span: s, head: head, first: first, tokens: min(tokens, end-first)}, key, n)
		}
	}
}

// tilePair adds the contribution of one query tile and n keys starting at key.
func (g *AttentionGrad) tilePair(w *attentionScratch, t queryTile, key, n int) {
	group, rows := g.group(), t.tokens*g.group()
	w.reserve(rows * (3*g.Dim + 2*keyTile))
	q, dout := Rows{w.take(rows * g.Dim), g.Dim}, Rows{w.take(rows * g.Dim), g.Dim}
	dq := Rows{w.take(rows * g.Dim), g.Dim}
	p, ds := Rows{w.take(rows * keyTile), keyTile}, Rows{w.take(rows * keyTile), keyTile}
	width := group * g.Dim
	for i := range t.tokens {
		copy(q.Data[i*width:], t.row(g.Q, i, width))
		copy(dout.Data[i*width:], t.row(g.DOut, i, width))
	}
	row, at := t.span.Row+key, t.head*g.Dim
	k, v := g.K.From(row, at), g.V.From(row, at)
	kernels := &active.attention
	kernels.mulT(p, q, k, rows, n, g.Dim)
	kernels.mulT(ds, dout, v, rows, n, g.Dim)
	for i := range t.tokens {
		g.scoreGrad(t, i, key, n, p, ds)
	}
	kernels.mulTAdd(g.DV.From(row, at), p, dout, n, g.Dim, rows)
	kernels.mulTAdd(g.DK.From(row, at), ds, q, n, g.Dim, rows)
	clear(dq.Data)
	kernels.mulAdd(dq, ds, k, rows, g.Dim, n)
	for i := range t.tokens {
		Axpy(1, dq.Data[i*width:][:width], t.row(g.DQ, i, width))
	}
}

// scoreGrad turns the scores in p and the products dout·vᵀ in ds of the tile's i-th token into P and dS.
func (g *AttentionGrad) scoreGrad(t queryTile, i, key, n int, p, ds Rows) {
	group := g.group()
	width := group * g.Dim
	out, dout := t.row(g.Out, i, width), t.row(g.DOut, i, width)
	lse := t.row(Rows{g.LSE, g.Heads}, i, group)
	query := t.first + i
	lo, hi := max(g.First(query)-key, 0), min(query-key+1, n)
	for h := range group {
		delta := active.dot(dout[h*g.Dim:][:g.Dim], out[h*g.Dim:][:g.Dim])
		pr := p.Data[(i*group+h)*p.Stride:][:n]
		dsr := ds.Data[(i*group+h)*ds.Stride:][:n]
		if lo >= hi {
			clear(pr)
			clear(dsr)
			continue
		}
		clear(pr[:lo])
		clear(dsr[:lo])
		clear(pr[hi:])
		clear(dsr[hi:])
		active.attention.scoreGrad(pr[lo:hi], dsr[lo:hi], g.Scale, lse[h], delta)
	}
}
