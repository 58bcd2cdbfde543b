package probe

import (
	"context"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/lm"
)

// streamProbe reads one very long document in chunks with carried state.
var streamProbe = &Probe{
	Name: "stream", Version: 1, Summary: "time, state and loss along one long document",
	Text: StreamText, Language: true,
	Axes:    []Setting{{Name: "len", Default: "65536", Min: 64, Doc: "tokens of the document"}},
	Params:  []Setting{{Name: "chunk", Default: "2048", Min: 1, Doc: "tokens of each call"}},
	Needs:   []lm.Ability{lm.AbilityStep},
	context: lengthOf("len"),
	work:    func(p store.Point) []Work { return []Work{{lm.Scoring, 1, number(p, "len"), 1}} },
	measure: stream,
}

// The check that chunks change nothing compares checkLength tokens scored in one piece and read in pieces of checkChunk.
const (
	checkLength = 1024
	checkChunk  = 257
)

func stream(ctx context.Context, s *Subject) (r Result, err error) {
	st, err := s.stepper()
	if err != nil {
		return r, err
	}
	tokens, err := s.stream(number(s.Settings, "len"))
	if err != nil {
		return r, err
	}
	if err := s.compareChunks(ctx, &r, st, tokens[:min(checkLength, len(tokens))]); err != nil {
		return r, err
	}
	if s.Leaks {
		r.Warnings = append(r.Warnings, "losses n/a (sees the future)")
	}
	if err := s.readAll(ctx, &r, st, tokens); err != nil {
		return r, err
	}
	m, warnings := s.processMemory()
	r.Warnings = append(r.Warnings, warnings...)
	if len(warnings) == 0 {
		r.add(StreamPeakBytes, "", float64(m.Peak))
	}
	return r, nil
}

// readAll streams tokens through one state and takes readings at geometric positions.
func (s *Subject) readAll(ctx context.Context, r *Result, st lm.Stepper, tokens []int32) (err error) {
	state, err := st.NewState(ctx)
	if err != nil {
		return err
	}
	defer func() { release(ctx, &err, state) }()
	var meter meter
	chunk := number(s.Settings, "chunk")
	for at, next := 0, min(1024, len(tokens)); at < len(tokens); {
		end := min(at+chunk, next)
		if err := meter.step(ctx, st, state, tokens[at:end]); err != nil {
			return err
		}
		if at = end; at == next {
			s.record(r, &meter, state, at)
			next = min(2*next, len(tokens))
		}
	}
	r.add(StreamFinite, "", meter.allFinite())
	return nil
}

// meter sums what a stream has cost and lost so far.
type meter struct {
	host, plugin time.Duration
	nats         float64
	scored       int
	spoiled      bool
}

// step reads one chunk.
func (m *meter) step(ctx context.Context, st lm.Stepper, state lm.State, tokens []int32) error {
	req := lm.StepRequest{Inputs: []lm.StepInput{{State: state, Tokens: tokens}}, Want: lm.WantNLL}
	start := time.Now()
	reply, err := st.Step(ctx, req)
	m.host += time.Since(start)
	if err != nil {
		return err
	}
	m.plugin += reply.Compute
	for _, out := range reply.Outputs {
		for _, x := range out.NLL {
			m.nats += x
			m.spoiled = m.spoiled || math.IsNaN(x) || math.IsInf(x, 0)
		}
		m.scored += len(out.NLL)
	}
	return nil
}

// allFinite is 1 unless a loss was not a number.
func (m *meter) allFinite() float64 {
	if m.spoiled {
		return 0
	}
	return 1
}

// record takes the readings at one position and starts the next stretch. A stretch with losses that are no numbers
// has no mean; [StreamFinite] tells.
func (s *Subject) record(r *Result, m *meter, state lm.State, position int) {
	label := strconv.Itoa(position)
	t := timing(StreamSeconds, 1, m.host, m.plugin)
	t.Samples[0].Label = label
	r.Samples = append(r.Samples, t.Samples...)
	r.add(StreamStateBytes, label, float64(state.Bytes()))
	if !s.Leaks && !m.spoiled && m.scored > 0 {
		r.add(StreamNLL, label, m.nats/float64(m.scored))
	}
	m.nats, m.scored = 0, 0
}

// compareChunks scores a prefix in one piece and reads it in chunks, and adds the largest difference of their losses.
func (s *Subject) compareChunks(ctx context.Context, r *Result, st lm.Stepper, tokens []int32) error {
	reply, err := s.Model.Score(ctx, lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: tokens, From: 1}}})
	if err != nil {
		return err
	}
	pieces, err := s.prefixLosses(ctx, st, tokens, checkChunk)
	if err != nil {
		return err
	}
	if len(reply.Scores) != 1 || len(reply.Scores[0].NLL) != len(pieces) {
		return errors.New("chunks change the number of losses")
	}
	whole := reply.Scores[0].NLL
	worst := 0.0
	for i := range whole {
		worst = max(worst, math.Abs(whole[i]-pieces[i]))
	}
	if !math.IsNaN(worst) {
		r.add(StreamChunkDiff, "", worst)
	}
	return nil
}

// prefixLosses reads tokens from an empty state in chunks.
func (s *Subject) prefixLosses(ctx context.Context, st lm.Stepper, tokens []int32, chunk int) (nll []float64, err error) {
	state, err := st.NewState(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { release(ctx, &err, state) }()
	for at := 0; at < len(tokens); at += chunk {
		in := lm.StepInput{State: state, Tokens: tokens[at:min(at+chunk, len(tokens))]}
		reply, err := st.Step(ctx, lm.StepRequest{Inputs: []lm.StepInput{in}, Want: lm.WantNLL})
		if err != nil {
			return nil, err
		}
		for _, out := range reply.Outputs {
			nll = append(nll, out.NLL...)
		}
	}
	return nll, nil
}
