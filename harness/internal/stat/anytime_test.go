package stat

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestEvidence checks the evidence of signs against the mixture integrated numerically, and against its mean of 1 under a
// fair coin.
func TestEvidence(t *testing.T) {
	for n := range 13 {
		mean := 0.0
		for k := range n + 1 {
			// θ = sin² φ turns the Beta(1/2, 1/2) density into a constant 2/π.
			const steps = 20000
			sum := 0.0
			for i := range steps {
				phi := (float64(i) + 0.5) / steps * math.Pi / 2
				theta := math.Sin(phi) * math.Sin(phi)
				sum += math.Pow(2*theta, float64(k)) * math.Pow(2*(1-theta), float64(n-k))
			}
			got := math.Exp(logEvidence(n, k))
			if want := sum / steps; math.Abs(got-want) > 1e-6*want {
				t.Errorf("%d of %d signs: evidence %v, integrated %v", k, n, got, want)
			}
			choose, _ := math.Lgamma(float64(n + 1))
			a, _ := math.Lgamma(float64(k + 1))
			b, _ := math.Lgamma(float64(n - k + 1))
			mean += math.Exp(choose-a-b-float64(n)*math.Ln2) * got
		}
		if math.Abs(mean-1) > 1e-9 {
			t.Errorf("the mean evidence of %d fair coins is %v, not 1", n, mean)
		}
	}
}

// TestAnytimeDecides pins how many blocks that agree are needed: the p-value by hand is B(1/2, 1/2) / (2^n B(n + 1/2, 1/2)).
func TestAnytimeDecides(t *testing.T) {
	base, other := map[int]float64{}, map[int]float64{}
	for block := range 10 {
		base[block], other[block] = 1, 1.1
		c := Anytime(base, other)
		if decided := c.Verdict() == More; decided != (block+1 >= 7) || decided != c.Bounded() {
			t.Errorf("%d blocks that agree: %+v", block+1, c)
		}
	}
}

// TestAnytimeHoldsUnderPeeking looks after each block and stops at the first claim: identical arms are told apart in less
// than 5 % of the runs, where the test for a fixed number of blocks tells them apart in many times that.
func TestAnytimeHoldsUnderPeeking(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	const trials, blocks = 600, 120
	claims := map[string]int{}
	for range trials {
		base, other := map[int]float64{}, map[int]float64{}
		said := map[string]bool{}
		for block := range blocks {
			level := 1 + 0.3*math.Sin(float64(block)/9)
			base[block] = level * (1 + 0.02*rng.ExpFloat64())
			other[block] = level * (1 + 0.02*rng.ExpFloat64())
			said["fixed"] = said["fixed"] || Paired(base, other).Verdict() != Undecided
			said["anytime"] = said["anytime"] || Anytime(base, other).Verdict() != Undecided
		}
		for name, claim := range said {
			if claim {
				claims[name]++
			}
		}
	}
	if limit := 0.05 + 3*math.Sqrt(0.05*0.95/trials); float64(claims["anytime"])/trials > limit {
		t.Errorf("%d of %d identical pairs are called different by a test that may be peeked at", claims["anytime"], trials)
	}
	if claims["fixed"] < trials/6 {
		t.Errorf("peeking at the fixed test makes only %d of %d false claims: this test shows nothing", claims["fixed"], trials)
	}
}
