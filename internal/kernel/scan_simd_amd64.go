package kernel

// scanAVX512 are the inner loops of state-space models for AVX-512.
var scanAVX512 = scanKernels{
	token: scanToken512,
	channel: func(h, b, c []float32, decay, input float32) float32 {
		return ssdStepAVX512(len(h), &h[0], &b[:len(h)][0], &c[:len(h)][0], decay, input)
	},
	addMul: func(y, w, x []float32) {
		if len(y) > 0 {
			addMulAVX512(len(y), &y[0], &w[:len(y)][0], &x[:len(y)][0])
		}
	},
}

// scanToken512 holds the states of a channel in one vector, which has room for 16.
func scanToken512(s *Scan, t, lo, hi int) bool {
	n := s.States
	if n > 16 {
		return false
	}
	from, to := t*s.Channels+lo, t*s.Channels+hi
	scanTokenAVX512(hi-lo, n, &s.H[lo*n : hi*n][0], &s.A[lo*n : hi*n][0], &rowOf(s.B, t, n)[0], &rowOf(s.C, t, n)[0],
		&s.Delta[from:to][0], &s.U[from:to][0], &s.D[lo:hi][0], &s.Y[from:to][0])
	return true
}
