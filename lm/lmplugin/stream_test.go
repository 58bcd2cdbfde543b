package lmplugin

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/internal/toy"
	"github.com/archbench/archbench/lm/lmpb"
)

// TestLongTexts sends and receives texts that need many messages.
func TestLongTexts(t *testing.T) {
	local, remote := load(t, toy.Architecture{}, "default"), load(t, inMemory(t, toy.Architecture{}), "default")
	req := sequence(2*tokensPerMessage + 3)
	req.Sequences = append(req.Sequences, sequence(5).Sequences[0], sequence(tokensPerMessage).Sequences[0])
	req.Logits = true
	want, err := local.Score(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	got, err := remote.Score(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want.Scores {
		if w, g := want.Scores[i], got.Scores[i]; !slices.Equal(w.NLL, g.NLL) || !slices.Equal(w.Logits, g.Logits) {
			t.Errorf("sequence %d differs", i)
		}
	}
	if want := 4 * 23 * (2*tokensPerMessage + 3); want < 2*messageBytes {
		t.Errorf("%d bytes of logits fit into two messages, too few for this test", want)
	}
}

// TestMessagesAreBounded checks that message sizes do not depend on the length of a text.
func TestMessagesAreBounded(t *testing.T) {
	tokens := make([]int32, 3*tokensPerMessage+1)
	for i := range tokens {
		tokens[i] = 1<<31 - 1 // five bytes each on the wire
	}
	sent := 0
	for message := range chunks([][]int32{tokens, {1}, {}, tokens}) {
		n := 0
		for _, c := range message {
			n += len(c.GetTokens())
		}
		if n > tokensPerMessage {
			t.Errorf("%d tokens in a message", n)
		}
		sent += n
	}
	if want := 2*len(tokens) + 1; sent != want {
		t.Errorf("sent %d of %d tokens", sent, want)
	}
	s := lm.Scores{NLL: make([]float64, 3*valuesPerMessage+5), Logits: make([]float32, 2*logitsPerMessage+1)}
	stream := &collector{}
	if err := sendScores(stream, 0, s, 7); err != nil {
		t.Fatal(err)
	}
	for _, m := range stream.sent {
		if n := 8*len(m.GetNll()) + len(m.GetLogits()); n > messageBytes {
			t.Errorf("a message of %d bytes", n)
		}
	}
	if len(stream.sent) != 4 || stream.sent[0].GetComputeNs() != 7 || stream.sent[1].GetComputeNs() != 0 {
		t.Errorf("%d messages", len(stream.sent))
	}
}

// collector stands in for the stream of a reply.
type collector struct {
	lmpb.LanguageModelService_ScoreServer
	sent []*lmpb.ScoreResponse
}

func (c *collector) Send(m *lmpb.ScoreResponse) error {
	c.sent = append(c.sent, m)
	return nil
}

// TestChunksRoundTrip checks that any inputs arrive as they were sent.
func TestChunksRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inputs := rapid.SliceOfN(rapid.SliceOfN(rapid.Int32(), 0, 20), 1, 5).Draw(t, "inputs")
		inputs[0] = append(make([]int32, rapid.SampledFrom([]int{0, tokensPerMessage - 1, tokensPerMessage}).Draw(t, "long")), inputs[0]...)
		var messages []*lmpb.StepRequest
		for c := range chunks(inputs) {
			messages = append(messages, &lmpb.StepRequest{Chunks: c})
		}
		messages[0].Header = &lmpb.StepHeader{States: make([]uint64, len(inputs))}
		header, got, err := receive[lmpb.StepHeader](replay(messages), func(h *lmpb.StepHeader) int { return len(h.GetStates()) })
		if err != nil || header != messages[0].GetHeader() {
			t.Fatal(header, err)
		}
		for i := range inputs {
			if !slices.Equal(inputs[i], got.tokens[i]) {
				t.Fatalf("input %d", i)
			}
		}
	})
}

func replay(messages []*lmpb.StepRequest) func() (*lmpb.StepRequest, error) {
	return func() (*lmpb.StepRequest, error) {
		if len(messages) == 0 {
			return nil, io.EOF
		}
		m := messages[0]
		messages = messages[1:]
		return m, nil
	}
}

func TestBadStreams(t *testing.T) {
	count := func(h *lmpb.StepHeader) int { return len(h.GetStates()) }
	header := &lmpb.StepHeader{States: []uint64{1}}
	for name, messages := range map[string][]*lmpb.StepRequest{
		"empty":        nil,
		"no header":    {{Chunks: []*lmpb.TokenChunk{{Tokens: []int32{1}}}}},
		"late header":  {{}, {Header: header}},
		"unknown part": {{Header: header, Chunks: []*lmpb.TokenChunk{{Input: 1, Tokens: []int32{1}}}}},
	} {
		if _, _, err := receive[lmpb.StepHeader](replay(messages), count); lm.KindOf(err) != lm.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFloatsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOf(rapid.Float32()).Draw(t, "values")
		got, err := appendFloats(nil, packFloats(values))
		if err != nil || !slices.Equal(values, got) {
			t.Fatal(values, got, err)
		}
	})
	if _, err := appendFloats(nil, make([]byte, 7)); err == nil {
		t.Error("7 bytes were decoded as floats")
	}
}

// unable is a model that implements abilities but reports none.
type unable struct{ *toy.Model }

func (u unable) Info() lm.ModelInfo {
	info := u.Model.Info()
	info.Abilities = []lm.Ability{}
	return info
}

// TestUndeclaredAbilities checks that undeclared abilities are refused with the same message everywhere.
func TestUndeclaredAbilities(t *testing.T) {
	c := inMemory(t, toy.Architecture{Wrap: func(_ string, m *toy.Model) (lm.Model, error) { return unable{m}, nil }})
	m := load(t, c, "default").(*model)
	_, stepErr := m.NewState(t.Context())
	_, costErr := m.Cost(t.Context(), lm.CostRequest{})
	_, memoryErr := m.Memory(t.Context(), false)
	_, calibrateErr := c.Calibrate(t.Context(), 1)
	req := sequence(5)
	req.Versus = m
	_, versusErr := m.Score(t.Context(), req)
	for want, err := range map[string]error{
		"newstate: n/a (no ability step)":       stepErr,
		"cost: n/a (no ability cost)":           costErr,
		"memory: n/a (no ability memory)":       memoryErr,
		"calibrate: n/a (no ability calibrate)": calibrateErr,
		"score: n/a (no ability versus)":        versusErr,
		"save: n/a (no ability save)":           m.Save(t.Context(), t.TempDir()),
		"generate: n/a (no ability generate)":   m.Generate(t.Context(), lm.GenerateRequest{}, nil),
	} {
		if lm.KindOf(err) != lm.Unsupported || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	// The plugin's side returns the same errors to hosts that call it anyway.
	_, calibrateErr = c.rpc.Calibrate(t.Context(), &lmpb.CalibrateRequest{})
	_, stepErr = c.rpc.NewState(t.Context(), &lmpb.NewStateRequest{Model: m.handle})
	for want, err := range map[string]error{
		"calibrate: n/a (no ability calibrate)": calibrateErr,
		"newstate: n/a (no ability step)":       stepErr,
	} {
		if err = fromStatus(t.Context(), "", err); lm.KindOf(err) != lm.Unsupported || err.Error() != want {
			t.Errorf("at the plugin: %v, want %s", err, want)
		}
	}
}

// TestNumbersTooWideForTheWire checks that numbers that the wire cannot carry are refused, not truncated.
func TestNumbersTooWideForTheWire(t *testing.T) {
	const wide = 1 << 32
	c := inMemory(t, toy.Architecture{})
	c.description.Abilities = append(c.description.Abilities, lm.AbilityCalibrate)
	m := load(t, c, "default").(*model)
	_, loadErr := c.Load(t.Context(), lm.LoadRequest{Variant: "default", Threads: wide + 1})
	_, calibrateErr := c.Calibrate(t.Context(), wide+1)
	_, costErr := m.Cost(t.Context(), lm.CostRequest{Phase: lm.Prefill, Batch: wide + 1, Length: 1})
	generateErr := m.Generate(t.Context(), lm.GenerateRequest{MaxNew: 1, Sampling: lm.Sampling{TopK: wide + 1}}, nil)
	for want, err := range map[string]error{
		"load: threads 4294967297 does not fit into 32 bits":      loadErr,
		"calibrate: threads 4294967297 does not fit into 32 bits": calibrateErr,
		"cost: batch 4294967297 does not fit into 32 bits":        costErr,
		"generate: top-k 4294967297 does not fit into 32 bits":    generateErr,
	} {
		if lm.KindOf(err) != lm.Invalid || err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestVersusNeedsOneProcess(t *testing.T) {
	here, there := inMemory(t, toy.Architecture{}), inMemory(t, toy.Architecture{})
	m := load(t, here, "default")
	req := sequence(20)
	for name, other := range map[string]lm.Model{"another process": load(t, there, "default"), "this process": load(t, toy.Architecture{}, "default")} {
		req.Versus = other
		if _, err := m.Score(t.Context(), req); lm.KindOf(err) != lm.Invalid {
			t.Errorf("a model of %s: %v", name, err)
		}
	}
	req.Versus = load(t, here, "default")
	if err := req.Versus.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Score(t.Context(), req); lm.KindOf(err) != lm.Invalid {
		t.Errorf("a closed model: %v", err)
	}
}

// slow blocks its calls until their context ends or release is closed.
type slow struct {
	*toy.Model
	entered chan struct{}
	release chan struct{}
}

func (s *slow) Step(ctx context.Context, req lm.StepRequest) (lm.StepReply, error) {
	s.entered <- struct{}{}
	select {
	case <-ctx.Done():
		return lm.StepReply{}, ctx.Err()
	case <-s.release:
		return s.Model.Step(ctx, req)
	}
}

func slowModel(t *testing.T) (*slow, *model, lm.State) {
	t.Helper()
	s := &slow{entered: make(chan struct{}, 1), release: make(chan struct{})}
	c := inMemory(t, toy.Architecture{Wrap: func(_ string, m *toy.Model) (lm.Model, error) {
		s.Model = m
		return s, nil
	}})
	m := load(t, c, "default").(*model)
	state, err := m.NewState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s, m, state
}

// TestCancellationReachesTheModel checks that the model's context ends with the caller's.
func TestCancellationReachesTheModel(t *testing.T) {
	s, m, state := slowModel(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-s.entered
		cancel()
	}()
	_, err := m.Step(ctx, lm.StepRequest{Inputs: []lm.StepInput{{State: state, Tokens: []int32{1}}}})
	if lm.KindOf(err) != lm.Deadline || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := state.Reset(t.Context()); err != nil { // waits for the end of the cancelled call
		t.Error(err)
	}
}

// TestCloseWaitsForCalls checks that Close waits for a call in progress.
func TestCloseWaitsForCalls(t *testing.T) {
	s, m, state := slowModel(t)
	stepped := make(chan error)
	go func() {
		_, err := m.Step(t.Context(), lm.StepRequest{Inputs: []lm.StepInput{{State: state, Tokens: []int32{1}}}})
		stepped <- err
	}()
	<-s.entered
	closed := make(chan error)
	go func() { closed <- m.Close() }()
	select {
	case err := <-closed:
		t.Fatalf("closed during a call: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(s.release)
	if err := <-stepped; err != nil {
		t.Errorf("the call: %v", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("the close: %v", err)
	}
	if err := state.Close(); err != nil {
		t.Errorf("a state of a closed model: %v", err)
	}
	if _, err := state.Fork(t.Context()); lm.KindOf(err) != lm.Invalid {
		t.Errorf("fork after close: %v", err)
	}
}
