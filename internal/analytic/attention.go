package analytic

// Attention is the shape of one attention layer.
type Attention struct {
	Heads, KVHeads, Dim int
	Window              int // 0: none
	Slots               int // positions kept in the state; 0: all
	Naive               bool
	BF16                bool // the state holds keys and values as bf16
}

// Visible is the number of query-key pairs of one document: Σ min(position+1, W) over its new tokens.
func (a Attention) Visible(past, n int) int {
	if a.Window == 0 {
		return triangle(past+n) - triangle(past)
	}
	return a.seen(past+n) - a.seen(past)
}

// seen is the number of pairs in a whole document of n tokens.
func (a Attention) seen(n int) int {
	if n <= a.Window {
		return triangle(n)
	}
	return triangle(a.Window) + (n-a.Window)*a.Window
}

func triangle(n int) int { return n * (n + 1) / 2 }

// Attention adds one layer. Per visible pair and head: 2·dim for the score, 2·dim for the value, 4 for the softmax. Per
// row and head: dim to normalise. It reads queries, keys, values and the visible past, and writes its result and, if
// there is a state, the new keys and values that the state keeps.
func (s *Sheet) Attention(a Attention, w Work) {
	visible, rows := w.Docs*a.Visible(w.Past, w.Len), w.Rows()
	flops := a.Heads * (visible*(4*a.Dim+4) + rows*a.Dim)
	past := w.Past
	if a.Window > 0 {
		past = min(past, a.Window-1)
	}
	cached := 8 * a.KVHeads * a.Dim // bytes of one key and value
	if a.BF16 {
		cached /= 2
	}
	bytes := 8*rows*(a.Heads+a.KVHeads)*a.Dim + w.Docs*past*cached
	if a.Naive {
		bytes += 8 * a.Heads * visible
	}
	if w.State {
		kept := w.Len
		if a.Slots > 0 {
			kept = min(kept, a.Slots)
		}
		bytes += w.Docs * kept * cached
	}
	if s.backward {
		flops, bytes = flops*7/2, bytes*7/2
	}
	s.add(flops, bytes)
}
