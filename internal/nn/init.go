package nn

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
)

// Init fills row row of a new tensor, seen as [shape[0], the rest]. r is seeded from the model's seed, the tensor's name
// and the row, so a tensor's values do not depend on the model's other declarations.
type Init func(r *rand.Rand, row int, dst []float32)

// elements returns an Init that draws each element with draw.
func elements(draw func(r *rand.Rand) float32) Init {
	return func(r *rand.Rand, _ int, dst []float32) {
		for i := range dst {
			dst[i] = draw(r)
		}
	}
}

// Const fills with v.
func Const(v float32) Init { return elements(func(*rand.Rand) float32 { return v }) }

// Normal draws from N(0, std²).
func Normal(std float64) Init {
	return elements(func(r *rand.Rand) float32 { return float32(std * r.NormFloat64()) })
}

// Uniform draws from [-a, a).
func Uniform(a float64) Init {
	return elements(func(r *rand.Rand) float32 { return float32(a * (2*r.Float64() - 1)) })
}

// Xavier draws uniformly with the variance 2·gain²/(in + out) (Glorot and Bengio 2010).
func Xavier(out, in int, gain float64) Init { return Uniform(gain * math.Sqrt(6/float64(in+out))) }

// rowRand is the random generator of one tensor's initial values, reseeded for each row.
type rowRand struct {
	pcg  *rand.PCG
	rand *rand.Rand
	seed uint64
}

func newRowRand(seed uint64, name string) *rowRand {
	h := fnv.New64a()
	h.Write([]byte(name))
	pcg := rand.NewPCG(0, 0)
	return &rowRand{pcg: pcg, rand: rand.New(pcg), seed: seed ^ h.Sum64()}
}

// row returns the generator of one row.
func (r *rowRand) row(row int) *rand.Rand {
	r.pcg.Seed(r.seed, uint64(row))
	return r.rand
}
