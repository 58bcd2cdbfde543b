package probe

import (
	"cmp"
	"context"
	"strconv"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/text"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/lm"
)

// The metrics of how far a model's predictions are from those of its weights in f32. Labels are documents.
const (
	DocumentKL     = "document_kl"   // mean KL(f32 || model) per token, nats
	DocumentTop1   = "document_top1" // share of positions with the same top token as f32
	DocumentTokens = "document_tokens"
)

var (
	documentKL     = Metric{Name: DocumentKL, Unit: unit.Nat, Better: -1, Title: "mean divergence from f32 per token"}
	documentTop1   = Metric{Name: DocumentTop1, Unit: unit.One, Better: +1, Title: "first choice as in f32", With: DocumentKL}
	documentTokens = Metric{Name: DocumentTokens, Unit: unit.Token, Title: "tokens of the document"}
)

// divergenceProbe compares the predictions of a model of low precision with those of the same weights in f32, on the same ids. It
// is the quality of random weights, whose losses mean nothing, and needs no tokenizer.
var divergenceProbe = &Probe{
	Name: "divergence", Version: 1, Summary: "divergence of a low precision from f32 on the same ids",
	Report: Shown{Place: 9},
	Text:   StreamText, Versus: true, Budget: Always,
	Axes:    []Setting{{Name: "len", Default: "256", Min: 2, Doc: "tokens of each document"}},
	Params:  []Setting{{Name: "documents", Default: "8", Min: 1, Doc: "number of documents"}},
	Needs:   []lm.Ability{lm.AbilityVersus},
	Metrics: []Metric{documentKL, documentTop1, documentTokens},
	Quantities: []Quantity{
		{Name: "divergence", Title: "Divergence from f32 per token", Metric: DocumentKL, Main: "len", PerToken: true},
		{Name: "first-choice", Title: "First choice as in f32", Metric: DocumentTop1, Main: "len", PerToken: true},
	},
	context: func(record.Point) int { return shortest + 1 }, // documents are cut to the context limit, after a start token
	work: func(p record.Point) []Work {
		return []Work{{lm.Scoring, 1, number(p, "len"), 2 * number(p, "documents")}} // in both precisions
	},
	measure: diverge,
}

// shortest is the length of the shortest document with a prediction.
const shortest = 2

func diverge(ctx context.Context, s *Subject) (r Result, err error) {
	if s.Reference == nil {
		return r, &Unavailable{cmp.Or(s.Alone, "there is no f32 model to compare with")}
	}
	n := number(s.Settings, "len")
	if limit := s.Info.ContextLimit; limit > 0 {
		n = min(n, limit-1)
	}
	var audit Audit
	for i := range number(s.Settings, "documents") {
		tokens, err := s.input(n, i)
		if err != nil {
			return r, err
		}
		whole := text.Encoded{Name: strconv.Itoa(i), Tokens: func(yield func([]int32, error) bool) { yield(tokens, nil) }}
		d, err := ScoreDocument(ctx, s.Model, s.Reference, whole, n, n, &audit)
		if err != nil {
			return r, err
		}
		r.addDivergence(d)
	}
	if s.Unfit != "" { // its logits depend on what it is shown
		return r, nil
	}
	note, err := audit.Check(ctx, s.Model, s.Reference)
	if note != "" {
		r.Warnings = append(r.Warnings, note)
	}
	return r, err
}

// addDivergence adds how far a document's predictions are from those of the other model.
func (r *Result) addDivergence(d DocumentScore) {
	r.add(DocumentTokens, d.Name, float64(d.Tokens))
	if d.Compared {
		r.add(DocumentKL, d.Name, d.KL/float64(d.Tokens))
		r.add(DocumentTop1, d.Name, float64(d.Top1)/float64(d.Tokens))
	}
}
