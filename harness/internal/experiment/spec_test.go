package experiment

import (
	"slices"
	"strings"
	"testing"
)

const controlled = `
name: controlled
models:
  - name: gpt2
    plugin: gpt2
    width: {option: n_embd, step: 8}
  - name: mistral
    plugin: mistral
    options: {sliding_window: "128"}
    width: {option: hidden_size, step: 8, follow: {intermediate_size: 2.67}}
match: {quantity: parameters, value: 2.6e6}
data: {corpus: [train], tokenizer: tok, length: 256}
train: {budget: 1000updates, batch: 64, warmup: 100, floor: 0.04}
tuning: {rates: [1e-3, 2e-3, 4e-3], seeds: [0], widenings: 3}
seeds: [1, 2, 3]
`

func TestParse(t *testing.T) {
	s, err := Parse("controlled.yaml", []byte(controlled))
	if err != nil {
		t.Fatal(err)
	}
	g := s.Grid()
	if !slices.Equal(g.Models, []string{"gpt2", "mistral"}) || g.Most() != 2*6*1+2*3 || s.Match.Tolerance != DefaultTolerance ||
		s.Train.Clip != 1 || s.Models[1].Width.Follow["intermediate_size"] != 2.67 {
		t.Errorf("%+v, %+v", s, g)
	}
}

// TestParseErrors changes one thing of a valid experiment each.
func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"name: controlled", "nam: controlled", "nam"},
		{"name: controlled", "", "name is missing"},
		{"  - name: mistral\n", "  - name: gpt2\n", "gpt2 is there twice"},
		{"quantity: parameters", "quantity: parameter", "did you mean parameters?"},
		{"value: 2.6e6", "value: -1", "value is -1"},
		{"    width: {option: n_embd, step: 8}\n", "", "gpt2 has no width"},
		{"step: 8}", "step: 0}", "step is 0"},
		{"2.67", ".nan", "ratio of intermediate_size"},
		{"corpus: [train]", "task: mqar", "a task has no tokenizer"},
		{"corpus: [train], ", "", "either corpus or task"},
		{"length: 256", "length: 1", "length is 1"},
		{"budget: 1000updates, ", "", "budget is missing"},
		{"floor: 0.04", "floor: -3", "floor is -3"},
		{"floor: 0.04", "floor: .nan", "floor is NaN"},
		{"[1e-3, 2e-3, 4e-3]", "[1e-3, 1e-3]", "rates must rise"},
		{"[1e-3, 2e-3, 4e-3]", "[0, 1e-3]", "above 0"},
		{"[1e-3, 2e-3, 4e-3]", "[1e-3]", "two or more rates"},
		{"seeds: [1, 2, 3]", "seeds: [1, 1]", "seed is there twice"},
		{"seeds: [0]", "seeds: []", "tuning: seeds: 0 of them"},
	} {
		text := strings.Replace(controlled, c.old, c.new, 1)
		if text == controlled {
			t.Fatalf("%q is not in the experiment", c.old)
		}
		if _, err := Parse("x.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "x.yaml: ") {
			t.Errorf("%q: error %v, want %q", c.new, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(controlled))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := Parse("x", data); err == nil && s.Grid().Most() < len(s.Models)*len(s.Seeds) {
			t.Errorf("at most %d jobs", s.Grid().Most())
		}
	})
}
