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

	"github.com/archbench/archbench/internal/tokenizer"
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

// Excerpt holds the loss of each token: NLL in two windows of 256, OneWindow in a single window.
type Excerpt struct {
	IDs       []int32   `json:"ids"`
	NLL       []float64 `json:"nll"`
	OneWindow []float64 `json:"nll_one_window"`
}

// Continuation is a greedy continuation. Gap is the difference of the two largest logits at each step.
type Continuation struct {
	Input  []int32   `json:"input_ids"`
	Output []int32   `json:"output_ids"`
	Gap    []float64 `json:"top2_gap"`
}

// Quantised holds evaluations of the first 64 KB of each text, by scheme and text.
type Quantised struct {
	Text    map[string]Set                        `json:"text"`
	Schemes map[string]map[string]json.RawMessage `json:"schemes"`
}

// window is the number of tokens per window of the evaluations, after a start token.
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

// Trained checks a trained model: its number of parameters, the loss of each token, greedy continuations, and that it loads
// without warnings.
func Trained(t *testing.T, m lm.Model, e *Evaluation) {
	t.Helper()
	if got := m.Info().Parameters; got != e.Parameters {
		t.Errorf("%d parameters, want %d", got, e.Parameters)
	}
	if w := m.Info().Warnings; len(w) > 0 {
		t.Errorf("warnings: %q", w)
	}
	excerpts(t, m, e)
	continuations(t, m, e)
}

// WholeTexts repeats a checkpoint's whole reference evaluation: on the texts of dir in float32, and on their beginnings in
// every quantised precision.
func WholeTexts(t *testing.T, arch lm.Architecture, checkpoint, dir string) {
	e := ReadEvaluation(t, checkpoint)
	t.Run("f32", func(t *testing.T) {
		texts(t, Load(t, arch, lm.LoadRequest{Checkpoint: checkpoint}), e, checkpoint, dir)
	})
	quantisedTexts(t, arch, e, checkpoint, dir)
}

// excerpts checks the loss of each token within 1e-4.
func excerpts(t *testing.T, m lm.Model, e *Evaluation) {
	for _, name := range slices.Sorted(maps.Keys(e.Excerpts)) {
		x := e.Excerpts[name]
		Near(t, name+" in windows", windows(t, m, x.IDs), x.NLL, 1e-4)
		if x.OneWindow != nil && (m.Info().ContextLimit == 0 || len(x.IDs) <= m.Info().ContextLimit) {
			Near(t, name+" in one window", losses(t, m, [][]int32{x.IDs}), x.OneWindow, 1e-4)
		}
	}
}

// continuations checks greedy tokens up to the first step where the reference's gap is at most 1e-3.
func continuations(t *testing.T, m lm.Model, e *Evaluation) {
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

// windows scores tokens in consecutive windows, each after the start token.
func windows(t testing.TB, m lm.Model, ids []int32) []float64 {
	t.Helper()
	return losses(t, m, slices.Collect(slices.Chunk(ids, window)))
}

// losses scores documents, each after the start token, and returns their concatenated losses.
func losses(t testing.TB, m lm.Model, docs [][]int32) (list []float64) {
	t.Helper()
	var req lm.ScoreRequest
	for _, ids := range docs {
		req.Sequences = append(req.Sequences, lm.Sequence{Tokens: append([]int32{m.Info().BOS}, ids...), From: 1})
	}
	reply, err := m.Score(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range reply.Scores {
		list = append(list, s.NLL...)
	}
	return list
}

// bitsPerByte evaluates a text like the references.
func bitsPerByte(t testing.TB, m lm.Model, tok tokenizer.Tokenizer, text string) float64 {
	t.Helper()
	var nats float64
	ids, err := tok.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range windows(t, m, ids) {
		nats += v
	}
	return nats / (math.Ln2 * float64(len(text)))
}

// texts checks the bits per byte of the whole texts <dir>/<name>.txt within 1e-5.
func texts(t *testing.T, m lm.Model, e *Evaluation, checkpoint, dir string) {
	tok := openTokenizer(t, checkpoint)
	for _, name := range slices.Sorted(maps.Keys(e.Sets)) {
		got := bitsPerByte(t, m, tok, readText(t, dir, name))
		Near(t, name, []float64{got}, []float64{e.Sets[name].BitsPerByte}, 1e-5)
	}
}

// precisions maps the reference's quantisation schemes to our precisions.
var precisions = map[string]string{
	"int8-row": "int8", "int8-g64": "int8-g64", "int8-g32": "int8-g32", "int4-g32": "int4-g32", "int4-g64": "int4",
	"int4-row": "int4-row",
}

// quantisedTexts checks the bits per byte of the beginnings of the texts in every quantised precision within 2e-3.
func quantisedTexts(t *testing.T, arch lm.Architecture, e *Evaluation, checkpoint, dir string) {
	tok := openTokenizer(t, checkpoint)
	for _, scheme := range slices.Sorted(maps.Keys(precisions)) {
		t.Run(scheme, func(t *testing.T) {
			m := Load(t, arch, lm.LoadRequest{Checkpoint: checkpoint, Precision: precisions[scheme]})
			for _, name := range slices.Sorted(maps.Keys(e.Quantised.Text)) {
				var want Set
				if err := json.Unmarshal(e.Quantised.Schemes[scheme][name], &want); err != nil {
					t.Fatal(err)
				}
				text := readText(t, dir, name)[:e.Quantised.Text[name].Bytes]
				Near(t, name, []float64{bitsPerByte(t, m, tok, text)}, []float64{want.BitsPerByte}, 2e-3)
			}
		})
	}
}

// QuantisedExcerpt checks, by precision, that the mean loss of one excerpt is within tolerance nats of that in float32 but
// not equal to it.
func QuantisedExcerpt(t *testing.T, arch lm.Architecture, e *Evaluation, checkpoint string, tolerance map[string]float64) {
	ids := e.Excerpts["en"].IDs
	want := Mean(e.Excerpts["en"].NLL)
	for precision, limit := range tolerance {
		t.Run(precision, func(t *testing.T) {
			m := Load(t, arch, lm.LoadRequest{Checkpoint: checkpoint, Precision: precision})
			got := Mean(windows(t, m, ids))
			Near(t, "mean loss", []float64{got}, []float64{want}, limit)
			if got == want {
				t.Error("the loss is exactly that of float32: nothing was quantised")
			}
		})
	}
}

func openTokenizer(t testing.TB, checkpoint string) tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.Open(filepath.Join(checkpoint, "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func readText(t testing.TB, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
