package engine

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/lm"
)

// load returns a toy model and its architecture.
func load(t *testing.T, f toy, seed uint64) (*Architecture, *Model) {
	t.Helper()
	a := New(f)
	return a, loadFrom(t, a, seed)
}

func loadFrom(t *testing.T, a *Architecture, seed uint64) *Model {
	t.Helper()
	m, err := a.Load(t.Context(), lm.LoadRequest{Variant: "tiny", Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m.(*Model)
}

// text returns n pseudorandom tokens.
func text(n, seed int) []int32 {
	tokens := make([]int32, n)
	x := uint32(seed + 1)
	for i := range tokens {
		x = x*1664525 + 1013904223
		tokens[i] = int32(x>>16) % toyVocab
	}
	return tokens
}

// byHand computes the toy's negative log-likelihoods from its equations.
func byHand(m *Model, tokens []int32) []float64 {
	emb := m.net.(*toyNet).emb
	row := func(t int32) []float32 {
		r := make([]float32, toyDim)
		emb.Table.Row(int(t), r)
		return r
	}
	var h [toyDim]float64
	var nll []float64
	for i, t := range tokens[:len(tokens)-1] {
		for j, v := range row(t) {
			h[j] = h[j]/2 + float64(v)
		}
		var z, target float64
		for v := range int32(toyVocab) {
			var dot float64
			for j, w := range row(v) {
				dot += h[j] * float64(w)
			}
			z += math.Exp(dot)
			if v == tokens[i+1] {
				target = dot
			}
		}
		nll = append(nll, math.Log(z)-target)
	}
	return nll
}

var near = cmpopts.EquateApprox(0, 1e-4)

func TestScoreFollowsTheEquations(t *testing.T) {
	_, m := load(t, toy{}, 1)
	long, short := text(1300, 1), text(9, 2)
	reply, err := m.Score(t.Context(), lm.ScoreRequest{Sequences: []lm.Sequence{
		{Tokens: long, From: 1}, {Tokens: short, From: 1}, {Tokens: long, From: 1200}, {Tokens: short, From: 8},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := byHand(m, long)
	for i, want := range [][]float64{want, byHand(m, short), want[1199:], byHand(m, short)[7:]} {
		if diff := cmp.Diff(want, reply.Scores[i].NLL, near); diff != "" {
			t.Errorf("sequence %d (-want +got):\n%s", i, diff)
		}
	}
	if reply.Compute <= 0 {
		t.Error("no compute time")
	}
}

func TestScoreLogits(t *testing.T) {
	_, m := load(t, toy{}, 1)
	tokens := text(700, 3)
	reply, err := m.Score(t.Context(), lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: tokens, From: 5}}, Logits: true})
	if err != nil {
		t.Fatal(err)
	}
	s := reply.Scores[0]
	if len(s.NLL) != 695 || len(s.Logits) != 696*toyVocab {
		t.Fatalf("%d nll and %d logits", len(s.NLL), len(s.Logits))
	}
	for i, nll := range s.NLL {
		row := s.Logits[i*toyVocab : (i+1)*toyVocab]
		var z float64
		for _, v := range row {
			z += math.Exp(float64(v))
		}
		if got := math.Log(z) - float64(row[tokens[5+i]]); math.Abs(got-nll) > 1e-5 {
			t.Fatalf("position %d: nll %g, logits say %g", 5+i, nll, got)
		}
	}
}

func TestStepsEqualScore(t *testing.T) {
	_, m := load(t, toy{}, 1)
	tokens := text(1100, 4)
	want := byHand(m, tokens)
	for _, chunk := range []int{1, 3, 64, 511, 512, 513, 1100} {
		st, err := m.NewState(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []float64
		for part := range slices.Chunk(tokens, chunk) {
			reply, err := m.Step(t.Context(), lm.StepRequest{Inputs: []lm.StepInput{{State: st, Tokens: part}}, Want: lm.WantNLL})
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, reply.Outputs[0].NLL...)
		}
		if diff := cmp.Diff(want, got, near); diff != "" {
			t.Errorf("chunks of %d (-want +got):\n%s", chunk, diff)
		}
		if st.Len() != len(tokens) {
			t.Errorf("state has seen %d tokens", st.Len())
		}
	}
}

func TestStepBatchAndFork(t *testing.T) {
	_, m := load(t, toy{}, 1)
	ctx := t.Context()
	a, _ := m.NewState(ctx)
	step := func(inputs ...lm.StepInput) lm.StepReply {
		t.Helper()
		reply, err := m.Step(ctx, lm.StepRequest{Inputs: inputs, Want: lm.WantLastLogits})
		if err != nil {
			t.Fatal(err)
		}
		return reply
	}
	step(lm.StepInput{State: a, Tokens: text(20, 1)})
	b, err := a.Fork(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := m.NewState(ctx)
	both := step(lm.StepInput{State: a, Tokens: text(4, 9)}, lm.StepInput{State: c, Tokens: text(30, 5)})
	alone := step(lm.StepInput{State: b, Tokens: text(4, 9)})
	if diff := cmp.Diff(both.Outputs[0].Logits, alone.Outputs[0].Logits); diff != "" {
		t.Errorf("a fork in another batch differs:\n%s", diff)
	}
	if err := c.Reset(ctx); err != nil || c.Len() != 0 {
		t.Errorf("after reset: length %d, error %v", c.Len(), err)
	}
	_, err = m.Step(ctx, lm.StepRequest{Inputs: []lm.StepInput{{State: a, Tokens: text(1, 1)}, {State: a, Tokens: text(1, 1)}}})
	if lm.KindOf(err) != lm.Invalid {
		t.Errorf("the same state twice: %v", err)
	}
}

func TestGreedyIsArgmaxOfScores(t *testing.T) {
	_, m := load(t, toy{}, 7)
	prompts := [][]int32{text(3, 1), text(600, 2)}
	var inputs []lm.StepInput
	for _, p := range prompts {
		st, _ := m.NewState(t.Context())
		inputs = append(inputs, lm.StepInput{State: st, Tokens: p})
	}
	got, chunks := make([][]int32, 2), 0
	err := m.Generate(t.Context(), lm.GenerateRequest{Inputs: inputs, MaxNew: 12, Every: 5}, func(c lm.GenerateChunk) bool {
		for i, tokens := range c.Tokens {
			got[i] = append(got[i], tokens...)
		}
		chunks++
		return true
	})
	if err != nil || chunks != 3 {
		t.Fatalf("%d chunks, error %v", chunks, err)
	}
	for i, prompt := range prompts {
		tokens := slices.Clone(prompt)
		for range 12 {
			reply, err := m.Score(t.Context(), lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: tokens, From: len(tokens)}}, Logits: true})
			if err != nil {
				t.Fatal(err)
			}
			tokens = append(tokens, int32(kernel.ArgMax(reply.Scores[0].Logits)))
		}
		if diff := cmp.Diff(tokens[len(prompt):], got[i]); diff != "" {
			t.Errorf("prompt %d (-argmax +generated):\n%s", i, diff)
		}
	}
}

func TestGenerateStops(t *testing.T) {
	_, m := load(t, toy{}, 7)
	run := func(stop []int32, most int) (tokens []int32) {
		st, _ := m.NewState(t.Context())
		err := m.Generate(t.Context(), lm.GenerateRequest{Inputs: []lm.StepInput{{State: st, Tokens: text(3, 1)}}, MaxNew: 8, Stop: stop},
			func(c lm.GenerateChunk) bool { tokens = append(tokens, c.Tokens[0]...); return len(tokens) < most })
		if err != nil {
			t.Fatal(err)
		}
		return tokens
	}
	all := run(nil, 100)
	if got := run(nil, 2); !slices.Equal(got, all[:2]) {
		t.Errorf("stopped by the caller: %v of %v", got, all)
	}
	first := slices.Index(all, all[3])
	if got := run([]int32{all[3]}, 100); !slices.Equal(got, all[:first]) {
		t.Errorf("stop token %d: %v of %v", all[3], got, all)
	}
}

// TestGenerationConfigEnds loads a folder whose generation_config.json lists end tokens.
func TestGenerationConfigEnds(t *testing.T) {
	a, m := load(t, toy{}, 7)
	dir := filepath.Join(t.TempDir(), "saved")
	if err := m.Save(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "generation_config.json"), []byte(`{"eos_token_id":[3,99]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := a.Load(t.Context(), lm.LoadRequest{Checkpoint: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer loaded.Close()
	info := loaded.Info()
	if !slices.Equal(info.EOS, append(slices.Clone(m.info.EOS), 3)) || len(info.Warnings) != 1 {
		t.Errorf("ends %v, warnings %q", info.EOS, info.Warnings)
	}
}

func TestVersus(t *testing.T) {
	a, m := load(t, toy{}, 1)
	other := loadFrom(t, a, 2)
	seq := []lm.Sequence{{Tokens: text(800, 1), From: 1}, {Tokens: text(5, 1), From: 3}}
	same, err := m.Score(t.Context(), lm.ScoreRequest{Sequences: seq, Versus: m})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range same.Scores {
		for i := range s.NLL {
			if s.KL[i] != 0 || !s.Top1[i] {
				t.Fatalf("against itself: KL %g, top-1 %t", s.KL[i], s.Top1[i])
			}
		}
	}
	differ, err := m.Score(t.Context(), lm.ScoreRequest{Sequences: seq, Versus: other, Logits: true})
	if err != nil {
		t.Fatal(err)
	}
	theirs, _ := other.Score(t.Context(), lm.ScoreRequest{Sequences: seq, Logits: true})
	for i := range differ.Scores[1].NLL {
		ours, ref := differ.Scores[1].Logits[i*toyVocab:][:toyVocab], theirs.Scores[1].Logits[i*toyVocab:][:toyVocab]
		if want, _ := divergence(ref, ours); math.Abs(want-differ.Scores[1].KL[i]) > 1e-9 || want <= 0 {
			t.Errorf("position %d: KL %g, want %g", i, differ.Scores[1].KL[i], want)
		}
	}
	_, elsewhere := load(t, toy{}, 2)
	if _, err := m.Score(t.Context(), lm.ScoreRequest{Sequences: seq, Versus: elsewhere}); lm.KindOf(err) != lm.Invalid {
		t.Errorf("a model of another process: %v", err)
	}
}

func TestLeakyModelIsScoredWhole(t *testing.T) {
	_, m := load(t, toy{leak: true}, 1)
	tokens := text(700, 1)
	nll := func(tokens []int32) []float64 {
		reply, err := m.Score(t.Context(), lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: tokens, From: 1}}})
		if err != nil {
			t.Fatal(err)
		}
		return reply.Scores[0].NLL
	}
	a := nll(tokens)
	tokens[699] = (tokens[699] + 1) % toyVocab
	if b := nll(tokens); a[0] == b[0] {
		t.Errorf("the first prediction does not depend on the last token: %g", a[0])
	}
	if _, err := m.NewState(t.Context()); lm.KindOf(err) != lm.Unsupported {
		t.Errorf("new state: %v", err)
	}
}

// TestAbilitiesAreTheModels checks that a model reports its own abilities, which may be fewer than its plugin's.
func TestAbilitiesAreTheModels(t *testing.T) {
	_, plain := load(t, toy{}, 1)
	_, leaky := load(t, toy{leak: true}, 1)
	for _, c := range []struct {
		model                lm.Model
		step, generate, save bool
	}{{plain, true, true, true}, {leaky, false, false, true}} {
		_, step := lm.As[lm.Stepper](c.model)
		_, generate := lm.As[lm.Generator](c.model)
		_, save := lm.As[lm.Saver](c.model)
		if step != c.step || generate != c.generate || save != c.save {
			t.Errorf("%q, want step %v, generate %v, save %v", c.model.Info().Abilities, c.step, c.generate, c.save)
		}
	}
}

// expiring is a context that ends after a number of calls of Err.
type expiring struct {
	context.Context
	asks int
}

func (c *expiring) Err() error {
	if c.asks--; c.asks < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

func TestLoadEndsWithItsContext(t *testing.T) {
	for _, asks := range []int{0, 1, 5} {
		_, err := New(toy{}).Load(&expiring{t.Context(), asks}, lm.LoadRequest{Variant: "tiny", Seed: 1})
		if lm.KindOf(err) != lm.Deadline {
			t.Errorf("a context that ends after %d rows: %v, want kind deadline", asks, err)
		}
	}
}

func TestErrorKinds(t *testing.T) {
	a, m := load(t, toy{}, 1)
	ctx := t.Context()
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	score := func(ctx context.Context, s lm.Sequence) error {
		_, err := m.Score(ctx, lm.ScoreRequest{Sequences: []lm.Sequence{s}})
		return err
	}
	loadErr := func(req lm.LoadRequest) error { _, err := a.Load(ctx, req); return err }
	for name, c := range map[string]struct {
		err  error
		kind lm.Kind
	}{
		"no source":         {loadErr(lm.LoadRequest{}), lm.Invalid},
		"two sources":       {loadErr(lm.LoadRequest{Variant: "tiny", Config: "{}"}), lm.Invalid},
		"unknown variant":   {loadErr(lm.LoadRequest{Variant: "huge"}), lm.NotFound},
		"config no JSON":    {loadErr(lm.LoadRequest{Config: "{"}), lm.Invalid},
		"option refused":    {loadErr(lm.LoadRequest{Variant: "tiny", Options: map[string]string{"fail": "1"}}), lm.Invalid},
		"unknown precision": {loadErr(lm.LoadRequest{Variant: "tiny", Precision: "int3"}), lm.Invalid},
		"unknown head":      {loadErr(lm.LoadRequest{Variant: "tiny", Head: "int3"}), lm.Invalid},
		"no folder":         {loadErr(lm.LoadRequest{Checkpoint: filepath.Join(empty, "x")}), lm.NotFound},
		"empty folder":      {loadErr(lm.LoadRequest{Checkpoint: empty}), lm.NotFound},
		"token too large":   {score(ctx, lm.Sequence{Tokens: []int32{1, toyVocab}, From: 1}), lm.Invalid},
		"token negative":    {score(ctx, lm.Sequence{Tokens: []int32{-1, 1}, From: 1}), lm.Invalid},
		"from 0":            {score(ctx, lm.Sequence{Tokens: []int32{1, 2}, From: 0}), lm.Invalid},
		"from beyond":       {score(ctx, lm.Sequence{Tokens: []int32{1, 2}, From: 3}), lm.Invalid},
		"too long":          {score(ctx, lm.Sequence{Tokens: text(4002, 1), From: 1}), lm.Invalid},
		"cancelled":         {score(canceled, lm.Sequence{Tokens: []int32{1, 2}, From: 1}), lm.Deadline},
	} {
		if c.err == nil || lm.KindOf(c.err) != c.kind {
			t.Errorf("%s: kind %v of %v, want %v", name, lm.KindOf(c.err), c.err, c.kind)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := score(ctx, lm.Sequence{Tokens: []int32{1, 2}, From: 1}); lm.KindOf(err) != lm.Invalid {
		t.Errorf("after close: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

// TestCloseBesideNewState closes a model during calls of NewState, each of which must succeed or fail with kind Invalid.
func TestCloseBesideNewState(t *testing.T) {
	_, m := load(t, toy{}, 1)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				if _, err := m.NewState(t.Context()); err != nil && lm.KindOf(err) != lm.Invalid {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	if _, err := m.NewState(t.Context()); lm.KindOf(err) != lm.Invalid || err == nil {
		t.Errorf("a state of a closed model: %v", err)
	}
}

func TestConcurrentCalls(t *testing.T) {
	a, m := load(t, toy{}, 1)
	other := loadFrom(t, a, 2)
	seq := []lm.Sequence{{Tokens: text(300, 1), From: 1}}
	want, err := m.Score(t.Context(), lm.ScoreRequest{Sequences: seq})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			x, y := m, other
			if i%2 == 1 {
				x, y = other, m
			}
			reply, err := x.Score(t.Context(), lm.ScoreRequest{Sequences: seq, Versus: y})
			if err != nil {
				t.Error(err)
			} else if x == m && !slices.Equal(reply.Scores[0].NLL, want.Scores[0].NLL) {
				t.Error("scores differ between calls")
			}
		})
	}
	wg.Wait()
}

func TestCountIsWhatRuns(t *testing.T) {
	_, m := load(t, toy{}, 1)
	for _, req := range []lm.CostRequest{
		{Phase: lm.Prefill, Batch: 3, Length: 17, Count: true},
		{Phase: lm.Scoring, Batch: 2, Length: 600, Count: true},
		{Phase: lm.Decode, Batch: 2, Length: 600, Count: true},
	} {
		reply, err := m.Cost(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		head := slices.IndexFunc(reply.Counted, func(c lm.CostItem) bool { return c.Component == "head" })
		if head < 0 || reply.Counted[head].FLOPs != reply.Analytic[0].FLOPs {
			t.Errorf("%s: counted %v, by formula %v", req.Phase, reply.Counted, reply.Analytic)
		}
	}
}

func TestMemoryAndSave(t *testing.T) {
	a, m := load(t, toy{}, 1)
	st, _ := m.NewState(t.Context())
	if _, err := m.Step(t.Context(), lm.StepRequest{Inputs: []lm.StepInput{{State: st, Tokens: text(100, 1)}}}); err != nil {
		t.Fatal(err)
	}
	mem, err := m.Memory(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	want := []lm.ByteClass{{Class: "embedding", Bytes: 4 * toyVocab * toyDim}, {Class: "state", Bytes: 4 * toyDim}}
	if diff := cmp.Diff(want, mem.Live); diff != "" {
		t.Error(diff)
	}
	if got := mem.Peak[0].Bytes; got < 4*100*toyDim {
		t.Errorf("peak of activations is %d bytes", got)
	}
	dir := filepath.Join(t.TempDir(), "saved")
	if err := m.Save(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	again, err := a.Load(t.Context(), lm.LoadRequest{Checkpoint: dir})
	if err != nil {
		t.Fatal(err)
	}
	req := lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: text(50, 1), From: 1}}}
	before, _ := m.Score(t.Context(), req)
	after, err := again.Score(t.Context(), req)
	if err != nil || !slices.Equal(before.Scores[0].NLL, after.Scores[0].NLL) {
		t.Errorf("saved and loaded model scores differently (%v)", err)
	}
}

// TestStepsAreTimed checks that every step after the first token has a time, within that of its chunk.
func TestStepsAreTimed(t *testing.T) {
	_, m := load(t, toy{}, 1)
	st, err := m.NewState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var counts []int
	req := lm.GenerateRequest{Inputs: []lm.StepInput{{State: st, Tokens: text(3, 1)}}, MaxNew: 9, Every: 4}
	err = m.Generate(t.Context(), req, func(c lm.GenerateChunk) bool {
		counts = append(counts, len(c.Steps))
		sum := time.Duration(0)
		for _, d := range c.Steps {
			sum += d
		}
		if sum > c.Compute {
			t.Errorf("steps of %v in a chunk of %v", c.Steps, c.Compute)
		}
		return true
	})
	if err != nil || !slices.Equal(counts, []int{3, 4, 1}) {
		t.Errorf("steps by chunk %v, %v", counts, err)
	}
}

func TestDecodingAllocatesNothing(t *testing.T) {
	_, m := load(t, toy{}, 1)
	allocs := func(n int) float64 {
		return sharedtest.AllocsPerRun(t, 5, func() {
			st := m.net.NewState()
			s := &session{model: m, state: st}
			_ = m.Generate(context.Background(), lm.GenerateRequest{Inputs: []lm.StepInput{{State: s, Tokens: text(3, 1)}}, MaxNew: n, Every: n},
				func(lm.GenerateChunk) bool { return true })
		})
	}
	if few, many := allocs(64), allocs(1024); many > few+8 { // the chunk's token slice doubles
		t.Errorf("64 tokens make %g allocations, 1024 make %g", few, many)
	}
}

func TestComputeTimeIsInside(t *testing.T) {
	_, m := load(t, toy{}, 1)
	st, _ := m.NewState(t.Context())
	start := time.Now()
	var inside time.Duration
	err := m.Generate(t.Context(), lm.GenerateRequest{Inputs: []lm.StepInput{{State: st, Tokens: text(64, 1)}}, MaxNew: 64, Every: 64},
		func(c lm.GenerateChunk) bool { inside += c.Prefill + c.Compute; return true })
	if outside := time.Since(start); err != nil || inside <= 0 || inside > outside {
		t.Errorf("plugin time %v, round trip %v, error %v", inside, outside, err)
	}
}

// TestDevices checks that models run on the cpu, without a limit of device memory.
func TestDevices(t *testing.T) {
	a := New(toy{})
	m, err := a.Load(t.Context(), lm.LoadRequest{Variant: "tiny", Device: "cpu"})
	if err != nil || m.Info().Device.Name != "cpu" {
		t.Fatalf("%v", err)
	}
	for _, req := range []lm.LoadRequest{{Variant: "tiny", Device: "cuda:0"}, {Variant: "tiny", DeviceMemory: 1 << 30}} {
		if _, err := a.Load(t.Context(), req); lm.KindOf(err) != lm.Unsupported || err == nil {
			t.Errorf("%+v: %v", req, err)
		}
	}
}
