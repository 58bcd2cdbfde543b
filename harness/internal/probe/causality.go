package probe

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/lm"
)

// The metrics of probe "causality".
const (
	SuffixDiff    = "suffix_max_diff" // change of earlier predictions when later tokens change
	PrefixDiff    = "prefix_max_diff" // of a prefix's predictions against those of the whole
	BatchDiff     = "batch_max_diff"  // when other documents join the batch
	CausalVerdict = "causal"          // 1: no leak found, 0: sees the future
)

// causalityProbe looks for influence where there must be none: of later tokens on earlier predictions, of a document
// on its neighbours in a batch. It does so for every model, whatever the model declares.
var causalityProbe = &Probe{
	Name: "causality", Version: 2, Summary: "whether predictions depend on what they must not see",
	Report: Shown{Place: 1, View: CausalityView},
	Text:   StreamText,
	Budget: Always,
	Axes:   []Setting{{Name: "len", Default: "128", Min: leastLength, Doc: "tokens of each document"}},
	Params: []Setting{{Name: "trials", Default: "4", Min: 1, Doc: "random places where documents are changed or cut"}},
	Metrics: []Metric{
		{Name: SuffixDiff, Unit: unit.One, Better: -1, Title: "change of earlier logits when later tokens change"},
		{Name: PrefixDiff, Unit: unit.One, Better: -1, Title: "change of a prefix's logits when text follows"},
		{Name: BatchDiff, Unit: unit.One, Better: -1, Title: "change of logits when the batch grows"},
		{Name: CausalVerdict, Unit: unit.One, Better: +1, Title: "no look into the future found"},
	},
	context: func(record.Point) int { return leastLength }, // a shorter context limit shortens the documents
	work: func(p record.Point) []Work {
		return []Work{{lm.Scoring, 1, number(p, "len"), 9 * number(p, "trials")}}
	},
	measure: causality,
}

// Tolerances, as a share of the largest logit. A changed suffix leaves every shape as it was, so an honest model's
// earlier predictions hardly move (experts that gather tokens sum in another order); a cut or a larger batch changes
// shapes and with them the order of sums.
const (
	suffixTolerance = 1e-4
	shapeTolerance  = 1e-2
)

// leastLength is the shortest document that can be changed and cut.
const leastLength = 16

// window is how many positions before a cut have their whole logits compared, and how many tokens follow the cut in
// those documents. The comparison of losses covers all other positions.
const window = 8

func causality(ctx context.Context, s *Subject) (r Result, err error) {
	n, trials := number(s.Settings, "len"), number(s.Settings, "trials")
	if limit := s.Info.ContextLimit; limit > 0 && n > limit {
		r.Warnings = append(r.Warnings, fmt.Sprintf("documents of %d tokens: context limit", limit))
		n = limit
	}
	random := rand.New(rand.NewPCG(s.Seed, uint64(n)))
	var worst differences
	for i := range trials {
		tokens, err := s.input(n, i)
		if err != nil {
			return r, err
		}
		cut := 2 + random.IntN(n-3)
		d, err := s.perturb(ctx, tokens, s.changed(tokens, cut, random), cut)
		if err != nil {
			return r, fmt.Errorf("cut at %d: %w", cut, err)
		}
		worst.grow(d)
	}
	r.add(SuffixDiff, "", worst.suffix)
	r.add(PrefixDiff, "", worst.prefix)
	r.add(BatchDiff, "", worst.batch)
	verdict := 0.0
	if worst.suffix <= suffixTolerance && worst.prefix <= shapeTolerance {
		verdict = 1
	}
	if worst.batch > shapeTolerance {
		r.Warnings = append(r.Warnings, "predictions depend on the other documents of the batch")
	}
	r.add(CausalVerdict, "", verdict)
	return r, nil
}

// differences are the largest ones seen, as shares of the largest logit.
type differences struct{ suffix, prefix, batch float64 }

func (d *differences) grow(o differences) {
	d.suffix, d.prefix, d.batch = max(d.suffix, o.suffix), max(d.prefix, o.prefix), max(d.batch, o.batch)
}

// changed returns a copy of tokens in which every token from cut on is another one.
func (s *Subject) changed(tokens []int32, cut int, random *rand.Rand) []int32 {
	out := append([]int32(nil), tokens...)
	for i := cut; i < len(out); i++ {
		out[i] = (out[i] + 1 + int32(random.IntN(max(s.Info.Vocab-1, 1)))) % int32(max(s.Info.Vocab, 1))
	}
	return out
}

// perturb compares the predictions of a document before cut with those of its changed, shortened and accompanied
// forms.
func (s *Subject) perturb(ctx context.Context, tokens, other []int32, cut int) (d differences, err error) {
	from := max(1, cut-window)
	end := min(cut+window, len(tokens))
	whole, err := s.steady(ctx, from, tokens[:end])
	if err != nil {
		return d, err
	}
	changed, err := s.logits(ctx, from, other[:end])
	if err != nil {
		return d, err
	}
	prefix, err := s.logits(ctx, from, tokens[:cut])
	if err != nil {
		return d, err
	}
	batch, err := s.logits(ctx, from, tokens[:end], other[:end], tokens[:cut])
	if err != nil {
		return d, err
	}
	far, err := s.losses(ctx, tokens, other, cut)
	if err != nil {
		return d, err
	}
	rows := (cut - from + 1) * s.Info.Vocab // predictions made from tokens before the cut alone
	d.suffix = max(difference(whole, changed, rows), far)
	d.prefix = difference(whole, prefix, rows)
	d.batch = difference(whole, batch, len(whole))
	return d, nil
}

// steady scores a document twice: what differs between equal requests says nothing about changed ones.
func (s *Subject) steady(ctx context.Context, from int, document []int32) ([]float32, error) {
	first, err := s.logits(ctx, from, document)
	if err != nil {
		return nil, err
	}
	again, err := s.logits(ctx, from, document)
	if err != nil {
		return nil, err
	}
	return first, unsteady("logits", difference(first, again, len(first)))
}

// unsteady is the error of a model whose answers to equal requests differ by more than rounding.
func unsteady(what string, d float64) error {
	if d <= suffixTolerance {
		return nil
	}
	return lm.Faultf(lm.Unsteady, "the model is not deterministic: the same request gives %s that differ by %.3g of the largest", what, d)
}

// logits scores documents in one batch and returns the logits of the first one from position from-1 on.
func (s *Subject) logits(ctx context.Context, from int, documents ...[]int32) ([]float32, error) {
	req := lm.ScoreRequest{Logits: true}
	for _, d := range documents {
		req.Sequences = append(req.Sequences, lm.Sequence{Tokens: d, From: min(from, len(d)-1)})
	}
	reply, err := score(ctx, s.Model, req)
	if err != nil {
		return nil, err
	}
	return reply.Scores[0].Logits, nil
}

// losses compares the losses of all positions before cut when everything from cut on changes.
func (s *Subject) losses(ctx context.Context, tokens, other []int32, cut int) (float64, error) {
	var nll [3][]float64
	for i, t := range [][]int32{tokens, tokens, other} {
		reply, err := score(ctx, s.Model, lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: t, From: 1}}})
		if err != nil {
			return 0, err
		}
		nll[i] = reply.Scores[0].NLL
	}
	if err := unsteady("losses", difference(nll[0], nll[1], len(nll[0]))); err != nil {
		return 0, err
	}
	return difference(nll[0], nll[2], cut-1), nil
}

// difference is the largest absolute difference of the first n values, as a share of the largest of them where that
// is above 1.
func difference[F float32 | float64](a, b []F, n int) float64 {
	scale, diff := 1.0, 0.0
	for i := range a[:n] {
		scale = max(scale, math.Abs(float64(a[i])))
		diff = max(diff, math.Abs(float64(a[i])-float64(b[i])))
	}
	return diff / scale
}
