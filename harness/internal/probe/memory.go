package probe

import (
	"context"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/lm"
)

// The metrics of probe "memory", at points len.
const (
	WeightBytes         = "weight_bytes" // label: class
	StateBytes          = "state_bytes"  // measured after len tokens
	StateBytesFormula   = "state_bytes_formula"
	ActivationPeakBytes = "activation_peak_bytes"
	ProcessPeakBytes    = "process_peak_bytes" // VmHWM of the plugin process
	ProcessRSSBytes     = "process_rss_bytes"
)

// memoryProbe measures the memory of one document of a given length in a fresh process.
var memoryProbe = &Probe{
	Name: "memory", Version: 1, Summary: "bytes of weights, state, activations and the process at a context length",
	Report: Shown{Place: 3, View: MemoryView, WithPrecision: true},
	Text:   StreamText,
	Axes:   []Setting{{Name: "len", Default: "512", Min: 1, Doc: "tokens of context"}},
	Metrics: []Metric{
		{Name: WeightBytes, Unit: unit.Byte, Better: -1, Title: "weights"},
		{Name: StateBytes, Unit: unit.Byte, Better: -1, Title: "state"},
		{Name: StateBytesFormula, Unit: unit.Byte, Better: -1, Title: "state by formula", With: StateBytes},
		{Name: ActivationPeakBytes, Unit: unit.Byte, Better: -1, Title: "activations"},
		{Name: ProcessPeakBytes, Unit: unit.Byte, Better: -1, Title: "process memory"},
		{Name: ProcessRSSBytes, Unit: unit.Byte, Better: -1, Title: "resident memory of the process", With: ProcessPeakBytes},
	},
	Quantities: []Quantity{
		{Name: "weights", Title: "Weights", Metric: WeightBytes, Exact: true, Main: "len"},
		{Name: "state", Title: "State of one document", Metric: StateBytes, Exact: true, Main: "len", Growth: "Growth of state with context", Figure: &Figure{
			Title: "State against context", Label: "bytes of state", Log: 2,
			Caption: "What a model carries for one document after reading a context: keys and values, or a state of constant size.",
		}},
		{Name: "state-formula", Title: "State of one document, by formula", Metric: StateBytesFormula, Exact: true, Main: "len", Optional: true},
		{Name: "activations", Title: "Peak of activations", Metric: ActivationPeakBytes, Main: "len"},
		{Name: "process-peak", Title: "Peak of the plugin process", Metric: ProcessPeakBytes, Main: "len", Figure: &Figure{
			Title: "Peak of the process against context", Label: "peak resident bytes", Log: 2,
			Caption: "Highest resident memory of the plugin process: weights, state, activations and the program itself.",
		}},
	},
	context: lengthOf("len"),
	work:    func(p record.Point) []Work { return []Work{{lm.Prefill, 1, number(p, "len"), 1}} },
	measure: memory,
}

func memory(ctx context.Context, s *Subject) (r Result, err error) {
	for _, c := range s.Info.Bytes {
		r.add(WeightBytes, c.Class, float64(c.Bytes))
	}
	reporter, ok := lm.As[lm.MemoryReporter](s.Model)
	if !ok {
		r.lack(ActivationPeakBytes, "no ability memory")
	} else if _, err := reporter.Memory(ctx, true); err != nil {
		return r, err
	}
	tokens, err := s.input(number(s.Settings, "len"), 0)
	if err != nil {
		return r, err
	}
	if err := s.read(ctx, &r, tokens); err != nil {
		return r, err
	}
	if ok {
		m, err := reporter.Memory(ctx, false)
		if err != nil {
			return r, err
		}
		for _, c := range m.Peak {
			if c.Class == "activations" {
				r.add(ActivationPeakBytes, "", float64(c.Bytes))
			}
		}
	}
	m, reason := s.processMemory()
	if reason != "" {
		r.lack(ProcessPeakBytes, reason)
		return r, nil
	}
	r.add(ProcessPeakBytes, "", float64(m.Peak))
	r.add(ProcessRSSBytes, "", float64(m.RSS))
	return r, nil
}

// read lets the model read tokens in one piece, into a state if it supports one.
func (s *Subject) read(ctx context.Context, r *Result, tokens []int32) (err error) {
	st, err := s.stepper()
	if err != nil {
		r.lack(StateBytes, "no ability step")
		return s.score(ctx, tokens)
	}
	state, err := st.NewState(ctx)
	if err != nil {
		return err
	}
	defer func() { release(ctx, &err, state) }()
	req := lm.StepRequest{Inputs: []lm.StepInput{{State: state, Tokens: tokens}}, Want: lm.WantLastLogits}
	if _, _, err := s.step(ctx, st, req); err != nil {
		return err
	}
	r.add(StateBytes, "", float64(state.Bytes()))
	return s.stateFormula(ctx, r, len(tokens))
}

// stateFormula adds the state size of n tokens by the architecture's own formula, if it has one.
func (s *Subject) stateFormula(ctx context.Context, r *Result, n int) error {
	coster, ok := lm.As[lm.Coster](s.Model)
	if !ok {
		r.lack(StateBytesFormula, "no ability cost")
		return nil
	}
	reply, err := coster.Cost(ctx, lm.CostRequest{Phase: lm.Prefill, Batch: 1, Length: n})
	if err != nil {
		return err
	}
	if reply.StateBytes >= 0 {
		r.add(StateBytesFormula, "", float64(reply.StateBytes))
	}
	return nil
}

// score lets a model without state read tokens: it predicts the last one.
func (s *Subject) score(ctx context.Context, tokens []int32) error {
	if len(tokens) < 2 {
		return &Unavailable{"a model without the ability step reads at least 2 tokens"}
	}
	_, err := score(ctx, s.Model, lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: tokens, From: len(tokens) - 1}}})
	return err
}
