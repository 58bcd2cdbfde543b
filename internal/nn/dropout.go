package nn

import "github.com/archbench/archbench/internal/kernel"

// Draws identifies the random draws of one forward pass of a training. Each layer that draws takes the next site, so a
// draw is a function of these numbers and the element alone: it depends neither on threads nor on what was drawn before,
// and a recomputed layer draws the same again.
type Draws struct {
	Seed   uint64
	Update uint32 // number of updates before
	Part   uint32 // number of passes since the last update

	site uint32 // of the next layer
}

// Dropout returns x with each element set to zero with probability rate, in [0, 1), and the others divided by 1 - rate
// (Srivastava et al. 2014). Outside training, without Draws, it returns x itself. It is not counted.
func Dropout(p *Pass, x Mat, rate float64) Mat {
	if p.Draws == nil || rate == 0 {
		return x
	}
	m := mask{draws: *p.Draws, drop: uint32(rate * (1 << 32)), scale: float32(1 / (1 - rate))}
	p.Draws.site++
	y := p.New(x.Rows, x.Cols)
	clear(y.Data)
	p.eachElement(len(x.Data), func(lo, hi int) { m.add(y.Data, x.Data, lo, hi) })
	if p.Tape != nil {
		p.Tape.Record(func() {
			p.eachElement(len(x.Data), func(lo, hi int) { m.add(x.Grad, y.Grad, lo, hi) })
		})
	}
	return y
}

// mask says which elements of a matrix are kept.
type mask struct {
	draws Draws
	drop  uint32 // an element is dropped if its random word is below
	scale float32
}

// add adds the kept elements of x in [lo, hi), scaled, to y. lo is a multiple of 4, the words of one draw.
func (m *mask) add(y, x []float32, lo, hi int) {
	key := [2]uint32{uint32(m.draws.Seed), uint32(m.draws.Seed >> 32)}
	for at := lo; at < hi; at += 4 {
		words := kernel.Philox([4]uint32{uint32(at / 4), m.draws.site, m.draws.Part, m.draws.Update}, key)
		for i := range min(4, hi-at) {
			if words[i] >= m.drop {
				y[at+i] += m.scale * x[at+i]
			}
		}
	}
}
