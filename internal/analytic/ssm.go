package analytic

// CausalConv is a depthwise convolution: one multiply-add per tap of an element. Each document's last taps-1 inputs are
// read and written.
func (s *Sheet) CausalConv(w Work, channels, taps int) {
	rows := w.Rows()
	s.Add(2*rows*channels*taps, 4*(2*rows*channels+channels*taps+2*w.Docs*channels*(taps-1)))
}

// Columns copies cols columns of a wider matrix.
func (s *Sheet) Columns(rows, cols int) { s.Add(0, 8*rows*cols) }

// SelectiveScan is Mamba's recurrence. Per token, channel and state it costs 7: Δ·A, its exponential, its product with
// the state, Δu·B, their sum, and the multiply-add with C. Per token and channel it costs 3: Δ·u and the multiply-add
// with D. Each document's states are read and written.
//
// A backward pass recomputes the states, at 5 per token, channel and state, and walks back over them, at 16: the
// adjoint's multiply-add with C and its decay 3; the gradients of C, Δu and Δ 2 each, of A 2, the product that A's and
// Δ's share 2, of B 3. Per token and channel it costs 10.
func (s *Sheet) SelectiveScan(w Work, channels, states int) {
	rows := w.Rows()
	flops := rows * channels * (7*states + 3)
	bytes := 4 * (rows*(3*channels+2*states) + channels*states + channels + 2*w.Docs*channels*states)
	if s.backward {
		flops += rows * channels * (21*states + 10)
		bytes *= 3
	}
	s.add(flops, bytes)
}

// Steps computes Mamba-2's step sizes: the columns, their bias and softplus.
func (s *Sheet) Steps(rows, heads int) {
	s.Columns(rows, heads)
	s.Add(rows*heads, 4*heads)
	s.Activation(rows*heads, 3)
}

// SSD is Mamba-2's recurrence. Per token, channel and state it costs 5: the product with the decay, Δx·B, their sum and
// the multiply-add with C. Per token and channel it costs 3: Δ·x and the multiply-add with D. Per token and head it
// costs 2: Δ·A and its exponential. Each document's states are read and written.
//
// A backward pass recomputes the states, at 4 per token, channel and state (Δ·x·B takes two products there), and walks
// back over them, at 12: the adjoint's multiply-add with C and its decay 3; the gradients of C, of Δx and of the decay
// 2 each; of B 3. It costs 8 per token and channel, and 9 per token and head, counting the decay twice.
func (s *Sheet) SSD(w Work, heads, dim, groups, states int) {
	rows, channels := w.Rows(), heads*dim
	flops := rows * (channels*(5*states+3) + 2*heads)
	bytes := 4 * (rows*(2*channels+2*groups*states+heads) + 2*heads + 2*w.Docs*channels*states)
	if s.backward {
		flops += rows * (channels*(16*states+8) + 9*heads)
		bytes *= 3
	}
	s.add(flops, bytes)
}
