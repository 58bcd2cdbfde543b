package modeltest

import (
	"context"
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/archbench/archbench/lm"
)

// Evaluation is the reference.json of a trained checkpoint.
type Evaluation struct {
	Sets       map[string]Set     `json:"sets"`
	Excerpts   map[string]Excerpt `json:"excerpts"`
	Greedy     []Continuation     `json:"greedy"`
	Quantised  Quantised          `json:"quantised"`
	Parameters int64              `json:"parameters"`
}

// Set is the evaluation of a whole text.
type Set struct {
	Bytes       int     `json:"bytes"`
	Tokens      int     `json:"tokens"`
	BitsPerByte float64 `json:"bits_per_byte"`
}

// Excerpt holds the losses of single tokens: NLL in two windows of 256, OneWindow in a single one.
type Excerpt struct {
	IDs       []int32   `json:"ids"`
	NLL       []float64 `json:"nll"`
	OneWindow []float64 `json:"nll_one_window"`
}

// Continuation is a greedy one; Gap is the distance of the two largest logits at each step.
type Continuation struct {
	Input  []int32   `json:"input_ids"`
	Output []int32   `json:"output_ids"`
	Gap    []float64 `json:"top2_gap"`
}

// Quantised are evaluations of the first 64 KB of each text, by scheme and text.
type Quantised struct {
	Text    map[string]Set                        `json:"text"`
	Schemes map[string]map[string]json.RawMessage `json:"schemes"`
}

// window is the number of tokens that the evaluations score at a time, after a start token.
const window = 256

// ReadEvaluation reads dir/reference.json.
func ReadEvaluation(t testing.TB, dir string) *Evaluation {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	e := &Evaluation{}
	if err := json.Unmarshal(data, e); err != nil {
		t.Fatal(err)
	}
	return e
}

// Excerpts checks the losses of single tokens within 1e-4.
func Excerpts(t *testing.T, m lm.Model, e *Evaluation) {
	for _, name := range slices.Sorted(maps.Keys(e.Excerpts)) {
		x := e.Excerpts[name]
		Near(t, name+" in windows", Windows(t, m, x.IDs), x.NLL, 1e-4)
		if x.OneWindow != nil && (m.Info().ContextLimit == 0 || len(x.IDs) <= m.Info().ContextLimit) {
			Near(t, name+" in one window", nll(t, m, x.IDs), x.OneWindow, 1e-4)
		}
	}
}

// Continuations checks greedy tokens up to the first step where the reference's choice is closer than 1e-3.
func Continuations(t *testing.T, m lm.Model, e *Evaluation) {
	for i, c := range e.Greedy {
		n := slices.IndexFunc(c.Gap, func(gap float64) bool { return gap <= 1e-3 })
		if n < 0 {
			n = len(c.Output)
		}
		if got := Greedy(t, m, c.Input, n); !slices.Equal(got, c.Output[:n]) {
			t.Errorf("continuation %d is %v, want %v", i, got, c.Output[:n])
		}
	}
}

// Windows scores tokens in consecutive windows, each alone after the start token.
func Windows(t testing.TB, m lm.Model, ids []int32) (list []float64) {
	t.Helper()
	for lo := 0; lo < len(ids); lo += window {
		list = append(list, nll(t, m, ids[lo:min(len(ids), lo+window)])...)
	}
	return list
}

// nll scores tokens after the start token.
func nll(t testing.TB, m lm.Model, ids []int32) []float64 {
	t.Helper()
	tokens := append([]int32{m.Info().BOS}, ids...)
	reply, err := m.Score(context.Background(), lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: tokens, From: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	return reply.Scores[0].NLL
}

// BitsPerByte evaluates a text as the references do.
func BitsPerByte(t testing.TB, m lm.Model, ids []int32, bytes int) float64 {
	t.Helper()
	losses := Windows(t, m, ids)
	return Mean(losses) * float64(len(losses)) / (math.Ln2 * float64(bytes))
}
