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
	Alone     string   // why it could not be loaded; ""
	Info      lm.ModelInfo
	PID       int          // of the plugin's process; 0: this process
	Stream    *text.Tokens // text, or random ids if the probe does not need text and the model cannot read it
	HeldOut   *text.Tokens
	Roofline  lm.Roofline // empty: not measured
	Boundary  Boundary    // overhead of a call
	Unfit     string      // why the model's losses are meaningless, or ""
	Verify    bool        // verify the timed answers after the clock has stopped
	Seed      uint64
	Block     int          // of interleaved measurement
	Round     int          // call within the block
	Settings  record.Point // axes and parameters
}

// streamChunk is the number of tokens per call: enough to amortise the call, few enough to bound the message.
const streamChunk = 2048

// input returns n tokens of the stream for document i of this call. Calls read different text, so that a cache of
// results cannot make a repeat faster. All models with the same tokenizer read the same tokens.
func (s *Subject) input(n, i int) ([]int32, error) {
	pool, err := s.Stream.AtMost(max(4*n, 1<<15))
	if err != nil {
		return nil, unavailable(err)
	}
	if len(pool) <= n {
		return s.stream(n)
	}
	start := (s.Block*977 + s.Round*7919 + i*331 + int(s.Seed%1009)) * 64 % (len(pool) - n)
	return pool[start : start+n], nil
}

// stream returns the first n tokens of the stream.
func (s *Subject) stream(n int) ([]int32, error) {
	tokens, err := s.Stream.Stream(n)
	return tokens, unavailable(err)
}

// unavailable turns the error of a text that does not suit the model into an [*Unavailable], and returns other errors
// unchanged.
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

// open makes one state per document and feeds it the document in chunks, without asking for outputs. All documents have
// the same length.
func (s *Subject) open(ctx context.Context, st lm.Stepper, documents [][]int32) ([]lm.State, error) {
	states := make([]lm.State, len(documents))
	for i := range states {
		var err error
		if states[i], err = st.NewState(ctx); err != nil {
			return nil, err
		}
	}
	longest := len(documents[0])
	for at := 0; at < longest; at += streamChunk {
		inputs := make([]lm.StepInput, len(states))
		for i, d := range documents {
			inputs[i] = lm.StepInput{State: states[i], Tokens: d[at:min(at+streamChunk, longest)]}
		}
		if _, err := st.Step(ctx, lm.StepRequest{Inputs: inputs}); err != nil {
			return nil, err
		}
	}
	return states, nil
}

// release closes states and adds their errors to err. After a failure it does nothing, because the process is about to be
// killed and may hang.
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

// RooflineShare is the achieved share of the binding ceiling, 0 to 1; label: the ceiling.
const RooflineShare = "roofline_share"

var rooflineShare = Metric{Name: RooflineShare, Unit: unit.One, Better: +1, Title: "share of the ceiling"}

// share adds the achieved share of the ceiling that binds a piece of work, given the seconds that it took in total. There
// is no sample without ceilings or a cost formula.
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
		r.Warnings = append(r.Warnings, "faster than the ceiling "+name+": the calibration did not reach this host's peak")
	}
	r.add(RooflineShare, name, value)
}

// binding returns the ceiling that gives the longest least time for a piece of work, and that time in seconds: the
// arithmetic of the precision, or reading memory at the work's footprint.
func binding(roof lm.Roofline, precision string, items []lm.CostItem) (name string, seconds float64) {
	var flops, bytes float64
	for _, it := range items {
		flops, bytes = flops+float64(it.FLOPs), bytes+float64(it.Bytes)
	}
	if c := arithmetic(roof, precision); c.Value > 0 {
		name, seconds = c.Name, flops/c.Value
	}
	if c := bandwidth(roof, bytes); c.Value > 0 && bytes/c.Value > seconds {
		name, seconds = c.Name, bytes/c.Value
	}
	return name, seconds
}

// arithmetic returns the arithmetic ceiling of a precision, or of the fastest part of a combined precision. A ceiling
// without precisions serves those that have none of their own. The zero Ceiling is unknown.
func arithmetic(roof lm.Roofline, precision string) (best lm.Ceiling) {
	for _, part := range lm.Precisions(precision) {
		part, _, _ = strings.Cut(part, "-") // without the group
		c := fastest(roof, func(c lm.Ceiling) bool { return slices.Contains(c.Precisions, part) })
		if c.Value == 0 {
			c = fastest(roof, func(c lm.Ceiling) bool { return len(c.Precisions) == 0 })
		}
		if c.Value > best.Value {
			best = c
		}
	}
	return best
}

// fastest returns the highest arithmetic ceiling that satisfies computes.
func fastest(roof lm.Roofline, computes func(lm.Ceiling) bool) (best lm.Ceiling) {
	for _, c := range roof.Ceilings {
		if c.Operation == lm.Arithmetic && computes(c) && c.Value > best.Value {
			best = c
		}
	}
	return best
}

// bandwidth returns the reading ceiling with the smallest footprint that holds bytes, else with the largest. The zero
// Ceiling is unknown.
func bandwidth(roof lm.Roofline, bytes float64) (best lm.Ceiling) {
	for _, c := range roof.Ceilings {
		if c.Operation != lm.Reading || c.Value <= 0 {
			continue
		}
		closer := c.Footprint > best.Footprint // while best does not hold them
		if float64(best.Footprint) >= bytes {
			closer = float64(c.Footprint) >= bytes && c.Footprint < best.Footprint
		}
		if best.Value == 0 || closer {
			best = c
		}
	}
	return best
}

// processMemory returns the memory of the plugin's process, or the reason why it is unknown.
func (s *Subject) processMemory() (m host.Memory, reason string) {
	if s.PID == 0 {
		return m, "the model runs in this process"
	}
	m, ok := host.ReadMemory(s.PID)
	if !ok {
		reason = "the system does not tell"
	}
	return m, reason
}
