package kernel

import "sync"

// Chains is one document's piece of the causal resolvents of several heads (see resolventStep), with one site per
// token. Token t advances the state of head h and its values,
//
//	g ← 1/(a − iη − c² g)        y ← g (u − c y)
//
// and gives z = y √(η/Im g) if Born, else y, and q = (g − i)/(g + i) if Cayley, else g. Heads are independent, so
// results depend neither on the division of work nor on where a document is split.
//
// Heads and values fill the vectors, not time. Time could be parallelised by composing the maps g ↦ (p g + q)/(r g + s)
// over blocks of sites. But that triples the arithmetic to hide the latency of a division, some 10 ns beside the
// microseconds of a token's products, and rounding would depend on where a piece ends.
type Chains struct {
	Len, Heads, Values int

	A   Rows      // [len, heads]; site energy minus Re z
	Hop Rows      // [len, heads]; c. A stride of 0 means the same c for all tokens
	Eta []float32 // [heads]
	U   Rows      // [len, heads·values]
	G   Complex   // [heads]; the state, updated in place
	Y   Complex   // [heads·values]; likewise

	Born   bool
	ZRe    Rows // [len, heads·values]
	ZIm    Rows
	Cayley bool
	QRe    Rows // [len, heads]; no data: q is not wanted
	QIm    Rows
}

const (
	// resolventLanes is the number of chains that advance together: the widest vector of float32.
	resolventLanes = 16
	// resolventStretch is the number of tokens that g advances before the rows follow.
	resolventStretch = 32
)

// laneRow holds one number per chain of a tile.
type laneRow = [resolventLanes]float64

// resolventTile is one thread's memory for advancing chains. It is pooled, so decoding does not allocate.
type resolventTile struct {
	Chains
	re, im, eta laneRow // g, updated after each stretch, and η
	yRe, yIm    laneRow // values that do not fill a vector
	sites       [resolventStretch]resolventSite
}

// resolventSite is the state of the chains after one token of the stretch.
type resolventSite struct{ re, im, factor, hop laneRow }

var resolventTiles = sync.Pool{New: func() any { return new(resolventTile) }}

// resolventKernels are the inner loops of causal resolvents, over tokens [from, from+n) of chains [lo, hi) of a tile.
type resolventKernels struct {
	// chains advances g and fills the tile's sites.
	chains func(w *resolventTile, from, n, lo, hi int)
	// row advances values [j, end) of chain h, which is the tile's given lane, and writes z.
	row func(w *resolventTile, from, n, h, lane, j, end int)
	// cayley writes q.
	cayley func(w *resolventTile, from, n, lo, hi int)
	// back reverses one token's step of a row. It returns the row's terms in the adjoint of g and, negated, in the
	// adjoint of the hop.
	back func(b rowBack) (toG complex128, toHop float64)
}

// resolventReference holds the plain-Go kernels, which define the results.
var resolventReference = resolventKernels{
	chains: resolventChains, row: resolventRow, cayley: resolventCayley, back: resolventBack,
}

// Run computes z and q and advances G and Y.
func (c Chains) Run() {
	w := resolventTiles.Get().(*resolventTile)
	w.Chains = c
	for lo := 0; lo < c.Heads; lo += resolventLanes {
		w.walk(lo, min(c.Heads, lo+resolventLanes))
	}
	w.Chains = Chains{}
	resolventTiles.Put(w)
}

// From returns the piece of n tokens starting at token t.
func (c Chains) From(t, n int) Chains {
	c.Len = n
	for _, r := range []*Rows{&c.A, &c.Hop, &c.U, &c.ZRe, &c.ZIm, &c.QRe, &c.QIm} {
		if r.Data != nil {
			*r = r.From(t, 0)
		}
	}
	return c
}

// walk advances chains [lo, hi) through time, one stretch after another.
func (w *resolventTile) walk(lo, hi int) {
	w.load(lo, hi)
	for from := 0; from < w.Len; from += resolventStretch {
		n := min(resolventStretch, w.Len-from)
		active.resolvent.chains(w, from, n, lo, hi)
		for h := lo; h < hi; h++ {
			for j := 0; j < w.Values; j += resolventLanes {
				active.resolvent.row(w, from, n, h, h-lo, j, min(w.Values, j+resolventLanes))
			}
		}
		switch {
		case w.QRe.Data == nil:
		case w.Cayley:
			active.resolvent.cayley(w, from, n, lo, hi)
		default:
			w.copyG(from, n, lo, hi)
		}
	}
	copy(w.G.Re[lo:hi], w.re[:])
	copy(w.G.Im[lo:hi], w.im[:])
}

// load fetches the state of chains [lo, hi). Results of the remaining lanes are not used.
func (w *resolventTile) load(lo, hi int) {
	w.re, w.im, w.eta = laneRow{}, laneRow{}, laneRow{}
	copy(w.re[:], w.G.Re[lo:hi])
	copy(w.im[:], w.G.Im[lo:hi])
	for i, eta := range w.Eta[lo:hi] {
		w.eta[i] = float64(eta)
	}
}

// copyG writes g as q.
func (w *resolventTile) copyG(from, n, lo, hi int) {
	for t := range n {
		re, im := w.QRe.From(from+t, lo).Data, w.QIm.From(from+t, lo).Data
		for i := range hi - lo {
			re[i], im[i] = float32(w.sites[t].re[i]), float32(w.sites[t].im[i])
		}
	}
}

// resolventChains implements resolventKernels.
func resolventChains(w *resolventTile, from, n, lo, hi int) {
	for t := range n {
		a, hops, site := w.A.From(from+t, lo).Data, w.Hop.From(from+t, lo).Data, &w.sites[t]
		for i := range hi - lo {
			hop := float64(hops[i])
			g := resolventStep(float64(a[i]), w.eta[i], hop*hop, complex(w.re[i], w.im[i]))
			w.re[i], w.im[i] = real(g), imag(g)
			site.re[i], site.im[i], site.hop[i], site.factor[i] = real(g), imag(g), hop, 1
			if w.Born {
				site.factor[i] = bornNorm(w.eta[i], imag(g))
			}
		}
	}
}

// resolventRow implements resolventKernels.
func resolventRow(w *resolventTile, from, n, h, lane, j, end int) {
	re, im := w.Y.Re[h*w.Values:][j:end], w.Y.Im[h*w.Values:][j:end]
	for t := range n {
		site, at := &w.sites[t], h*w.Values+j
		u, zRe, zIm := w.U.From(from+t, at).Data, w.ZRe.From(from+t, at).Data, w.ZIm.From(from+t, at).Data
		g, hop, factor := complex(site.re[lane], site.im[lane]), site.hop[lane], site.factor[lane]
		for i := range re {
			y := resolventRowStep(g, hop, float64(u[i]), complex(re[i], im[i]))
			re[i], im[i] = real(y), imag(y)
			zRe[i], zIm[i] = float32(factor*real(y)), float32(factor*imag(y))
		}
	}
}

// resolventCayley implements resolventKernels.
func resolventCayley(w *resolventTile, from, n, lo, hi int) {
	for t := range n {
		re, im := w.QRe.From(from+t, lo).Data, w.QIm.From(from+t, lo).Data
		for i := range hi - lo {
			q := cayley(complex(w.sites[t].re[i], w.sites[t].im[i]))
			re[i], im[i] = float32(real(q)), float32(imag(q))
		}
	}
}
