package claim

import (
	"slices"
	"strings"
	"testing"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
)

func TestBuiltin(t *testing.T) {
	if n := len(Builtin()); n < 15 {
		t.Errorf("%d claims", n)
	}
}

const entry = "claims:\n  - {id: a, text: a is fast, source: paper, evidence: none, about: [a], %s}\n"

// TestMistakes checks that a mistake in a ledger is refused by line or claim, in words that say what to do.
func TestMistakes(t *testing.T) {
	for body, want := range map[string]string{
		"":                                    "a ledger has 1 to 1000 claims",
		"claims: [":                           "ledger.yaml: ",
		"claims:\n  - {id: a, colour: red}\n": `unknown field "colour"`,
		"claims:\n  - {id: a, text: b}\n":     "claim 1 (a): it needs an id, a text and a source",
		"claims:\n  - {id: a, text: b, source: c, evidence: hope}\n":                                         "one of measured, arithmetic, simulated, target, none",
		strings.Replace(entry, "%s", "quantity: speed", 1):                                                   `unknown quantity "speed"; there are`,
		strings.Replace(entry, "%s", "quantity: decode", 1):                                                  "it needs the factors of a model",
		strings.Replace(entry, "%s", "quantity: decode, model: {architecture: a}", 1):                        "between has a lower and an upper bound",
		strings.Replace(entry, "%s", "quantity: decode, model: {architecture: a}, between: [2, 1]", 1):       "between has a lower and an upper bound",
		strings.Replace(entry, "%s", "quantity: decode, model: {architecture: a}, between: [.nan, 1]", 1):    "between has a lower and an upper bound",
		strings.Replace(entry, "%s", "quantity: decode, model: {colour: a}, between: [0, 1]", 1):             `unknown factor "colour"`,
		strings.Replace(entry, "%s", "quantity: decode, not_comparable: it is not", 1):                       "both a quantity and a reason",
		strings.Replace(entry+strings.TrimPrefix(entry, "claims:\n"), "%s", "not_comparable: it is not", -1): "its id is used twice",
	} {
		if _, err := Parse("ledger.yaml", []byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", body, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(strings.Replace(entry, "%s", "quantity: decode, model: {architecture: a}, between: [-.inf, 1]", 1)))
	f.Add([]byte("claims: [{}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := Parse("ledger.yaml", data)
		if err == nil {
			Table(timed(map[string]float64{"a": 1}), all)
		}
	})
}

// timed is a run of architectures with the given decode times at two depths, ten blocks each.
func timed(seconds map[string]float64) *record.Run {
	run := &record.Run{ID: "r"}
	for name, time := range seconds {
		run.Models = append(run.Models, record.Model{Name: name, Family: name, Architecture: name, Causal: true, Parameters: 1, Precision: "f32"})
		for _, depth := range []string{"8", "16"} {
			c := record.Cell{ID: name + depth, Suite: "speed", Probe: "decode", Model: name, Status: record.OK, Point: record.Point{{Name: "depth", Value: depth}, {Name: "batch", Value: "1"}}}
			for block := range 10 {
				c.Samples = append(c.Samples, record.Sample{Metric: probe.DecodeSeconds, Value: time * (1 + 0.001*float64(block)), Block: block})
			}
			run.Cells = append(run.Cells, c)
		}
	}
	return run
}

// TestVerdicts checks each verdict, for claims about one model and about two.
func TestVerdicts(t *testing.T) {
	run := timed(map[string]float64{"a": 0.001, "b": 0.004})
	c := func(quantity string, model, against string, lo, hi float64) Claim {
		claim := Claim{ID: "x", Text: "x", Source: "x", Evidence: "none", About: []string{"a"}, Quantity: quantity,
			Model: map[string]string{"architecture": model}, Between: []Bound{lo, hi}}
		if against != "" {
			claim.Against = map[string]string{"architecture": against}
		}
		return claim
	}
	for want, claims := range map[string][]Claim{
		Supported: {c("decode-speed", "a", "b", 3, 5), c("decode", "a", "b", 0, 0.3), c("decode", "b", "", 0.0039, 0.0041),
			func() Claim { c := c("decode-speed", "a", "b", 3, 5); c.Model["depth"] = "8"; return c }()},
		Contradicted:  {c("decode-speed", "a", "b", 5, 6), c("decode", "a", "", 1, 2)},
		Undecided:     {c("decode", "b", "", 0.0040, 0.004005)},
		NotMeasured:   {c("decode", "mamba", "", 0, 1), c("prefill", "a", "b", 0, 1), c("decode", "a", "c", 0, 1)},
		NotComparable: {{ID: "x", About: []string{"b"}, Incomparable: "it is not"}},
	} {
		for _, claim := range claims {
			tab := Table(run, []Claim{claim})
			row := tab.Frame.Rows[0]
			if got := row[slices.Index(tab.Frame.Keys, "verdict")]; got != want || tab.Rows[0][5].Text != want {
				t.Errorf("%+v is %v, %q, want %s", claim, got, tab.Rows[0][5].Text, want)
			}
		}
	}
	if tab := Table(run, []Claim{{ID: "x", About: []string{"mamba"}, Incomparable: "it is not"}}); len(tab.Rows) > 0 {
		t.Error("a claim about other architectures is shown")
	}
	if points := result.New(run).Measured(result.Named("decode"), map[string]string{"architecture": "a"}, map[string]string{"architecture": "b"}); len(points) != 2 {
		t.Errorf("%d points are compared, want 2: those at equal depths", len(points))
	}
}
