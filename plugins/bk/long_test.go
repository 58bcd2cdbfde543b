package main

import (
	"math"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/lm"
)

func TestQuantisedCheckpoints(t *testing.T) {
	for _, name := range trained {
		t.Run(name, func(t *testing.T) {
			dir := sharedtest.Dir(t, "checkpoints/"+name)
			modeltest.QuantisedExcerpt(t, engine.New(Family{}), modeltest.ReadEvaluation(t, dir), dir, map[string]float64{
				"bf16": .02, "int8": .01, "int8a8": .03, "int4-g32": .15,
			})
		})
	}
}

func TestPrecisionStreaming(t *testing.T) {
	dir := sharedtest.Dir(t, "checkpoints/bk-row-3m")
	tokens := modeltest.ReadEvaluation(t, dir).Excerpts["code"].IDs[:150]
	modeltest.PrecisionStreaming(t, engine.New(Family{}), dir, tokens)
}

func TestWholeTexts(t *testing.T) {
	sharedtest.Long(t)
	for _, name := range trained {
		t.Run(name, func(t *testing.T) {
			dir, corpora := sharedtest.Dir(t, "checkpoints/"+name), sharedtest.Dir(t, "corpora")
			e := modeltest.ReadEvaluation(t, dir)
			m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: dir})
			modeltest.Texts(t, m, e, dir, corpora)
			modeltest.QuantisedTexts(t, engine.New(Family{}), e, dir, corpora)
		})
	}
}

// TestStream feeds 64K tokens to a small model: memory must stay where it was after 8K.
func TestStream(t *testing.T) {
	for _, name := range []string{"row", "diag"} {
		t.Run(name, func(t *testing.T) {
			stream(t, modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Config: configs[name], Seed: 1}), 8<<10, 64<<10)
		})
	}
}

// TestMillionTokens does the same over a million tokens with a trained model.
func TestMillionTokens(t *testing.T) {
	sharedtest.Long(t)
	dir := sharedtest.Dir(t, "checkpoints/bk-row-3m")
	stream(t, modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: dir}), 64<<10, 1<<20)
}

// stream feeds tokens in pieces of 4096, checks that every loss is finite, and compares the memory after early of them
// with that after all.
func stream(t *testing.T, m lm.Model, early, tokens int) {
	t.Helper()
	st, err := m.(lm.Stepper).NewState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var before footprint
	for st.Len() < tokens {
		reply, err := m.(lm.Stepper).Step(t.Context(), lm.StepRequest{
			Inputs: []lm.StepInput{{State: st, Tokens: someTokens(4096)}}, Want: lm.WantNLL,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range reply.Outputs[0].NLL {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("a loss before token %d is %v", st.Len(), v)
			}
		}
		if st.Len() == early {
			before = measure(t, m, st)
		}
	}
	after := measure(t, m, st)
	t.Logf("after %d tokens %+v, after %d %+v", early, before, tokens, after)
	if after.state != before.state || after.activations != before.activations {
		t.Error("the state or the activations grew")
	}
	const scratch = 4 << 20 // what each thread keeps for its products, which it may need for the first time at any time
	if after.heap > 1.05*before.heap+scratch || after.peak > 1.05*before.peak+scratch {
		t.Error("the memory of the process grew by more than 5 %")
	}
}

// footprint is the memory of a model and of its process in bytes.
type footprint struct {
	state, activations int64
	heap, peak         float64 // peak is 0 where the system does not tell
}

func measure(t *testing.T, m lm.Model, st lm.State) (f footprint) {
	t.Helper()
	memory, err := m.(lm.MemoryReporter).Memory(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range memory.Peak {
		f.activations += c.Bytes
	}
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	f.state, f.heap = st.Bytes(), float64(stats.HeapAlloc)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return f
	}
	if line := regexp.MustCompile(`VmHWM:\s*(\d+)`).FindSubmatch(status); line != nil {
		kilobytes, err := strconv.ParseFloat(string(line[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		f.peak = 1024 * kilobytes
	}
	return f
}
