package kernel

// resolventVectors is the assembly of causal resolvents at one vector width. Strides are in bytes. A call handles one
// float32 vector of channels, starting at the pointers.
type resolventVectors struct {
	lanes  int
	chains func(tokens, channels, aStride, hopStride, born int, a, hop *float32, state, out *float64)
	row    func(tokens, channels, uStride, outStride int, chain *float64, u *float32, yRe, yIm *float64, re, im *float32)
	cayley func(tokens, channels, outStride int, chain *float64, re, im *float32)
	back   func(n int, gRe, gIm, hop float64, u, du, yRe, yIm, dRe, dIm, beforeRe, beforeIm *float64) (toRe, toIm, toHop float64)
}

var (
	resolventAVX512 = (&resolventVectors{
		16, resolventChainsAVX512, resolventRowAVX512, resolventCayleyAVX512, resolventBackAVX512,
	}).kernels()
	resolventAVX2 = (&resolventVectors{
		8, resolventChainsAVX2, resolventRowAVX2, resolventCayleyAVX2, resolventBackAVX2,
	}).kernels()
)

func (v *resolventVectors) kernels() resolventKernels {
	return resolventKernels{chains: v.resolventChains, row: v.resolventRow, cayley: v.resolventCayley, back: v.resolventBack}
}

func (v *resolventVectors) resolventChains(w *resolventTile, from, n, lo, hi int) {
	born := 0
	if w.Born && w.Values > 0 {
		born = 1
	}
	a, hop := w.A.From(from, lo), w.Hop.From(from, lo)
	for i := 0; i < hi-lo; i += v.lanes {
		v.chains(n, hi-lo-i, 4*a.Stride, 4*hop.Stride, born, &a.Data[i], &hop.Data[i], &w.re[i], &w.sites[0].re[i])
	}
}

func (v *resolventVectors) resolventRow(w *resolventTile, from, n, h, lane, j, end int) {
	at := h * w.Values
	u, re, im := w.U.From(from, at), w.ZRe.From(from, at), w.ZIm.From(from, at)
	yRe, yIm := w.Y.Re[at:at+end], w.Y.Im[at:at+end]
	for ; j < end; j += v.lanes {
		left := end - j
		yr, yi := yRe[j:], yIm[j:]
		if left < v.lanes {
			yr, yi = w.yRe[:], w.yIm[:]
			copy(yr, yRe[j:])
			copy(yi, yIm[j:])
		}
		v.row(n, left, 4*u.Stride, 4*re.Stride, &w.sites[0].re[lane], &u.Data[j], &yr[0], &yi[0], &re.Data[j], &im.Data[j])
		if left < v.lanes {
			copy(yRe[j:], yr)
			copy(yIm[j:], yi)
		}
	}
}

func (v *resolventVectors) resolventCayley(w *resolventTile, from, n, lo, hi int) {
	re, im := w.QRe.From(from, lo), w.QIm.From(from, lo)
	for i := 0; i < hi-lo; i += v.lanes {
		v.cayley(n, hi-lo-i, 4*re.Stride, &w.sites[0].re[i], &re.Data[i], &im.Data[i])
	}
}

// resolventBack leaves values that do not fill a vector to the reference.
func (v *resolventVectors) resolventBack(b rowBack) (toG complex128, toHop float64) {
	n := len(b.u) / (v.lanes / 2) * (v.lanes / 2)
	toG, toHop = resolventBack(b.from(n))
	if n == 0 {
		return toG, toHop
	}
	re, im, hop := v.back(n, real(b.g), imag(b.g), b.hop, &b.u[0], &b.du[0],
		&b.y.Re[0], &b.y.Im[0], &b.dy.Re[0], &b.dy.Im[0], &b.before.Re[0], &b.before.Im[0])
	return toG + complex(re, im), toHop + hop
}
