package main

import (
	"math"
	"math/rand/v2"

	"github.com/archbench/archbench/internal/nn"
)

// BumpConfig configures the bump that initialises position tables.
type BumpConfig struct {
	Init    bool    `json:"prime_bump_init"`
	Scale   float64 `json:"prime_bump_scale"`
	Powers  int     `json:"k_max_primes"` // powers of each prime
	Epsilon float64 `json:"epsilon"`      // width of the bump

	// Potential makes the bump the prime-bump potential instead of a step at each prime. The key names a core whose
	// operator is tridiagonal plus low rank. The published low-rank part is zero, so both cores are the resolvent of the
	// tridiagonal operator, and only new position tables differ.
	Potential bool `json:"use_birman_schwinger"`
}

// PrimeBump returns the prime-bump potential of n sites,
//
//	V(x) = scale Σ_{primes p < n} Σ_{k=1..kMax} ln p · p^{−k(½+ε)} · ε^{−½} e^{−(x − ln p)²/(2ε)},     x = 0, 1, ...
//
// Every power k of a prime is centred at ln p, so only about the first dozen sites have a potential.
func PrimeBump(n int, epsilon, scale float64, kMax int) []float64 {
	v := make([]float64, n)
	for _, p := range primesBelow(n) {
		center := math.Log(float64(p))
		var weight float64
		for k := 1; k <= kMax; k++ {
			weight += center * math.Pow(float64(p), -float64(k)*(0.5+epsilon))
		}
		for x := range v {
			d := float64(x) - center
			v[x] += scale * weight / math.Sqrt(epsilon) * math.Exp(-d*d/(2*epsilon))
		}
	}
	return v
}

// primesBelow lists the primes below n.
func primesBelow(n int) (primes []int) {
	composite := make([]bool, max(n, 2))
	for p := 2; p < n; p++ {
		if composite[p] {
			continue
		}
		primes = append(primes, p)
		for m := p * p; m < n; m += p {
			composite[m] = true
		}
	}
	return primes
}

// init initialises a position table with N(0, 0.02²) and, with prime_bump_init, adds a bump to every channel.
func (c *PositionConfig) init() nn.Init {
	normal := nn.Normal(0.02)
	if !c.Init {
		return normal
	}
	bump := c.bump(c.Rows)
	return func(r *rand.Rand, row int, dst []float32) {
		normal(r, row, dst)
		for i := range dst {
			dst[i] += float32(bump[row])
		}
	}
}

// bump returns the potential, or a step at each prime position.
func (c *BumpConfig) bump(n int) []float64 {
	if c.Potential {
		return PrimeBump(n, c.Epsilon, c.Scale, c.Powers)
	}
	bump := make([]float64, n)
	for _, p := range primesBelow(n) {
		bump[p] = c.Scale
	}
	return bump
}
