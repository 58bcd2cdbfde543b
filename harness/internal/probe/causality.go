package probe

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/lm"
)

// The metrics of probe "causality".
const (
	SuffixDiff    = "suffix_max_diff" // change of earlier predictions when later tokens change
	PrefixDiff    = "prefix_max_diff" // predictions of a prefix against those of the whole document
	BatchDiff     = "batch_max_diff"  // change of predictions when other documents join the batch
	CausalVerdict = "causal"          // 1: no leak found, 0: sees the future
)

// causalityProbe checks that later tokens do not affect earlier predictions, and that a document does not affect the
// others of its batch. It tests every model, whatever the model declares.
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
	context: func(record.Point) int { return leastLength }, // documents are cut to the context limit
	work: func(p record.Point) []Work {
		return []Work{{lm.Scoring, 1, number(p, "len"), 9 * number(p, "trials")}}
	},
	measure: causality,
}

// Tolerances, as a share of the largest logit. Changing a suffix keeps all shapes, so the earlier predictions of a causal
// model hardly move (mixtures of experts may sum in another order). A cut or a larger batch changes shapes, and with them
// the order of summation.
const (
	suffixTolerance = 1e-4
	shapeTolerance  = 1e-2
)

// leastLength is the shortest document that can be changed and cut.
const leastLength = 16

// window is the number of positions before a cut whose full logits are compared, and of tokens after the cut in those
// documents. At all other positions only losses are compared.
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
		if err := s.perturb(ctx, &worst, tokens, s.changed(tokens, cut, random), cut); err != nil {
			return r, fmt.Errorf("cut at %d: %w", cut, err)
		}
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

// differences holds the largest differences so far, as shares of the largest logit.
type differences struct{ suffix, prefix, batch float64 }

// changed returns a copy of tokens in which every token from cut on is different.
func (s *Subject) changed(tokens []int32, cut int, random *rand.Rand) []int32 {
	out := slices.Clone(tokens)
	for i := cut; i < len(out); i++ {
		out[i] = (out[i] + 1 + int32(random.IntN(max(s.Info.Vocab-1, 1)))) % int32(max(s.Info.Vocab, 1))
	}
	return out
}

// perturb compares the predictions of a document with those after changing it from cut on, cutting it there, and adding
// documents to the batch. If a repeated request gets different answers, the comparisons mean nothing: that is an error.
func (s *Subject) perturb(ctx context.Context, worst *differences, tokens, other []int32, cut int) (err error) {
	from, end := max(1, cut-window), min(cut+window, len(tokens))
	whole, changed, prefix := tokens[:end], other[:end], tokens[:cut]
	batches := [5][][]int32{{whole}, {whole}, {changed}, {prefix}, {whole, changed, prefix}}
	var logits [5][]float32
	for i, documents := range batches {
		if logits[i], err = s.logits(ctx, from, documents...); err != nil {
			return err
		}
	}
	first, rows := logits[0], (cut-from+1)*s.Info.Vocab // rows: predictions from tokens before the cut
	if err := unsteady("logits", difference(first, logits[1], len(first))); err != nil {
		return err
	}
	far, err := s.losses(ctx, tokens, other, cut)
	worst.suffix = max(worst.suffix, difference(first, logits[2], rows), far)
	worst.prefix = max(worst.prefix, difference(first, logits[3], rows))
	worst.batch = max(worst.batch, difference(first, logits[4], len(first)))
	return err
}

// unsteady returns an error if answers to equal requests differ by more than rounding.
func unsteady(what string, d float64) error {
	if d <= suffixTolerance {
		return nil
	}
	return lm.Faultf(lm.Unsteady, "the model is not deterministic: the same request gives %s that differ by %.3g of the largest", what, d)
}

// logits scores documents in one batch and returns the logits of the first document from position from-1 on.
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

// losses returns how far the losses before cut change when all tokens from cut on change.
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

// difference returns the largest absolute difference of the first n values, relative to the largest of them if that
// exceeds 1.
func difference[F float32 | float64](a, b []F, n int) float64 {
	scale, diff := 1.0, 0.0
	for i := range a[:n] {
		scale = max(scale, math.Abs(float64(a[i])))
		diff = max(diff, math.Abs(float64(a[i])-float64(b[i])))
	}
	return diff / scale
}
