package stat

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// TestSmallestP holds the smallest p-value against those of comparisons whose signs all agree.
func TestSmallestP(t *testing.T) {
	for _, d := range []Design{
		{Blocks: 10, Family: 1}, {Blocks: 10, Family: 3}, {Blocks: 5, Family: 1}, {Blocks: 7, Family: 40}, {Blocks: 9, Family: 3, Anytime: true},
	} {
		base, other := map[int]float64{}, map[int]float64{}
		for block := range d.Blocks {
			base[block], other[block] = 1.0, 2.0
		}
		family := make([]*Comparison, d.Family)
		for i := range family {
			c := Paired(base, other)
			if d.Anytime {
				c = Anytime(base, other)
			}
			family[i] = &c
		}
		Holm(family)
		if got, want := d.SmallestP(), family[0].Adjusted; math.Abs(got-want) > 1e-12 {
			t.Errorf("%+v: %g, want %g", d, got, want)
		}
		n := d.Enough()
		if before := (Design{Blocks: n - 1, Family: d.Family, Anytime: d.Anytime}); before.SmallestP() < Alpha {
			t.Errorf("%+v: enough are %d blocks, but %d decide", d, n, n-1)
		}
		if after := (Design{Blocks: n, Family: d.Family, Anytime: d.Anytime}); after.SmallestP() >= Alpha {
			t.Errorf("%+v: %d blocks are not enough", d, n)
		}
	}
	for want, d := range map[int]Design{6: {Family: 1}, 8: {Family: 4}, 7: {Family: 1, Anytime: true}, 9: {Family: 3, Anytime: true}} {
		if got := d.Enough(); got != want {
			t.Errorf("%+v: %d blocks, want %d", d, got, want)
		}
	}
}

// TestContrary solves the power of small designs by hand: at most one contrary sign of twelve, none of seven.
func TestContrary(t *testing.T) {
	one := Design{Blocks: 12, Least: 12, Family: 1, Anytime: true}.contrary()
	if p := math.Pow(1-one, 12) + 12*one*math.Pow(1-one, 11); math.Abs(p-Power) > 1e-4 {
		t.Errorf("12 blocks: %g has power %g", one, p)
	}
	if got, want := (Design{Blocks: 7, Family: 1, Anytime: true}).contrary(), 1-math.Pow(Power, 1.0/7); math.Abs(got-want) > 1e-5 {
		t.Errorf("7 blocks: %g, want %g", got, want)
	}
}

// noises are distributions with a spread of about 2 %, from light to heavy tails.
var noises = map[string]func(*rand.Rand) float64{
	"normal":  func(r *rand.Rand) float64 { return 0.02 * r.NormFloat64() },
	"Laplace": func(r *rand.Rand) float64 { return 0.02 * (r.ExpFloat64() - r.ExpFloat64()) },
	"bursts": func(r *rand.Rand) float64 {
		if r.Float64() < 0.1 {
			return 0.1 * r.NormFloat64()
		}
		return 0.02 * r.NormFloat64()
	},
}

// TestDetectable simulates comparisons on known noise: an effect 10 % below the detectable one is found in less than 80 % of
// them, one 10 % above it in more.
func TestDetectable(t *testing.T) {
	const draws = 1500
	for name, noise := range noises {
		for _, d := range []Design{
			{Blocks: 10, Family: 1}, {Blocks: 10, Family: 3}, {Blocks: 20, Family: 6}, {Blocks: 30, Least: 10, Family: 2, Anytime: true},
		} {
			random := rand.New(rand.NewPCG(7, 11))
			known := make([]float64, 100000)
			for i := range known {
				known[i] = noise(random)
			}
			effect := math.Log(d.Detectable(known).Value)
			for _, factor := range []float64{0.9, 1.1} {
				found := 0
				for range draws {
					if simulated(d, random, noise, factor*effect) {
						found++
					}
				}
				if share := float64(found) / draws; (share > Power) != (factor > 1) {
					t.Errorf("%s, %+v: %.2f of the detectable effect %.4f is found in %.3f", name, d, factor, effect, share)
				}
			}
		}
	}
}

// simulated draws blocks of a comparison with an effect, as one of a family without, and reports whether it is found.
func simulated(d Design, random *rand.Rand, noise func(*rand.Rand) float64, effect float64) bool {
	base, other := map[int]float64{}, map[int]float64{}
	for block := range d.Blocks {
		base[block], other[block] = 1.0, math.Exp(effect+noise(random))
		if !d.Anytime || block+1 < d.Least {
			continue
		}
		if c := Anytime(base, other); holm(&c, d.Family) == More {
			return true
		}
	}
	c := Paired(base, other)
	return !d.Anytime && holm(&c, d.Family) == More
}

// holm is the verdict on a comparison in a family whose others show nothing.
func holm(c *Comparison, family int) Verdict {
	all := []*Comparison{c}
	for range family - 1 {
		all = append(all, &Comparison{P: 1})
	}
	Holm(all)
	return c.Verdict()
}

// TestDetectableOfFewBlocks checks that the estimate from as few blocks as a measurement of the noise has is off by less than 15 %
// in the median, whatever the shape of the noise.
func TestDetectableOfFewBlocks(t *testing.T) {
	for name, noise := range noises {
		for _, d := range []Design{{Blocks: 10, Family: 1}, {Blocks: 10, Family: 3}} {
			random := rand.New(rand.NewPCG(3, 5))
			draw := func(n int) []float64 {
				values := make([]float64, n)
				for i := range values {
					values[i] = noise(random)
				}
				return values
			}
			truth := math.Log(d.Detectable(draw(100000)).Value)
			var estimates []float64
			for range 400 {
				estimates = append(estimates, math.Log(d.Detectable(draw(60)).Value)/truth)
			}
			if got := MedianOf(estimates); math.Abs(got-1) > 0.15 {
				t.Errorf("%s, %+v: %.3f of the truth in the median", name, d, got)
			}
		}
	}
}

// TestNotDetectable checks the reasons for no value.
func TestNotDetectable(t *testing.T) {
	some := distuv.Normal{Sigma: 1}
	noise := make([]float64, leastNoise-1)
	for i := range noise {
		noise[i] = some.Quantile((float64(i) + 0.5) / float64(len(noise)))
	}
	for want, e := range map[string]Estimate{
		"5 blocks decide no comparison; at least 6 do": Design{Blocks: 5, Family: 1}.Detectable(noise),
		"9 blocks of noise are too few, needs 10":      Design{Blocks: 10, Family: 3}.Detectable(noise),
		"0 blocks of noise are too few":                Design{Blocks: 10, Family: 1}.Detectable([]float64{math.NaN()}),
	} {
		if e.Valid() || !strings.HasPrefix(strings.Join(e.Warnings, ""), want) {
			t.Errorf("%+v, want %q", e, want)
		}
	}
	if e := (Design{Blocks: 10, Family: 1}).Detectable(make([]float64, 20)); e.Value != 1 {
		t.Errorf("no noise: %+v", e)
	}
}

// TestDetectableOfKnownNoise holds the effect against theory where that has a closed form: with six blocks, or eight in a family of
// four, none may contradict, so the blocks that noise does not turn need a share of the n-th root of the power.
func TestDetectableOfKnownNoise(t *testing.T) {
	outweighed := map[string]func(q float64) float64{ // the effect that noise outweighs with probability q
		"normal":  func(q float64) float64 { return 0.02 * distuv.UnitNormal.Quantile(1-q) },
		"Laplace": func(q float64) float64 { return -0.02 * math.Log(2*q) },
	}
	for name, quantile := range outweighed {
		random := rand.New(rand.NewPCG(13, 17))
		noise := make([]float64, 100000)
		for i := range noise {
			noise[i] = noises[name](random)
		}
		for _, d := range []Design{{Blocks: 6, Family: 1}, {Blocks: 8, Family: 4}, {Blocks: 7, Family: 1, Anytime: true}} {
			want := quantile(1 - math.Pow(Power, 1/float64(d.Blocks)))
			if got := math.Log(d.Detectable(noise).Value); math.Abs(got/want-1) > 0.1 {
				t.Errorf("%s noise, %+v: %.4f, in theory %.4f", name, d, got, want)
			}
		}
	}
}

// TestDetectableIgnoresOrder checks that the effect depends on the noise, not on the order in which its blocks are read.
func TestDetectableIgnoresOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(19, 23))
	noise := make([]float64, 40)
	for i := range noise {
		noise[i] = random.NormFloat64()
	}
	for _, d := range []Design{{Blocks: 10, Family: 2}, {Blocks: 20, Family: 2, Anytime: true}} {
		want := d.Detectable(noise).Value
		random.Shuffle(len(noise), func(i, j int) { noise[i], noise[j] = noise[j], noise[i] })
		if got := d.Detectable(noise).Value; got != want {
			t.Errorf("%+v: %v, in another order %v", d, want, got)
		}
	}
}
