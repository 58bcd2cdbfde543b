package main

import (
	"math"
	"math/rand/v2"

	"github.com/archbench/archbench/internal/nn"
)

// How a new model begins. Eta is spread over the heads, and what would drown a head of small eta is scaled down with
// it: a random potential localises the chain unless its spread is well below √eta.

// eta is that of head h of a new model: log-spaced from eta_init_max to eta_init_min, or the constant.
func (c *CausalConfig) eta(h int) float64 {
	if c.EtaMode == "const" {
		return c.EtaValue
	}
	if c.Heads == 1 {
		return c.EtaInitMax
	}
	hi, lo := math.Log(c.EtaInitMax), math.Log(c.EtaInitMin)
	return math.Exp(hi + (lo-hi)*float64(h)/float64(c.Heads-1))
}

// perHead fills a tensor [H] by a function of the head.
func perHead(f func(h int) float64) nn.Init {
	return func(_ *rand.Rand, h int, dst []float32) { dst[0] = float32(f(h)) }
}

func (c *CausalConfig) initEtaRaw() nn.Init {
	return perHead(func(h int) float64 { return softplusInverse(c.eta(h) - c.EtaMin) })
}

func (c *CausalConfig) initVMax() nn.Init {
	return perHead(func(h int) float64 { return min(3, 1.5*math.Sqrt(c.eta(h))) })
}

// initA0 spreads the band centres by the golden ratio, so that neighbouring heads see different energies.
func (c *CausalConfig) initA0() nn.Init {
	const golden = 0.6180339887498949
	return perHead(func(h int) float64 {
		if c.A0Init == "zero" {
			return c.A0Value
		}
		_, frac := math.Modf((float64(h) + 0.5) * golden)
		return c.A0Span * (2*frac - 1)
	})
}

func (c *CausalConfig) initV() nn.Init {
	xavier := nn.Xavier(c.Heads, c.Dim, 1)
	if c.VInit == "xavier" {
		return xavier
	}
	return func(r *rand.Rand, h int, dst []float32) {
		xavier(r, h, dst)
		scale := float32(min(1, 0.5*math.Sqrt(c.eta(h))))
		for i := range dst {
			dst[i] *= scale
		}
	}
}

// residualInit is that of a matrix that writes into the residual stream.
func (c *CausalConfig) residualInit(out, in int) nn.Init {
	if c.ResidualInitScale {
		return nn.Xavier(out, in, 1/math.Sqrt(2*float64(c.Layers)))
	}
	return nn.Xavier(out, in, 1)
}

func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// softplusInverse is ln(eˣ − 1).
func softplusInverse(x float64) float64 { return math.Log(math.Expm1(x)) }

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// hopOf is c = √k.
func hopOf(k float64) float64 { return math.Sqrt(k) }

// hopOfRaw is c of a learned k = softplus(raw).
func hopOfRaw(raw float64) float64 { return hopOf(softplus(raw)) }

// hopSlope is its derivative.
func hopSlope(raw float64) float64 { return sigmoid(raw) / (2 * hopOfRaw(raw)) }
