package modeltest

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/internal/safetensors"
	"github.com/archbench/archbench/lm"
)

// Reference is what a fixture folder's reference.safetensors holds.
type Reference struct {
	Inputs   [][]int32 // documents, also the labels
	Vocab    int
	Logits   []float32 // [documents, tokens, vocab]
	Logits64 []float32 // the same in float64 arithmetic; nil if there are none
	Loss     float64
	Prompt   []int32
	Greedy   []int32 // continuation of Prompt

	file *safetensors.File
}

// promptTokens is the number of tokens of a fixture's greedy row that were given.
const promptTokens = 8

// ReadReference reads dir/reference.safetensors.
func ReadReference(t testing.TB, dir string) *Reference {
	t.Helper()
	f, err := safetensors.Open(filepath.Join(dir, "reference.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &Reference{file: f}
	logits, ok := f.Info("logits")
	if !ok || len(logits.Shape) != 3 {
		t.Fatalf("%s: reference.safetensors has no logits [documents, tokens, vocab]", dir)
	}
	docs, seq := logits.Shape[0], logits.Shape[1]
	r.Vocab = logits.Shape[2]
	ids := int32s(t, f, "input_ids")
	for d := range docs {
		r.Inputs = append(r.Inputs, ids[d*seq:(d+1)*seq])
	}
	r.Logits, r.Loss = widen(t, f, "logits"), float64(widen(t, f, "loss")[0])
	if _, ok := f.Info("logits64"); ok {
		r.Logits64 = widen(t, f, "logits64")
	}
	if _, ok := f.Info("greedy"); ok {
		greedy := int32s(t, f, "greedy")
		r.Prompt, r.Greedy = greedy[:promptTokens], greedy[promptTokens:]
	}
	return r
}

// Grad returns the gradient of the loss with respect to a parameter, nil if the fixture has none.
func (r *Reference) Grad(t testing.TB, parameter string) []float32 {
	t.Helper()
	name := "grad." + parameter
	if _, ok := r.file.Info(name); !ok {
		return nil
	}
	return widen(t, r.file, name)
}

// Fixture checks logits, loss and greedy text of a fixture folder: logits no further from the float64 ones than four
// times the reference's own float32, or 2e-5; loss within 1e-5; greedy tokens identical.
func Fixture(t *testing.T, arch lm.Architecture, dir string, options map[string]string) {
	r := ReadReference(t, dir)
	m := Load(t, arch, lm.LoadRequest{Checkpoint: dir, Options: options})
	var logits []float32
	var nll []float64
	for _, doc := range r.Inputs {
		s := Scores(t, m, doc)
		logits, nll = append(logits, s.Logits...), append(nll, s.NLL...)
	}
	want, tolerance := r.Logits, 2e-5
	if r.Logits64 != nil {
		want = r.Logits64
		tolerance = max(tolerance, 4*largestDifference(r.Logits, r.Logits64))
	}
	Near(t, "logits", logits, want, tolerance)
	Near(t, "loss", []float64{Mean(nll)}, []float64{r.Loss}, 1e-5)
	if r.Greedy != nil {
		if diff := cmp.Diff(r.Greedy, Greedy(t, m, r.Prompt, len(r.Greedy))); diff != "" {
			t.Errorf("greedy tokens differ (-reference +ours):\n%s", diff)
		}
	}
}

func largestDifference(a, b []float32) (worst float64) {
	for i := range a {
		worst = max(worst, math.Abs(float64(a[i])-float64(b[i])))
	}
	return worst
}

func widen(t testing.TB, f *safetensors.File, name string) []float32 {
	t.Helper()
	x, err := f.Widen(name)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func int32s(t testing.TB, f *safetensors.File, name string) []int32 {
	t.Helper()
	wide, err := f.Int64s(name)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]int32, len(wide))
	for i, v := range wide {
		ids[i] = int32(v)
	}
	return ids
}
