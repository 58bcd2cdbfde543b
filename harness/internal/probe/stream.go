package probe

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/lm"
)

// The metrics of probe "stream", at points len. Labels are positions (tokens seen so far).
const (
	StreamSeconds    = "stream_seconds" // cumulative, at geometric positions
	StreamStateBytes = "stream_state_bytes"
	StreamNLL        = "stream_nll"        // mean nats per token since the previous label
	StreamFinite     = "stream_finite"     // 1: all outputs were finite
	StreamChunkDiff  = "stream_chunk_diff" // max |Δ nll| between chunked and one-shot reading of a prefix
	StreamPeakBytes  = "stream_process_peak_bytes"
)

// streamProbe reads one very long document in chunks with carried state.
var streamProbe = &Probe{
	Name: "stream", Version: 1, Summary: "time, state and loss along one long document",
	Report: Shown{Place: 7, View: StreamView},
	Text:   StreamText, Language: true,
	Axes:   []Setting{{Name: "len", Default: "65536", Min: 64, Doc: "tokens of the document"}},
	Params: []Setting{{Name: "chunk", Default: "2048", Min: 1, Doc: "tokens of each call"}},
	Needs:  []lm.Ability{lm.AbilityStep},
	Metrics: []Metric{
		{Name: StreamSeconds, Unit: unit.Second, Better: -1, Title: "time since the start of the stream"},
		{Name: StreamStateBytes, Unit: unit.Byte, Better: -1, Title: "state along the stream"},
		{Name: StreamNLL, Unit: unit.Nat, Better: -1, Title: "losses"},
		{Name: StreamFinite, Unit: unit.One, Better: +1, Title: "all outputs finite"},
		{Name: StreamChunkDiff, Unit: unit.Nat, Better: -1, Title: "largest difference of chunked and one-shot losses"},
		{Name: StreamPeakBytes, Unit: unit.Byte, Better: -1, Title: "process memory"},
	},
	context: lengthOf("len"),
	work:    func(p record.Point) []Work { return []Work{{lm.Scoring, 1, number(p, "len"), 1}} },
	measure: stream,
}

// To check that chunks do not change the results, checkLength tokens are scored in one piece and read in chunks of
// checkChunk. A mean difference above chunkTolerance, in nats, is more than rounding in any precision explains.
const (
	checkLength    = 1024
	checkChunk     = 257
	chunkTolerance = 0.1
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
	if s.Unfit != "" {
		r.lack(StreamNLL, s.Unfit)
	}
	reported, err := s.readAll(ctx, &r, st, tokens)
	if err != nil {
		return r, err
	}
	if m, reason := s.processMemory(); reason != "" {
		r.lack(StreamPeakBytes, reason)
	} else {
		r.add(StreamPeakBytes, "", float64(m.Peak))
	}
	if s.Unfit == "" {
		err = s.verifyStream(ctx, &r, st, tokens, reported)
	}
	return r, err
}

// readAll streams tokens through one state and takes readings at geometric positions. It returns losses of a random
// stretch beyond the prefix that compareChunks checks.
func (s *Subject) readAll(ctx context.Context, r *Result, st lm.Stepper, tokens []int32) (reported reportedLosses, err error) {
	state, err := st.NewState(ctx)
	if err != nil {
		return reported, err
	}
	defer func() { release(ctx, &err, state) }()
	var meter meter
	stretches := 0
	chunk := number(s.Settings, "chunk")
	for at, next := 0, min(1024, len(tokens)); at < len(tokens); {
		end := min(at+chunk, next)
		if err := s.next(ctx, &meter, st, state, tokens[at:end]); err != nil {
			return reported, fmt.Errorf("tokens %d to %d: %w", at, end, err)
		}
		if at = end; at == next {
			if stretches++; stretches > 1 && rand.IntN(stretches-1) == 0 {
				reported = meter.reported
			}
			if err := s.record(r, &meter, state, at); err != nil {
				return reported, fmt.Errorf("up to token %d: %w", at, err)
			}
			next = min(2*next, len(tokens))
		}
	}
	if err := s.Boundary.Contradiction(meter.all); err != nil {
		return reported, err
	}
	r.add(StreamFinite, "", 1) // a non-finite loss would have failed the call
	return reported, nil
}

// reportedLosses holds the losses that a model reported for consecutive tokens of a document.
type reportedLosses struct {
	from int // position of the first token
	nll  []float64
}

// verifyStream checks reported losses against the model's logits at the same positions. It reads the document again and
// shows the model all of those tokens but the last.
func (s *Subject) verifyStream(ctx context.Context, r *Result, st lm.Stepper, tokens []int32, reported reportedLosses) (err error) {
	if len(reported.nll) == 0 {
		return nil
	}
	states, err := s.open(ctx, st, [][]int32{tokens[:reported.from-1]})
	if err != nil {
		return err
	}
	defer func() { release(ctx, &err, states...) }()
	in := lm.StepInput{State: states[0], Tokens: tokens[reported.from-1 : reported.from-1+len(reported.nll)]}
	reply, _, err := s.step(ctx, st, lm.StepRequest{Inputs: []lm.StepInput{in}, Want: lm.WantAllLogits})
	if lm.KindOf(err) == lm.Unsupported {
		r.Warnings = append(r.Warnings, fmt.Sprintf("losses not verified beyond %d tokens: the model gives no logits", checkLength))
		return nil
	} else if err != nil {
		return err
	}
	diff, sum, found := 0.0, 0.0, 0.0
	for i, row := range rows(reply.Outputs[0].Logits, s.Info.Vocab) {
		want := loss(row, tokens[reported.from+i])
		diff, sum, found = diff+math.Abs(reported.nll[i]-want), sum+reported.nll[i], found+want
	}
	if n := float64(len(reported.nll)); diff/n > chunkTolerance {
		return lm.Faultf(lm.Contradiction, "the reported losses of %.0f tokens from %d on are %.4g nats on average, but the logits after reading the document again give %.4g",
			n, reported.from, sum/n, found/n)
	}
	return nil
}

// meter sums the times and losses of a stream.
type meter struct {
	all      []Clocks // up to the last reading
	calls    []Clocks // since the last reading, as the fields below
	nats     float64
	scored   int            // tokens
	reported reportedLosses // a random sample
}

// next reads one chunk.
func (s *Subject) next(ctx context.Context, m *meter, st lm.Stepper, state lm.State, tokens []int32) error {
	reply, c, err := s.step(ctx, st, lm.StepRequest{Inputs: []lm.StepInput{{State: state, Tokens: tokens}}, Want: lm.WantNLL})
	if err != nil {
		return err
	}
	m.calls = append(m.calls, c)
	nll := reply.Outputs[0].NLL
	for _, x := range nll {
		m.nats += x
	}
	m.scored += len(nll)
	if len(nll) > 0 && rand.IntN(len(m.calls)) == 0 {
		at := rand.IntN(max(1, len(nll)-verified+1))
		m.reported = reportedLosses{state.Len() - len(nll) + at, nll[at:min(at+verified, len(nll))]}
	}
	return nil
}

// record takes a reading at a position and resets the meter.
func (s *Subject) record(r *Result, m *meter, state lm.State, position int) error {
	m.all = append(m.all, m.calls...)
	if err := s.Boundary.Contradiction(m.calls); err != nil {
		return err
	}
	label := strconv.Itoa(position)
	t := s.timing(StreamSeconds, 1, m.all...)
	t.Samples[0].Label = label
	r.Samples = append(r.Samples, t.Samples...)
	r.Warnings = append(r.Warnings, t.Warnings...)
	r.add(StreamStateBytes, label, float64(state.Bytes()))
	if s.Unfit == "" && m.scored > 0 {
		r.add(StreamNLL, label, m.nats/float64(m.scored))
	}
	*m = meter{all: m.all}
	return nil
}

// compareChunks scores a prefix in one piece and reads it in chunks, and adds the largest difference of the losses.
func (s *Subject) compareChunks(ctx context.Context, r *Result, st lm.Stepper, tokens []int32) error {
	reply, err := score(ctx, s.Model, lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: tokens, From: 1}}})
	if err != nil {
		return err
	}
	pieces, err := s.prefixLosses(ctx, st, tokens, checkChunk)
	if err != nil {
		return err
	}
	whole := reply.Scores[0].NLL
	worst, sum := 0.0, 0.0
	for i := range whole {
		d := math.Abs(whole[i] - pieces[i])
		worst, sum = max(worst, d), sum+d
	}
	r.add(StreamChunkDiff, "", worst)
	if mean := sum / float64(len(whole)); s.Unfit == "" && mean > chunkTolerance {
		return lm.Faultf(lm.Contradiction, "the losses of %d tokens differ by %.3g nats on average between reading them in chunks and scoring them", len(tokens), mean)
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
		reply, _, err := s.step(ctx, st, lm.StepRequest{Inputs: []lm.StepInput{in}, Want: lm.WantNLL})
		if err != nil {
			return nil, err
		}
		nll = append(nll, reply.Outputs[0].NLL...)
	}
	return nll, nil
}
