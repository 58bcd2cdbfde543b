package result

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/table"
)

// speeds is a run that decodes at several depths, with the given typical times by model and depth and 1 % of noise.
func speeds(typical map[string]map[int]float64) *Index {
	rng := rand.New(rand.NewPCG(7, 9))
	run := &record.Run{ID: "r", Command: "archbench run speed"}
	for _, name := range slices.Sorted(maps.Keys(typical)) {
		run.Models = append(run.Models, record.Model{Name: name, Family: name, Causal: true, Parameters: 1, Precision: "f32"})
		for _, depth := range slices.Sorted(maps.Keys(typical[name])) {
			c := record.Cell{ID: fmt.Sprintf("%s at %d", name, depth), Suite: "speed", Probe: "decode", Model: name, Status: record.OK, Repeats: 10,
				Point: record.Point{{Name: "depth", Value: fmt.Sprint(depth)}, {Name: "batch", Value: "1"}}}
			for block := range 10 {
				v := typical[name][depth] * (1 + 0.01*rng.Float64())
				c.Samples = append(c.Samples, record.Sample{Metric: probe.DecodeSeconds, Value: v, Block: block, Host: time.Duration(64 * v * float64(time.Second))})
			}
			run.Cells = append(run.Cells, c)
		}
	}
	return New(run)
}

func verdicts(ix *Index) table.Table { return ix.Verdicts(ix.Questions()) }

func titles(questions []Question) (all []string) {
	for _, q := range questions {
		all = append(all, strings.TrimSuffix(q.At+": "+q.Leader(), ": "))
	}
	return all
}

// TestDecisive checks that a summary shows the longest point that most models share, and the longest of each further leader.
func TestDecisive(t *testing.T) {
	for name, tc := range map[string]struct {
		typical map[string]map[int]float64
		want    []string
	}{
		"one leader":  {map[string]map[int]float64{"a": {8: 1, 64: 1, 512: 1}, "b": {8: 2, 64: 2, 512: 2}}, []string{"depth 512: a"}},
		"two leaders": {map[string]map[int]float64{"a": {8: 1, 64: 2, 512: 2}, "b": {8: 2, 64: 3, 512: 1}}, []string{"depth 512: b", "depth 64: a"}},
		"one has fewer lengths": {map[string]map[int]float64{"a": {8: 1, 64: 1}, "b": {8: 2, 64: 2, 512: 2}, "c": {8: 3, 64: 3, 512: 1}},
			[]string{"depth 64: a", "depth 512: c"}},
		"nobody leads": {map[string]map[int]float64{"a": {8: 1, 64: 1}, "b": {8: 1, 64: 1}}, []string{"depth 64"}},
		"alone":        {map[string]map[int]float64{"a": {8: 1, 64: 1}}, nil},
	} {
		if diff := cmp.Diff(tc.want, titles(Decisive(speeds(tc.typical).Questions()))); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// TestStandingsAgree draws runs of three models and checks how they stand against the verdict and against each other.
func TestStandingsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typical := map[string]map[int]float64{}
		for _, name := range []string{"a", "b", "c"} {
			typical[name] = map[int]float64{8: rapid.SampledFrom([]float64{1, 1.001, 1.3, 2}).Draw(t, name)}
		}
		ix := speeds(typical)
		q := ix.Questions()[0]
		states := map[string]State{}
		for _, f := range ix.Families {
			s := q.Standing(f)
			states[f.Name] = s.State
			if s.Value.Number == nil || s.Lead == "" || len(s.Cells) != 2 {
				t.Fatalf("%s: %+v", f.Name, s)
			}
			if (s.State == Won) != (f.Name == q.Leader()) || (s.State == Won) != strings.Contains(s.Lead, " ahead of ") || (s.State == Lost) != strings.Contains(s.Lead, " behind ") {
				t.Fatalf("%s is %s: %q; leader %q", f.Name, s.State, s.Lead, q.Leader())
			}
		}
		together, _ := q.Together()
		for name, state := range states {
			if (state == Tied) != (q.Leader() == "" && slices.Contains(together, name)) {
				t.Fatalf("%s is %s, together %v", name, state, together)
			}
		}
		if q.Undecided() == (q.Leader() != "") {
			t.Fatal("a leader of an open question")
		}
	})
}

// TestAbsentHaveReasons checks what the standing of a model without a value says.
func TestAbsentHaveReasons(t *testing.T) {
	ix := speeds(map[string]map[int]float64{"a": {8: 1}, "b": {8: 2}, "c": {8: 1.5}, "d": {64: 1}, "e": {8: 1}})
	for i := range ix.Run.Cells {
		if c := &ix.Run.Cells[i]; c.Model == "c" {
			c.Status, c.Reason, c.Samples = record.Unavailable, "context limit 4", nil
		}
	}
	ix.ByName["e"].LeaksFuture = true
	q := ix.Questions()[0]
	for i, want := range map[int]string{2: "n/a (context limit 4)", 3: "n/a (not planned)", 4: "n/a (sees the future)"} {
		if s := q.Standing(ix.Families[i]); s.State != NotCompared || s.Value.Text != want {
			t.Errorf("%s: %+v, want %s", ix.Families[i].Name, s, want)
		}
	}
}

// TestAgainst checks that the factors of a time say how many times as good a model is, whichever model is the base.
func TestAgainst(t *testing.T) {
	ix := speeds(map[string]map[int]float64{"a": {8: 1}, "b": {8: 2}, "c": {8: 4}})
	for base, want := range map[string]map[string]float64{"a": {"b": 0.5, "c": 0.25}, "b": {"a": 2, "c": 0.5}, "c": {"a": 4, "b": 2}} {
		got := ix.Questions()[0].Against(ix.Families[ix.Style[base]])
		if len(got) != 2 {
			t.Fatalf("%s: %+v", base, got)
		}
		for _, f := range got {
			if math.Abs(f.Value/want[f.Model]-1) > 0.01 || !(f.Lo < f.Value && f.Value < f.Hi) {
				t.Errorf("%s is %+v times as good as %s, want %g", f.Model, f.Estimate, base, want[f.Model])
			}
		}
	}
	if got := ix.Questions()[0].Against(Family{Models: []*record.Model{{Name: "x"}}}); got != nil {
		t.Errorf("against a model without a value: %+v", got)
	}
}

// TestSettling checks that open questions say what would settle them: the command, and its time in words.
func TestSettling(t *testing.T) {
	noisy := map[string][]float64{"a": {1, 3, 1, 3, 1, 3, 1}, "b": {2, 1, 2, 1, 2, 1, 3}}
	ix := timed(noisy)
	ix.Run.Command = "archbench run speed"
	for i := range ix.Run.Cells {
		for j := range ix.Run.Cells[i].Samples {
			ix.Run.Cells[i].Samples[j].Host = time.Second
		}
	}
	if s := ix.Settling(ix.Questions()); s.Comparisons != 1 || s.Took != "14 minutes" || s.Width == "±2.0 %" || !strings.HasPrefix(s.Width, "±") {
		t.Errorf("%+v", s)
	}
	notes := strings.Join(verdicts(ix).Notes, " ")
	if want := ": archbench run speed --probe decode --set decode.depth=8 --set decode.batch=1 --set repeats=200  # about 14 minutes"; !strings.Contains(notes, want) {
		t.Errorf("notes %q, want %q in them", notes, want)
	}
	decided := speeds(map[string]map[int]float64{"a": {8: 1}, "b": {8: 2}})
	if s := decided.Settling(decided.Questions()); s != (Settling{}) {
		t.Errorf("decided, and yet %+v", s)
	}
}

// TestRoundingIsAQuestion gives two models precisions that cost them differently: the one that loses less is ahead, by the
// difference of the losses, and without a ratio.
func TestRoundingIsAQuestion(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	run := &record.Run{ID: "r"}
	for i, name := range []string{"a", "b"} {
		for _, precision := range []string{"f32", "int8", "int4"} {
			cost := map[string]float64{"f32": 0, "int8": 0.001, "int4": 0.02 * float64(i+1)}[precision]
			m := record.Model{Name: name + "@" + precision, Family: name, Architecture: name, Causal: true, Parameters: 1, Precision: precision, WeightsSHA: name, WeightBytes: int64(len(precision))}
			if precision == "f32" {
				m.Name, m.WeightBytes = name, 9
			}
			run.Models = append(run.Models, m)
			c := record.Cell{ID: m.Name, Suite: "q", Probe: "quality", Model: m.Name, Status: record.OK, Repeats: 1,
				Point: record.Point{{Name: "context", Value: "256"}, {Name: "stride", Value: "256"}}}
			for d := range 20 {
				label := fmt.Sprint(d)
				bits := 1 + 0.05*float64(d%5) + cost*(0.8+0.4*rng.Float64())
				c.Samples = append(c.Samples, record.Sample{Metric: probe.DocumentNats, Label: label, Value: bits * 1000 * math.Ln2},
					record.Sample{Metric: probe.DocumentBytes, Label: label, Value: 1000})
			}
			run.Cells = append(run.Cells, c)
		}
	}
	ix := New(run)
	var asked []Question
	for _, q := range ix.Questions() {
		if q.Quantity.Name == "bits-per-byte-to-f32" {
			asked = append(asked, q)
		}
	}
	if len(asked) != 2 || asked[0].Quantity.Title != "Loss from int8" || asked[1].Quantity.Title != "Loss from int4" {
		t.Fatalf("%q", titles(asked))
	}
	if !asked[0].Undecided() || asked[1].Leader() != "a@int4" {
		t.Errorf("int8: undecided %v; int4: leader %q", asked[0].Undecided(), asked[1].Leader())
	}
	if got := titles(Decisive(asked)); !slices.Equal(got, []string{"context 256: a@int4"}) {
		t.Errorf("decisive %q", got)
	}
	if _, lead, rival := asked[1].Lead(); lead == nil || lead.Lo < 0.01 || rival != "b@int4" {
		t.Errorf("%v ahead of %q", lead, rival)
	}
	if s := asked[1].Standing(ix.Families[1]); s.State != Lost || !strings.Contains(s.Lead, "behind a@int4") {
		t.Errorf("b stands %+v", s)
	}
	v := verdicts(ix)
	row := v.Frame.Rows[slices.IndexFunc(v.Frame.Rows, func(row []any) bool { return slices.Contains(row, any("a@int4")) })]
	get := func(key string) any { return row[slices.Index(v.Frame.Keys, key)] }
	if d, ok := get("difference").(float64); get("ratio") != nil || !ok || math.Abs(d-0.02) > 0.004 {
		t.Errorf("ratio %v, difference %v", get("ratio"), get("difference"))
	}
	if got := asked[1].Against(ix.Families[0]); got != nil {
		t.Errorf("losses have no ratio, and yet %+v", got)
	}
}

// TestEqualSizesShareARow checks that exact answers that repeat over lengths are one row for people and several for programs.
func TestEqualSizesShareARow(t *testing.T) {
	run := &record.Run{ID: "r"}
	for i, name := range []string{"a", "b"} {
		run.Models = append(run.Models, record.Model{Name: name, Family: name, Causal: true, Parameters: 1, Precision: "f32"})
		for _, n := range []int{128, 512, 8192} {
			run.Cells = append(run.Cells, record.Cell{ID: fmt.Sprint(name, n), Probe: "memory", Model: name, Status: record.OK, Point: record.Point{{Name: "len", Value: fmt.Sprint(n)}},
				Samples: []record.Sample{{Metric: probe.StateBytes, Value: float64(1000 * (i + 1) * n)}}})
		}
	}
	v := verdicts(New(run))
	if len(v.Rows) != 1 || v.Rows[0][1].Text != "len 128 to 8K" || v.Rows[0][3].Text != "7.812 MiB" || len(v.Frame.Rows) != 3 {
		t.Errorf("%d rows for programs, %v", len(v.Frame.Rows), v.Rows)
	}
}
