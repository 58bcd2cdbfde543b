package engine

import (
	"cmp"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/lm"
)

// sampler chooses the next token of one document.
type sampler struct {
	lm.Sampler
	source     *rand.PCG
	rng        *rand.Rand         // over source
	seen       map[int32]struct{} // tokens subject to the repetition penalty
	candidates []candidate
}

// candidate is a token with its logit, divided by the temperature, and its probability.
type candidate struct {
	token int32
	logit float64
	prob  float64
}

// newSampler returns a sampler at the start of its stream that has seen no tokens.
func newSampler(params lm.Sampler) *sampler {
	s := &sampler{Sampler: params, source: rand.NewPCG(params.Seed, params.Stream)}
	s.rng = rand.New(s.source)
	if p := s.RepetitionPenalty; p != 0 && p != 1 {
		s.seen = map[int32]struct{}{}
	}
	return s
}

// fork returns an independent copy, which draws the same tokens; nil if s is nil.
func (s *sampler) fork() *sampler {
	if s == nil {
		return nil
	}
	source := *s.source
	return &sampler{Sampler: s.Sampler, source: &source, rng: rand.New(&source), seen: maps.Clone(s.seen)}
}

// see makes tokens subject to the repetition penalty.
func (s *sampler) see(tokens ...int32) {
	if s.seen == nil {
		return
	}
	for _, t := range tokens {
		s.seen[t] = struct{}{}
	}
}

// next chooses the next token and marks it as seen. It may overwrite logits.
func (s *sampler) next(logits []float32) int32 {
	token := s.choose(logits)
	s.see(token)
	return token
}

// choose picks the next token without marking it as seen. It may overwrite logits.
func (s *sampler) choose(logits []float32) int32 {
	s.penalise(logits)
	if s.Temperature == 0 {
		return int32(kernel.ArgMax(logits))
	}
	s.temper(logits)
	if s.TopK > 0 || s.nucleus() {
		return s.draw(s.distribution(logits))
	}
	return s.drawAny(logits)
}

// temper subtracts the largest logit, which changes no probability, and divides by the temperature. Only tokens with
// non-zero probability stay finite.
func (s *sampler) temper(logits []float32) {
	top := logits[kernel.ArgMax(logits)]
	for i, z := range logits {
		if z == top {
			logits[i] = 0 // even if infinite
			continue
		}
		logits[i] = float32((float64(z) - float64(top)) / s.Temperature)
	}
}

// nucleus reports whether top-p excludes anything.
func (s *sampler) nucleus() bool { return s.TopP > 0 && s.TopP < 1 }

// penalise divides the positive and multiplies the negative logits of each token seen so far.
func (s *sampler) penalise(logits []float32) {
	penalty := float32(s.RepetitionPenalty)
	for t := range s.seen {
		if logits[t] > 0 {
			logits[t] /= penalty
		} else {
			logits[t] *= penalty
		}
	}
}

// distribution returns the tokens left by top-k (keeping ties with the k-th) and then top-p (keeping tokens while the mass
// before them is at most p), likeliest first, with the softmax of their tempered logits.
func (s *sampler) distribution(logits []float32) []candidate {
	c := s.likeliest(logits)
	if k := s.TopK; k > 0 && k < len(c) {
		for k < len(c) && c[k].logit == c[k-1].logit {
			k++
		}
		c = c[:k]
		normalise(c)
	}
	if s.nucleus() {
		mass, keep := c[0].prob, 1
		for keep < len(c) && mass <= s.TopP {
			mass += c[keep].prob
			keep++
		}
		c = c[:keep]
	}
	normalise(c)
	return c
}

// deepest is a distance from the largest logit beyond which probabilities are zero in float64.
const deepest = 750

// likeliest returns the likeliest tokens in order, with their probabilities: at least all that top-k and top-p keep. The
// largest logit must be zero. To sort few tokens it starts with logits close to the largest and widens the range by half
// until there are enough.
func (s *sampler) likeliest(logits []float32) []candidate {
	total := kernel.LogSumExp(logits)
	for depth := float32(4); ; depth *= 1.5 {
		c, mass := s.candidates[:0], 0.0
		for t, z := range logits {
			if !(z < -depth) { // true for NaN
				p := math.Exp(float64(z) - total)
				c, mass = append(c, candidate{int32(t), float64(z), p}), mass+p
			}
		}
		s.candidates = c
		if depth > deepest || s.enough(len(c), mass) {
			slices.SortFunc(c, func(a, b candidate) int {
				return cmp.Or(cmp.Compare(b.logit, a.logit), cmp.Compare(a.token, b.token))
			})
			return c
		}
	}
}

// enough reports whether the likeliest tokens, given their number and mass, include all that top-k and top-p keep.
func (s *sampler) enough(tokens int, mass float64) bool {
	if s.TopK > 0 {
		return tokens >= s.TopK
	}
	return s.nucleus() && mass > s.TopP
}

// normalise sets the probabilities to the softmax of the logits, of which the first is the largest.
func normalise(c []candidate) {
	var sum float64
	for i := range c {
		c[i].prob = math.Exp(c[i].logit - c[0].logit)
		sum += c[i].prob
	}
	for i := range c {
		c[i].prob /= sum
	}
}

// drawAny draws from all tokens. It overwrites the logits, of which the largest is zero.
func (s *sampler) drawAny(logits []float32) int32 {
	top := kernel.ArgMax(logits)
	kernel.Exp(logits, logits)
	var sum float64
	for _, p := range logits {
		sum += float64(p)
	}
	u := s.rng.Float64() * sum
	for t, p := range logits {
		if u -= float64(p); u < 0 {
			return int32(t)
		}
	}
	return int32(top) // u did not reach zero because of rounding
}

// draw draws a candidate.
func (s *sampler) draw(c []candidate) int32 {
	u := s.rng.Float64()
	for _, x := range c {
		if u -= x.prob; u < 0 {
			return x.token
		}
	}
	return c[len(c)-1].token
}
