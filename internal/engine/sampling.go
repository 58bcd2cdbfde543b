package engine

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/archbench/archbench/lm"
)

// sampler chooses the next token of one document.
type sampler struct {
	lm.Sampling
	rng        *rand.Rand
	seen       map[int32]struct{} // tokens that the repetition penalty applies to
	candidates []candidate
}

// candidate is a token and its logit, later its probability.
type candidate struct {
	token int32
	logit float64
	prob  float64
}

// newSampler draws from stream input of the seed.
func newSampler(params lm.Sampling, input int, prompt []int32) *sampler {
	s := &sampler{Sampling: params, rng: rand.New(rand.NewPCG(params.Seed, uint64(input)))}
	if s.penalised() {
		s.seen = make(map[int32]struct{}, len(prompt))
		for _, t := range prompt {
			s.seen[t] = struct{}{}
		}
	}
	return s
}

func (s *sampler) penalised() bool { return s.RepetitionPenalty != 0 && s.RepetitionPenalty != 1 }

// next returns the next token. It may overwrite logits.
func (s *sampler) next(logits []float32) int32 {
	s.penalise(logits)
	var token int32
	if s.Temperature == 0 {
		token = int32(argmax(logits))
	} else {
		token = s.draw(s.distribution(logits))
	}
	if s.seen != nil {
		s.seen[token] = struct{}{}
	}
	return token
}

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

// distribution returns the tokens that may follow with their probabilities, likeliest first: temperature, then top-k
// (ties with the k-th are kept), then top-p (a token stays while the mass before it is at most p), then softmax.
func (s *sampler) distribution(logits []float32) []candidate {
	c := s.candidates[:0]
	for t, z := range logits {
		c = append(c, candidate{token: int32(t), logit: float64(z) / s.Temperature})
	}
	slices.SortFunc(c, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.logit, a.logit), cmp.Compare(a.token, b.token))
	})
	if k := s.TopK; k > 0 && k < len(c) {
		for k < len(c) && c[k].logit == c[k-1].logit {
			k++
		}
		c = c[:k]
	}
	normalise(c)
	if s.TopP > 0 && s.TopP < 1 {
		mass, keep := c[0].prob, 1
		for keep < len(c) && mass <= s.TopP {
			mass += c[keep].prob
			keep++
		}
		c = c[:keep]
		normalise(c)
	}
	s.candidates = c
	return c
}

// normalise sets the probabilities to the softmax of the logits; the first logit is the largest.
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

// draw picks a candidate by its probability.
func (s *sampler) draw(c []candidate) int32 {
	u := s.rng.Float64()
	for _, x := range c {
		if u -= x.prob; u < 0 {
			return x.token
		}
	}
	return c[len(c)-1].token
}
