package nn

import (
	"math"
	"slices"

	"github.com/archbench/archbench/internal/kernel"
)

// Gate declares a small linear whose output controls a recursion or a choice of experts. It stays in float32 in every
// precision, because a rounding error would be amplified or flip the choice.
func (ps *Params) Gate(name string, out, in int, bias bool, init, biasInit Init) *Linear {
	l := &Linear{In: in, Out: out}
	l.W, l.Weight = ps.matrix(name+".weight", ClassOther, kernel.F32, out, in, false, init)
	if bias {
		l.Bias = ps.Tensor(name+".bias", biasInit, out)
	}
	return l
}

// Fixed returns a constant per head, which is neither stored nor trained.
func Fixed(heads int, v float32) *Param { return &Param{W: slices.Repeat([]float32{v}, heads)} }

// SiteEnergy turns the projection of each token into the site energies of its chains,
//
//	a = (a0 − E) + v        v = v_max tanh(p/v_max), or p clamped to ±v_max
//
// It costs 5 FLOPs per head and token, 2 with the clamp.
type SiteEnergy struct {
	A0, Energy, VMax *Param // [heads]; VMax is a constant
	Clamp            bool
}

// Forward returns a for projections [rows, heads].
func (s *SiteEnergy) Forward(p *Pass, projection Mat) Mat {
	a, heads := p.New(projection.Rows, projection.Cols), projection.Cols
	centers := p.Scratch(2 * heads)
	copy(centers, s.A0.W)
	copy(centers[heads:], s.Energy.W)
	f, flops := siteTanh, int64(5)
	if s.Clamp {
		f, flops = siteClamp, 2
	}
	p.byRows(rowsTask{f: f, y: a, x: projection, w: centers, b: s.VMax.W})
	n := int64(len(a.Data))
	p.Add(flops*n, 8*n+12*int64(heads))
	if p.Tape != nil {
		p.Tape.Record(func() { s.backward(p, a, projection) })
	}
	return a
}

// siteTanh writes (a0 − E) + v_max tanh(x/v_max), with tanh t = 1 − 2/(e²ᵗ + 1). centers are all a0, then all E.
func siteTanh(a, x, centers, vMax []float32, _ float64) {
	a0, energy := centers[:len(x)], centers[len(x):]
	for h, v := range x {
		a[h] = 2 * v / vMax[h]
	}
	kernel.Exp(a, a)
	for h, e := range a {
		a[h] = (a0[h] - energy[h]) + vMax[h]*(1-2/(e+1))
	}
}

// siteClamp writes (a0 − E) + x, with x limited to ±v_max.
func siteClamp(a, x, centers, vMax []float32, _ float64) {
	a0, energy := centers[:len(x)], centers[len(x):]
	for h, v := range x {
		a[h] = (a0[h] - energy[h]) + min(max(v, -vMax[h]), vMax[h])
	}
}

// slope is dv/dp: 1 − (v/v_max)², or 1 inside the clamp.
func (s *SiteEnergy) slope(x, vMax float32) float32 {
	if s.Clamp {
		if x > -vMax && x < vMax {
			return 1
		}
		return 0
	}
	t := float32(math.Tanh(float64(x / vMax)))
	return 1 - t*t
}

// backward adds to the gradients of the projection and of a0 and E, where these are trained.
func (s *SiteEnergy) backward(p *Pass, a, projection Mat) {
	p.eachRow(a, func(r int) {
		for h, g := range a.rowGrad(r) {
			projection.rowGrad(r)[h] += g * s.slope(projection.Row(r)[h], s.VMax.W[h])
		}
	})
	for r := range a.Rows {
		if s.A0.Grad != nil {
			kernel.Axpy(1, a.rowGrad(r), s.A0.Grad)
		}
		if s.Energy.Grad != nil {
			kernel.Axpy(-1, a.rowGrad(r), s.Energy.Grad)
		}
	}
}

// HopGate turns a linear of each token into the hops that couple it to the previous token, c = √(k_max σ(x)). It costs 4
// FLOPs per head and token.
type HopGate struct{ KMax float32 }

// Forward returns c for x [rows, heads].
func (g HopGate) Forward(p *Pass, x Mat) Mat {
	c := p.New(x.Rows, x.Cols)
	p.byRows(rowsTask{f: hopGate, y: c, x: x, number: float64(g.KMax)})
	n := int64(len(c.Data))
	p.Add(4*n, 8*n)
	if p.Tape != nil {
		p.Tape.Record(func() {
			p.eachElement(len(c.Grad), func(lo, hi int) {
				for i := lo; i < hi; i++ { // dc/dx = ½ c (1 − σ)
					x.Grad[i] += c.Grad[i] * 0.5 * c.Data[i] * float32(1/(1+math.Exp(float64(x.Data[i]))))
				}
			})
		})
	}
	return c
}

// hopGate writes √(k_max/(1 + e⁻ˣ)).
func hopGate(c, x, _, _ []float32, kMax float64) {
	for h, v := range x {
		c[h] = -v
	}
	kernel.Exp(c, c)
	for h, e := range c {
		c[h] = float32(math.Sqrt(float64(float32(kMax) / (1 + e))))
	}
}

// HeadValue is one number per head that is a function of a stored parameter, for example η = η_min + softplus(raw). It is
// computed when the parameter changes, not per token, so its cost is not counted.
type HeadValue struct {
	raw   *Param
	slope func(float64) float64
	value Mat // [1, heads]
}

// HeadValue returns f(raw), with slope df/draw.
func (ps *Params) HeadValue(raw *Param, f, slope func(float64) float64) *HeadValue {
	v := &HeadValue{raw: raw, slope: slope, value: Mat{Rows: 1, Cols: len(raw.W), Data: make([]float32, len(raw.W))}}
	ps.derive(func() {
		for i, x := range raw.W {
			v.value.Data[i] = float32(f(float64(x)))
		}
	})
	return v
}

// ConstHeadValue returns v for every head.
func ConstHeadValue(heads int, v float32) *HeadValue {
	fixed := Fixed(heads, v)
	return &HeadValue{raw: fixed, value: Mat{Rows: 1, Cols: heads, Data: fixed.W}}
}

// Forward returns the values [1, heads], which must not be written.
func (v *HeadValue) Forward(p *Pass) Mat {
	if p.Tape == nil {
		return v.value
	}
	y := p.New(1, v.value.Cols)
	copy(y.Data, v.value.Data)
	if v.raw.Grad != nil {
		p.Tape.Record(func() {
			for i, g := range y.Grad {
				v.raw.Grad[i] += g * float32(v.slope(float64(v.raw.W[i])))
			}
		})
	}
	return y
}

// ClampValues limits every element of x to [−limit, limit]. It costs no FLOPs. If the limit is infinite it returns x itself
// and costs nothing.
func ClampValues(p *Pass, x Mat, limit float32) Mat {
	if math.IsInf(float64(limit), 1) {
		return x
	}
	y := p.New(x.Rows, x.Cols)
	p.byRows(rowsTask{f: clampRow, y: y, x: x, number: float64(limit)})
	p.Add(0, 8*int64(len(x.Data)))
	if p.Tape != nil {
		p.Tape.Record(func() {
			p.eachElement(len(y.Grad), func(lo, hi int) {
				for i, g := range y.Grad[lo:hi] {
					if v := x.Data[lo+i]; v > -limit && v < limit {
						x.Grad[lo+i] += g
					}
				}
			})
		})
	}
	return y
}

func clampRow(y, x, _, _ []float32, limit float64) {
	top := float32(limit)
	for i, v := range x {
		y[i] = min(max(v, -top), top)
	}
}

// AddScaled returns x + s·y for a scalar parameter s. It costs 2 FLOPs per element.
func AddScaled(p *Pass, x Mat, s *Param, y Mat) Mat {
	sum := p.New(x.Rows, x.Cols)
	copy(sum.Data, x.Data)
	p.byRows(rowsTask{f: axpyRow, y: sum, x: y, number: float64(s.W[0])})
	n := int64(len(x.Data))
	p.Add(2*n, 12*n+4)
	if p.Tape != nil {
		grad := trainable(s, "scale")
		p.Tape.Record(func() {
			products := make([]float64, sum.Rows) // of each row
			p.eachRow(sum, func(r int) {
				kernel.Axpy(1, sum.rowGrad(r), x.rowGrad(r))
				kernel.Axpy(s.W[0], sum.rowGrad(r), y.rowGrad(r))
				products[r] = dot(sum.rowGrad(r), y.Row(r))
			})
			var total float64
			for _, v := range products {
				total += v
			}
			grad[0] += float32(total)
		})
	}
	return sum
}

// dot returns Σ x·y in float64.
func dot(x, y []float32) (sum float64) {
	for i, v := range x {
		sum += float64(v) * float64(y[i])
	}
	return sum
}

func axpyRow(sum, y, _, _ []float32, scale float64) { kernel.Axpy(float32(scale), y, sum) }
