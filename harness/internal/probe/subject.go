package probe

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/host"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/text"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/lm"
)

// Subject is a loaded model with everything that a probe may need to know about it.
type Subject struct {
	Model     lm.Model
	Reference lm.Model // the f32 model of the same weights in the same process; nil where this is f32 itself
	Info      lm.ModelInfo
	PID       int          // of the plugin's process; 0: this process
	Stream    *text.Tokens // text; random ids where the probe needs none and the model can be given none
	HeldOut   *text.Tokens
	Roofline  lm.Roofline // empty: not measured
	Boundary  Boundary    // of the calls to plugins
	Unfit     string      // why the model's losses say nothing: it was caught looking into the future
	Verify    bool        // hold the answers that were timed against others, after the clock has stopped
	Seed      uint64
	Block     int          // round of interleaved measurement
	Settings  record.Point // axes and parameters
}

// streamChunk is how many tokens travel in one call: enough to amortise it, few enough to bound a message.
const streamChunk = 2048

// input returns n tokens of the stream for document i of this block. Blocks read different places, so that no cache of
// results can make a repeat faster; all models of one tokenizer read the same.
func (s *Subject) input(n, i int) ([]int32, error) {
	pool, err := s.Stream.AtMost(max(4*n, 1<<15))
	if err != nil {
		return nil, unavailable(err)
	}
	if len(pool) <= n {
		return s.stream(n)
	}
	start := (s.Block*977 + i*331 + int(s.Seed%1009)) * 64 % (len(pool) - n)
	return pool[start : start+n], nil
}

// stream returns the first n tokens of the stream.
func (s *Subject) stream(n int) ([]int32, error) {
	tokens, err := s.Stream.Stream(n)
	return tokens, unavailable(err)
}

// unavailable says that a model cannot be measured on a text which does not suit it. Other errors stay what they are.
func unavailable(err error) error {
	if u, ok := errors.AsType[*text.UnsuitableError](err); ok {
		return &Unavailable{u.Reason}
	}
	return err
}

// stepper returns the model's ability to carry state.
func (s *Subject) stepper() (lm.Stepper, error) {
	if st, ok := lm.As[lm.Stepper](s.Model); ok {
		return st, nil
	}
	return nil, &Unavailable{"no ability step"}
}

// open makes one state per document and feeds it its tokens, in chunks, without asking for anything.
func (s *Subject) open(ctx context.Context, st lm.Stepper, documents [][]int32) (states []lm.State, err error) {
	for range documents {
		state, e := st.NewState(ctx)
		if e != nil {
			release(ctx, &e, states...)
			return nil, e
		}
		states = append(states, state)
	}
	longest := len(documents[0])
	for at := 0; at < longest; at += streamChunk {
		inputs := make([]lm.StepInput, len(states))
		for i, d := range documents {
			inputs[i] = lm.StepInput{State: states[i], Tokens: d[at:min(at+streamChunk, longest)]}
		}
		if _, err := st.Step(ctx, lm.StepRequest{Inputs: inputs}); err != nil {
			release(ctx, &err, states...)
			return nil, err
		}
	}
	return states, nil
}

// release closes states and keeps the first error. After a failure it does not wait: the process is about to end,
// or may hang.
func release(ctx context.Context, err *error, states ...lm.State) {
	if *err != nil || ctx.Err() != nil {
		return
	}
	for _, s := range states {
		*err = errors.Join(*err, s.Close())
	}
}

// documents returns batch documents of n tokens.
func (s *Subject) documents(batch, n int) ([][]int32, error) {
	all := make([][]int32, batch)
	for i := range all {
		var err error
		if all[i], err = s.input(n, i); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// RooflineShare is 0..1 of the ceiling that binds; label: the ceiling.
const RooflineShare = "roofline_share"

var rooflineShare = Metric{Name: RooflineShare, Unit: unit.One, Better: +1, Title: "share of the ceiling"}

// share adds the achieved share of the ceiling that binds a piece of work, given the seconds that all of it took.
// Without a price or ceilings there is no sample.
func (s *Subject) share(ctx context.Context, r *Result, w Work, seconds float64) {
	coster, ok := lm.As[lm.Coster](s.Model)
	if !ok || seconds <= 0 || len(s.Roofline.Ceilings) == 0 {
		return
	}
	cost, err := coster.Cost(ctx, lm.CostRequest{Phase: w.Phase, Batch: w.Batch, Length: w.Length})
	if err != nil {
		r.lack(RooflineShare, err.Error())
		return
	}
	name, least := binding(s.Roofline, s.Info.Precision, cost.Analytic)
	if name == "" {
		return
	}
	value := float64(w.Times) * least / seconds
	if value > 1.05 {
		r.Warnings = append(r.Warnings, "faster than the ceiling "+name+": the calibration fell short of what this host can do")
	}
	r.add(RooflineShare, name, value)
}

// binding names the ceiling that bounds a work's time from below, and that time in seconds: the arithmetic of the
// precision, or reading memory at the footprint that the work has.
func binding(roof lm.Roofline, precision string, items []lm.CostItem) (name string, seconds float64) {
	var flops, bytes float64
	for _, it := range items {
		flops, bytes = flops+float64(it.FLOPs), bytes+float64(it.Bytes)
	}
	if c, ok := arithmetic(roof, precision); ok {
		name, seconds = c.Name, flops/c.Value
	}
	if c, ok := bandwidth(roof, bytes); ok && bytes/c.Value > seconds {
		name, seconds = c.Name, bytes/c.Value
	}
	return name, seconds
}

// arithmetic chooses the ceiling of the products of a precision: where it has several formats, that of the fastest.
func arithmetic(roof lm.Roofline, precision string) (best lm.Ceiling, ok bool) {
	for _, format := range lm.Precisions(precision) {
		format, _, _ = strings.Cut(format, "-") // without the group
		c, known := fastest(roof, func(c lm.Ceiling) bool { return slices.Contains(c.Precisions, format) })
		if !known {
			c, known = fastest(roof, func(c lm.Ceiling) bool { return len(c.Precisions) == 0 })
		}
		if known && c.Value > best.Value {
			best, ok = c, true
		}
	}
	return best, ok
}

// fastest chooses the highest ceiling of arithmetic that computes what is asked for.
func fastest(roof lm.Roofline, computes func(lm.Ceiling) bool) (best lm.Ceiling, ok bool) {
	for _, c := range roof.Ceilings {
		if c.Operation == lm.Arithmetic && computes(c) && c.Value > best.Value {
			best, ok = c, true
		}
	}
	return best, ok
}

// bandwidth chooses the ceiling of reading with the smallest footprint that holds bytes, else that of the largest.
func bandwidth(roof lm.Roofline, bytes float64) (best lm.Ceiling, ok bool) {
	for _, c := range roof.Ceilings {
		if c.Operation != lm.Reading || c.Value <= 0 {
			continue
		}
		closer := c.Footprint > best.Footprint // while none holds them
		if float64(best.Footprint) >= bytes {
			closer = float64(c.Footprint) >= bytes && c.Footprint < best.Footprint
		}
		if !ok || closer {
			best, ok = c, true
		}
	}
	return best, ok
}

// processMemory reads the memory of the plugin's process, or says why it cannot.
func (s *Subject) processMemory() (m host.Memory, reason string) {
	if s.PID == 0 {
		return m, "the model runs in this process"
	}
	m, ok := host.ReadMemory(s.PID)
	if !ok {
		return m, "the system does not tell"
	}
	return m, ""
}
