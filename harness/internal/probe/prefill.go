package probe

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/lm"
)

// PrefillSeconds is the time of one prefill of batch × len tokens.
const PrefillSeconds = "prefill_seconds"

// prefillProbe times reading documents from an empty state, up to the predictions after their last token.
var prefillProbe = &Probe{
	Name: "prefill", Version: 2, Summary: "time to read documents of a length",
	Report: Shown{Place: 5, WithPrecision: true},
	Timing: true, Text: StreamText,
	Axes: []Setting{
		{Name: "len", Default: "512", Min: 2, Doc: "tokens of each document"},
		{Name: "batch", Default: "1", Min: 1, Doc: "documents at once"},
	},
	Metrics: []Metric{{Name: PrefillSeconds, Unit: unit.Second, Better: -1, Title: "prefill", Bench: "Prefill"}, rooflineShare},
	Quantities: []Quantity{
		{Name: "prefill", Title: "Prefill speed", Unit: unit.TokensPerSec, Metric: PrefillSeconds, Better: +1, Main: "len",
			derive: func(p record.Point, seconds float64) float64 { return batchOf(p) * float64(number(p, "len")) / seconds },
			Growth: "Growth of prefill time with length", Figure: &Figure{
				Log:     10,
				Caption: "Tokens read per second from an empty state. A flat line means work linear in the length; a falling line means faster growth.",
			}},
		{Name: "prefill-roofline", Title: "Prefill, share of the binding ceiling", Metric: RooflineShare, Main: "len", Optional: true, Absent: noCeiling},
	},
	context: lengthOf("len"),
	work:    func(p record.Point) []Work { return []Work{{lm.Prefill, number(p, "batch"), number(p, "len"), 1}} },
	measure: prefill,
}

func prefill(ctx context.Context, s *Subject) (r Result, err error) {
	batch, n := number(s.Settings, "batch"), number(s.Settings, "len")
	documents, err := s.documents(batch, n)
	if err != nil {
		return r, err
	}
	var c Clocks
	if st, e := s.stepper(); e == nil {
		c, err = s.prefillStep(ctx, st, documents)
	} else {
		c, err = s.prefillScore(ctx, documents)
	}
	if err != nil {
		return r, err
	}
	r = s.timing(PrefillSeconds, 1, c)
	s.share(ctx, &r, Work{lm.Prefill, batch, n, 1}, r.Samples[0].Value)
	return r, nil
}

// prefillStep times one step from empty states.
func (s *Subject) prefillStep(ctx context.Context, st lm.Stepper, documents [][]int32) (c Clocks, err error) {
	states, err := s.open(ctx, st, make([][]int32, len(documents)))
	if err != nil {
		return c, err
	}
	defer func() { release(ctx, &err, states...) }()
	req := lm.StepRequest{Want: lm.WantLastLogits}
	for i, d := range documents {
		req.Inputs = append(req.Inputs, lm.StepInput{State: states[i], Tokens: d})
	}
	reply, c, err := s.step(ctx, st, req)
	if i := rand.IntN(len(documents)); err == nil && s.Verify {
		err = s.verifyLast(ctx, documents[i], reply.Outputs[i].Logits)
	}
	return c, err
}

// prefillScore times the prediction of the last token by a model without state.
func (s *Subject) prefillScore(ctx context.Context, documents [][]int32) (Clocks, error) {
	var req lm.ScoreRequest
	for _, d := range documents {
		req.Sequences = append(req.Sequences, lm.Sequence{Tokens: d, From: len(d) - 1})
	}
	start := time.Now()
	reply, err := s.Model.Score(ctx, req)
	c := Clocks{Host: time.Since(start), Plugin: reply.Compute}
	if err == nil {
		err = req.Check(s.Info.Vocab, reply)
	}
	if i := rand.IntN(len(documents)); err == nil && s.Verify {
		err = s.verifyLoss(ctx, req.Sequences[i], reply.Scores[i])
	}
	return c, err
}
