package probe

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/lm"
)

// The metrics of probes "ttft" at points len, and "decode" at points depth batch.
const (
	TTFTSeconds   = "ttft_seconds"             // from a prompt of len tokens to the first new token
	DecodeSeconds = "decode_seconds_per_token" // per step; one step makes batch tokens
	StepSeconds   = "decode_step_seconds"      // of each step; label: its number
)

// ttftProbe times the wait of a user from a prompt to its first new token.
var ttftProbe = &Probe{
	Name: "ttft", Version: 2, Summary: "time from a prompt to its first new token",
	Report: Shown{Place: 4},
	Timing: true, Text: StreamText,
	Axes:       []Setting{{Name: "len", Default: "512", Min: 1, Doc: "tokens of the prompt"}},
	Needs:      []lm.Ability{lm.AbilityStep, lm.AbilityGenerate},
	Metrics:    []Metric{{Name: TTFTSeconds, Unit: unit.Second, Better: -1, Title: "time to first token", Bench: "FirstToken"}},
	Quantities: []Quantity{{Name: "ttft", Title: "Time to first token", Metric: TTFTSeconds, Main: "len"}},
	Tails:      []Tail{{Metric: TTFTSeconds, Title: "Time to first token, percentiles", Caption: "over the calls of all blocks"}},
	context:    lengthOf("len"),
	work:       func(p record.Point) []Work { return []Work{{lm.Prefill, 1, number(p, "len"), 1}} },
	measure:    ttft,
}

func ttft(ctx context.Context, s *Subject) (r Result, err error) {
	prompts, err := s.documents(1, number(s.Settings, "len"))
	if err != nil {
		return r, err
	}
	g, err := s.generate(ctx, [][]int32{{}}, prompts, 1)
	if err != nil {
		return r, err
	}
	if s.Verify {
		if err := s.verifyChoices(ctx, prompts[0], g.made[0]); err != nil {
			return r, err
		}
	}
	return s.timing(TTFTSeconds, 1, Clocks{g.host, g.prefill}), nil
}

// decodeProbe times new tokens after a context, all in one call.
var decodeProbe = &Probe{
	Name: "decode", Version: 2, Summary: "time of one decoding step after a context",
	Report: Shown{Place: 6, WithPrecision: true},
	Timing: true, Text: StreamText,
	Axes: []Setting{
		{Name: "depth", Default: "128", Min: 1, Doc: "tokens before the first timed one"},
		{Name: "batch", Default: "1", Min: 1, Doc: "documents that advance together"},
	},
	Params: []Setting{{Name: "tokens", Default: "64", Min: 64, Doc: "timed steps, all in one call"}},
	Needs:  []lm.Ability{lm.AbilityStep, lm.AbilityGenerate},
	Metrics: []Metric{
		{Name: DecodeSeconds, Unit: unit.Second, Better: -1, Title: "decode step", Bench: "Decode"},
		{Name: StepSeconds, Unit: unit.Second, Better: -1, Title: "time between tokens"}, rooflineShare,
	},
	Quantities: []Quantity{
		{Name: "decode", Title: "Decode time per step", Metric: DecodeSeconds, Main: "depth", Figure: &Figure{
			Label: "time per step", Log: 10, Caption: "Time to make one more token after a context. A flat line means a state of constant size.",
		}},
		{Name: "decode-speed", Title: "Decode speed", Unit: unit.TokensPerSec, Metric: DecodeSeconds, Better: +1, Main: "depth",
			derive: func(p record.Point, seconds float64) float64 { return batchOf(p) / seconds }},
		{Name: "decode-roofline", Title: "Decode, share of the binding ceiling", Metric: RooflineShare, Main: "depth", Optional: true, Absent: noCeiling},
	},
	Tails: []Tail{{Metric: StepSeconds, Title: "Time between tokens, percentiles",
		Caption: "over the single steps of all blocks; the decode time per step is the mean over a call"}},
	context: func(p record.Point) int { return number(p, "depth") + number(p, "tokens") + 1 },
	work: func(p record.Point) []Work {
		batch, depth := number(p, "batch"), number(p, "depth")
		return []Work{{lm.Prefill, batch, depth, 1}, {lm.Decode, batch, depth, number(p, "tokens")}}
	},
	measure: decode,
}

// decode feeds all but the last token of the context before the timed call. The last token makes the first new token,
// which is not counted; each further step makes one that is.
func decode(ctx context.Context, s *Subject) (r Result, err error) {
	batch, depth, n := number(s.Settings, "batch"), number(s.Settings, "depth"), number(s.Settings, "tokens")
	documents, err := s.documents(batch, depth)
	if err != nil {
		return r, err
	}
	before, last := make([][]int32, batch), make([][]int32, batch)
	for i, d := range documents {
		before[i], last[i] = d[:depth-1], d[depth-1:]
	}
	g, err := s.generate(ctx, before, last, n+1)
	if err != nil {
		return r, err
	}
	if i := rand.IntN(batch); s.Verify {
		if err := s.verifyChoices(ctx, documents[i], g.made[i]); err != nil {
			return r, err
		}
	}
	// The call made n+1 steps of one token per document, of which the plugin's compute time excludes the first.
	r = s.timing(DecodeSeconds, n, Clocks{g.host * time.Duration(n) / time.Duration(n+1), g.compute})
	s.share(ctx, &r, Work{lm.Decode, batch, depth, n}, r.Samples[0].Value*float64(n))
	g.addSteps(&r, n, r.Samples[0].Value*float64(n))
	return r, nil
}

// leastShare is the least share of the decoding time that the single steps must add up to.
const leastShare = 0.75

// addSteps adds the times of the n single steps, for the percentiles of the time between tokens. Their sum must be close
// to the decoding time took, in seconds.
func (g *generation) addSteps(r *Result, n int, took float64) {
	sum := time.Duration(0)
	for _, d := range g.steps {
		sum += d
	}
	switch {
	case len(g.steps) != n:
		r.lack(StepSeconds, "the plugin does not time single steps")
		return
	case sum.Seconds() < leastShare*took:
		r.lack(StepSeconds, "the single steps do not make up the time of decoding")
		return
	}
	for i, d := range g.steps {
		r.add(StepSeconds, strconv.Itoa(i+1), d.Seconds())
	}
}

// generation is a timed call of Generate.
type generation struct {
	host, prefill, compute time.Duration
	steps                  []time.Duration
	made                   [][]int32 // new tokens of each document
}

// generate opens a state for each context, and then times one call that continues each prompt by n tokens in one chunk.
func (s *Subject) generate(ctx context.Context, contexts, prompts [][]int32, n int) (g generation, err error) {
	st, err := s.stepper()
	if err != nil {
		return g, err
	}
	generator, ok := lm.As[lm.Generator](s.Model)
	if !ok {
		return g, &Unavailable{"no ability generate"}
	}
	states, err := s.open(ctx, st, contexts)
	if err != nil {
		return g, err
	}
	defer func() { release(ctx, &err, states...) }()
	req := lm.GenerateRequest{MaxNew: n, Every: n}
	for i, p := range prompts {
		req.Inputs = append(req.Inputs, lm.StepInput{State: states[i], Tokens: p})
	}
	g.made = make([][]int32, len(prompts))
	check := lm.NewContinuation(req, s.Info.Vocab) // checks the tokens; the client of the process has checked the times
	var bad error
	start := time.Now()
	err = generator.Generate(ctx, req, func(c lm.GenerateChunk) bool {
		bad = check.Chunk(c, math.MaxInt64)
		if bad != nil {
			return false
		}
		g.prefill, g.compute, g.steps = g.prefill+c.Prefill, g.compute+c.Compute, append(g.steps, c.Steps...)
		for i, t := range c.Tokens {
			g.made[i] = append(g.made[i], t...)
		}
		return true
	})
	g.host = time.Since(start)
	if err = cmp.Or(err, bad); err != nil {
		return g, err
	}
	return g, check.End()
}
