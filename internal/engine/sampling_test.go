package engine

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/archbench/archbench/lm"
)

// TestSamplingOrder checks the example of the specification: penalty, then temperature, then top-k, then top-p.
func TestSamplingOrder(t *testing.T) {
	for _, c := range []struct {
		name string
		lm.Sampling
		want []float64
	}{
		{"softmax", lm.Sampling{Temperature: 1}, []float64{.557275, .205010, .124345, .075419, .027745, .010207}},
		{"penalty", lm.Sampling{Temperature: .7, RepetitionPenalty: 1.1}, []float64{.642236, .199562, .097694, .047825, .009936, .002747}},
		{"top-k", lm.Sampling{Temperature: .7, RepetitionPenalty: 1.1, TopK: 4}, []float64{.650486, .202125, .098949, .048440}},
		{"top-p .9", lm.Sampling{Temperature: .7, RepetitionPenalty: 1.1, TopK: 4, TopP: .9}, []float64{.683599, .212415, .103986}},
		{"top-p .8", lm.Sampling{Temperature: .7, RepetitionPenalty: 1.1, TopK: 4, TopP: .8}, []float64{.762934, .237066}},
	} {
		s := samplerOf(c.Sampling, 0, []int32{0, 4, 4})
		logits := []float32{2, 1, .5, 0, -1, -2}
		s.penalise(logits)
		s.temper(logits)
		got := s.distribution(logits)
		if len(got) != len(c.want) {
			t.Errorf("%s keeps %d tokens, want %d", c.name, len(got), len(c.want))
			continue
		}
		for i, w := range c.want {
			if math.Abs(got[i].prob-w) > 1e-6 || int(got[i].token) != i {
				t.Errorf("%s: place %d is token %d with %.6f, want %.6f", c.name, i, got[i].token, got[i].prob, w)
			}
		}
	}
}

func TestSamplingKeepsTies(t *testing.T) {
	s := samplerOf(lm.Sampling{Temperature: 1, TopK: 2}, 0, nil)
	if got := s.distribution([]float32{1, 2, 1, 0, 1}); len(got) != 4 {
		t.Errorf("top-2 with three tied for second keeps %d tokens", len(got))
	}
	if got := samplerOf(lm.Sampling{}, 0, nil).next([]float32{0, 3, 3}); got != 1 {
		t.Errorf("greedy chooses token %d on a tie", got)
	}
}

func TestSamplingFrequencies(t *testing.T) {
	s := samplerOf(lm.Sampling{Temperature: 1, Seed: 5}, 0, nil)
	want := []float64{.557275, .205010, .124345, .075419, .027745, .010207}
	const draws = 100_000
	counts := make([]float64, len(want))
	for range draws {
		counts[s.next([]float32{2, 1, .5, 0, -1, -2})]++
	}
	var chi2 float64
	for i, w := range want {
		d := counts[i] - w*draws
		chi2 += d * d / (w * draws)
	}
	if chi2 > 20.5 { // 0.1 % point of chi-square with 5 degrees of freedom
		t.Errorf("chi-square is %.1f over %v", chi2, counts)
	}
}

func TestSamplingSeeds(t *testing.T) {
	draw := func(seed uint64, input int) (tokens []int32) {
		s := samplerOf(lm.Sampling{Temperature: 1, Seed: seed}, input, nil)
		for range 32 {
			tokens = append(tokens, s.next([]float32{2, 1, .5, 0, -1, -2}))
		}
		return tokens
	}
	equal := func(a, b []int32) bool {
		for i := range a {
			if a[i] != b[i] {
				return false
			}
		}
		return true
	}
	if !equal(draw(1, 0), draw(1, 0)) || equal(draw(1, 0), draw(2, 0)) || equal(draw(1, 0), draw(1, 1)) {
		t.Error("a seed and an input fix the tokens, and different ones give others")
	}
}

// TestSamplingOfManyTokens compares the distribution with its definition over all tokens.
func TestSamplingOfManyTokens(t *testing.T) {
	const tokens = 5000
	r := rand.New(rand.NewPCG(1, 2))
	for _, spread := range []float64{0, .1, 3, 40} {
		logits, all := make([]float32, tokens), make([]candidate, tokens)
		for i := range logits {
			logits[i] = float32(spread * r.NormFloat64())
			all[i] = candidate{token: int32(i), logit: float64(logits[i])}
		}
		slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.logit, a.logit) })
		normalise(all)
		for _, p := range []lm.Sampling{{TopK: 1}, {TopK: 40}, {TopK: 40, TopP: .5}, {TopK: 2 * tokens}, {TopP: .01}, {TopP: .9}, {TopP: .9999}} {
			p.Temperature = 1
			sampler, row := samplerOf(p, 0, nil), slices.Clone(logits)
			sampler.temper(row)
			got, want := sampler.distribution(row), truncate(all, p)
			if len(got) < len(want)-1 || len(got) > len(want)+1 { // the last one depends on rounding
				t.Fatalf("spread %v, %+v: %d tokens, want %d", spread, p, len(got), len(want))
			}
			for i := range min(len(got), len(want)) {
				tie := math.Abs(float64(logits[got[i].token]-logits[want[i].token])) <= 1e-6*max(1, spread)
				if !tie || math.Abs(got[i].prob/want[i].prob-1) > 1e-3 {
					t.Fatalf("spread %v, %+v: place %d is %+v, want %+v", spread, p, i, got[i], want[i])
				}
			}
		}
	}
}

// truncate applies top-k and top-p by definition to all tokens with their probabilities, likeliest first.
func truncate(c []candidate, p lm.Sampling) []candidate {
	c = slices.Clone(c)
	if p.TopK > 0 {
		k := min(p.TopK, len(c))
		for k < len(c) && c[k].logit == c[k-1].logit {
			k++
		}
		c = c[:k]
		normalise(c)
	}
	if p.TopP > 0 {
		mass, keep := 0.0, 0
		for keep < len(c) && mass <= p.TopP {
			mass += c[keep].prob
			keep++
		}
		c = c[:keep]
		normalise(c)
	}
	return c
}

// TestSamplingExtremes samples with temperatures and logits at the limits of what is accepted.
func TestSamplingExtremes(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		lm.Sampling
		logits []float32
		want   []float64
	}{
		{lm.Sampling{Temperature: 1e-40}, []float32{1, 3, 2, -1}, []float64{0, 1, 0, 0}},
		{lm.Sampling{Temperature: 1e-40, TopK: 2}, []float32{1, 3, 2, -1}, []float64{0, 1, 0, 0}},
		{lm.Sampling{Temperature: 1e-6}, []float32{20, 20, 20}, []float64{1. / 3, 1. / 3, 1. / 3}},
		{lm.Sampling{Temperature: 1e6}, []float32{20, -20, 3}, []float64{1. / 3, 1. / 3, 1. / 3}},
		{lm.Sampling{Temperature: 1, TopK: 3}, []float32{inf, 1, 2}, []float64{1, 0, 0}},
		{lm.Sampling{Temperature: 1, TopK: 3}, []float32{-inf, 1, -inf}, []float64{0, 1, 0}},
		{lm.Sampling{Temperature: 1}, []float32{-inf, 1, 1}, []float64{0, .5, .5}},
		{lm.Sampling{Temperature: 1, TopP: .9}, []float32{-inf, 1, 1}, []float64{0, .5, .5}},
	} {
		const draws = 20_000
		s, counts := samplerOf(c.Sampling, 0, nil), make([]float64, len(c.logits))
		for range draws {
			counts[s.next(slices.Clone(c.logits))]++
		}
		for i, w := range c.want {
			if math.Abs(counts[i]/draws-w) > .02 || w == 0 && counts[i] > 0 {
				t.Errorf("%+v of %v: token %d is drawn in %.3f, want %.3f", c.Sampling, c.logits, i, counts[i]/draws, w)
			}
		}
	}
}

// TestSamplingNaN checks that NaN logits still yield a token.
func TestSamplingNaN(t *testing.T) {
	nan := float32(math.NaN())
	for _, p := range []lm.Sampling{{}, {Temperature: 1}, {Temperature: 1, TopK: 2}, {Temperature: 1, TopP: .5}} {
		for _, logits := range [][]float32{{nan, nan, nan}, {1, nan, 2}, {nan, 1, 2}} {
			if token := samplerOf(p, 0, nil).next(slices.Clone(logits)); token < 0 || token > 2 {
				t.Errorf("%+v chooses token %d of %v", p, token, logits)
			}
		}
	}
}

func BenchmarkSampling(b *testing.B) {
	logits, r := make([]float32, 50257), rand.New(rand.NewPCG(3, 4))
	for i := range logits {
		logits[i] = float32(3 * r.NormFloat64())
	}
	for _, bench := range []struct {
		name string
		lm.Sampling
	}{
		{"greedy", lm.Sampling{}},
		{"temperature", lm.Sampling{Temperature: 1}},
		{"top-k", lm.Sampling{Temperature: 1, TopK: 50}},
		{"top-p", lm.Sampling{Temperature: 1, TopP: .9}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			s, row := samplerOf(bench.Sampling, 0, nil), make([]float32, len(logits))
			for b.Loop() {
				copy(row, logits)
				s.next(row)
			}
		})
	}
}

// samplerOf returns a sampler for a stream of the seed that has seen a prompt.
func samplerOf(params lm.Sampling, stream int, prompt []int32) *sampler {
	s := newSampler(lm.Sampler{Sampling: params, Stream: uint64(stream)})
	s.see(prompt...)
	return s
}
