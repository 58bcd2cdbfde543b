package analytic

// CausalConv is a depthwise convolution with taps taps: a multiply-add for each tap of an element. Each document's last
// taps-1 inputs are read and written.
func (s *Sheet) CausalConv(w Work, channels, taps int) {
	rows := w.Rows()
	s.Add(2*rows*channels*taps, 4*(2*rows*channels+channels*taps+2*w.Docs*channels*(taps-1)))
}

// Columns copies cols columns of a wider matrix.
func (s *Sheet) Columns(rows, cols int) { s.Add(0, 8*rows*cols) }

// SelectiveScan is Mamba's recurrence: for each channel and state of a token Δ·A, its exponential, its product with the
// state, Δu·B, their sum, and the multiply-add with C make 7; Δ·u and the multiply-add with D make 3 for each channel.
// Each document's states are read and written.
//
// Backward computes the states again (5 for each state of a token) and walks back over them: the adjoint's
// multiply-add with C and its decay 3, the gradients of C, Δu and Δ 2 each, of A 2 and the product that it shares with
// that of Δ 2, of B 3, together 16; and 10 for each channel of a token.
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

// Steps are Mamba-2's step sizes: the columns, their bias and softplus.
func (s *Sheet) Steps(rows, heads int) {
	s.Columns(rows, heads)
	s.Add(rows*heads, 4*heads)
	s.Activation(rows*heads, 3)
}

// SSD is Mamba-2's recurrence: for each channel and state of a token the product with the decay, Δx·B, their sum and the
// multiply-add with C make 5; Δ·x and the multiply-add with D make 3 for each channel; Δ·A and its exponential 2 for
// each head. Each document's states are read and written.
//
// Backward computes the states again (4 for each, as Δ·x·B takes two products there) and walks back over them: the
// adjoint's multiply-add with C and its decay 3, the gradients of C, of Δx and of the decay 2 each, of B 3, together 12;
// 8 for each channel; and 9 for each head, its decay twice among them.
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
