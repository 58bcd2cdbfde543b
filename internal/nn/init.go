package nn

import (
	"math"
	"math/rand/v2"
)

// Const fills with v.
func Const(v float32) Init {
	return func(_ *rand.Rand, _ int, dst []float32) {
		for i := range dst {
			dst[i] = v
		}
	}
}

// Normal draws from N(0, std²).
func Normal(std float64) Init {
	return func(r *rand.Rand, _ int, dst []float32) {
		for i := range dst {
			dst[i] = float32(std * r.NormFloat64())
		}
	}
}

// Uniform draws from [-a, a).
func Uniform(a float64) Init {
	return func(r *rand.Rand, _ int, dst []float32) {
		for i := range dst {
			dst[i] = float32(a * (2*r.Float64() - 1))
		}
	}
}

// Xavier draws uniformly with the variance 2·gain²/(in + out) of Glorot and Bengio (2010).
func Xavier(out, in int, gain float64) Init { return Uniform(gain * math.Sqrt(6/float64(in+out))) }
