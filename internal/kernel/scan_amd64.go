package kernel

// scanVectors is the assembly of the recurrences at one vector width. Strides are in bytes. A call handles one vector
// of channels, starting at the pointers.
type scanVectors struct {
	lanes    int
	tokens   func(tokens, states, channels, stride, inStride int, h, a, b, c, delta, u, d, y *float32, bStride, cStride int)
	ssd      func(tokens, states, channels, stride int, h, b, c, steps, x, y *float32, bStride, cStride, xStride, yStride int, d float32)
	convolve func(n, tokens, taps int, y *float32, yStride int, bias, w *float32, wStride int, x *float32, xStride int)
	states   func(tokens, states int, h, decay, a, inputs, b *float32, bStride int)
	back     func(states int, h, decay, g, a, da, token, b, c, db, dc *float32)
}

var (
	scanAVX512 = (&scanVectors{
		16, scanTokensAVX512, ssdTokensAVX512, convolveAVX512, scanStatesAVX512, scanBackAVX512,
	}).kernels()
	scanAVX2 = (&scanVectors{
		8, scanTokensAVX2, ssdTokensAVX2, convolveAVX2, scanStatesAVX2, scanBackAVX2,
	}).kernels()
)

func (v *scanVectors) kernels() scanKernels {
	return scanKernels{
		tokens: v.scanTokens, ssd: v.ssdTokens, convolve: v.convolution, states: v.scanStates, back: v.scanBack,
	}
}

func (v *scanVectors) scanTokens(s *Scan, from, to, lo, hi int) {
	b, c, at := s.B.From(from, 0), s.C.From(from, 0), from*s.Channels
	h, a := s.H[lo*s.States:hi*s.States], s.A[lo*s.States:hi*s.States]
	for lane := 0; lane < hi-lo; lane += v.lanes {
		e := lo + lane
		v.tokens(to-from, s.States, hi-e, 4*(hi-lo), 4*s.Channels, &h[lane], &a[lane], &b.Data[0], &c.Data[0],
			&s.Delta[at+e], &s.U[at+e], &s.D[e], &s.Y[at+e], 4*b.Stride, 4*c.Stride)
	}
}

func (v *scanVectors) ssdTokens(s *SSD, j, from int, steps []float32, lo, hi int) {
	h, x, y := s.state(j)[lo*s.States:hi*s.States], s.x(j, from), s.y(s.Y, j, from)
	b, c := s.maps(j, from)
	for lane := 0; lane < hi-lo; lane += v.lanes {
		p := lo + lane
		v.ssd(len(steps)/2, s.States, hi-p, 4*(hi-lo), &h[lane], &b[0], &c[0], &steps[0], &x[p], &y[p],
			4*s.B.Stride, 4*s.C.Stride, 4*s.X.Stride, 4*s.Heads*s.Dim, s.D[j])
	}
}

func (v *scanVectors) convolution(y Rows, bias []float32, w Rows, taps int, x Rows, tokens int) {
	v.convolve(len(bias), tokens, taps, &y.Data[0], 4*y.Stride, &bias[0], &w.Data[0], 4*w.Stride, &x.Data[0], 4*x.Stride)
}

func (v *scanVectors) scanStates(w *scanWalk, tokens int, b Rows) {
	for lane := 0; lane < scanBlock; lane += v.lanes {
		v.states(tokens, w.count, &w.h[0][lane], &w.decay[0][lane], &w.a[0][lane], &w.tokens[0].u[lane], &b.Data[0], 4*b.Stride)
	}
}

func (v *scanVectors) scanBack(w *scanWalk, t int, b, c, db, dc []float32) {
	at := t * w.count
	for lane := 0; lane < scanBlock; lane += v.lanes {
		v.back(w.count, &w.h[at][lane], &w.decay[at][lane], &w.g[0][lane], &w.a[0][lane], &w.da[0][lane],
			&w.tokens[t].u[lane], &b[0], &c[0], &db[0], &dc[0])
	}
}
