package result

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/table"
)

func TestDerivedNumbers(t *testing.T) {
	c := &record.Cell{Status: record.OK, Point: record.Point{{Name: "len", Value: "512"}, {Name: "batch", Value: "4"}}}
	for block := range 6 {
		c.Samples = append(c.Samples,
			record.Sample{Metric: probe.PrefillSeconds, Value: 0.5, Block: block},
			record.Sample{Metric: probe.DecodeSeconds, Value: 0.01, Block: block},
			record.Sample{Metric: probe.AnalyticFLOPs, Label: "mlp", Value: 30, Block: block},
			record.Sample{Metric: probe.AnalyticFLOPs, Label: "head", Value: 12, Block: block})
	}
	for q, want := range map[*Quantity]float64{PrefillSpeed: 4 * 512 / 0.5, DecodeSpeed: 4 / 0.01, DecodeLatency: 0.01, AnalyticFLOPs: 42} {
		if e := q.Estimate(c); e.Value != want || e.N != 6 {
			t.Errorf("%s = %+v, want %v from 6 blocks", q.Name, e, want)
		}
	}
	repeats := &record.Cell{Status: record.OK, Samples: []record.Sample{
		{Metric: probe.TTFTSeconds, Value: 1, Block: 0}, {Metric: probe.TTFTSeconds, Value: 3, Block: 0}, {Metric: probe.TTFTSeconds, Value: 9, Block: 0},
	}}
	if e := Named("ttft").Estimate(repeats); e.N != 1 || e.Value != 3 {
		t.Errorf("three repeats in one process count as %d blocks with value %v, want 1 and 3", e.N, e.Value)
	}
}

// TestWhatCounts checks that of a block that was repeated the undisturbed attempt counts, else the first, and no call of a
// warm-up.
func TestWhatCounts(t *testing.T) {
	sample := func(block, attempt int, disturbed bool, calls ...float64) record.Sample {
		s := record.Sample{Metric: probe.PrefillSeconds, Value: calls[len(calls)-1], Block: block, Attempt: attempt, Calls: calls}
		if disturbed {
			s.Disturbed = []string{"steal 3 % of the CPU time"}
		}
		return s
	}
	c := &record.Cell{Status: record.OK, Point: record.Point{{Name: "len", Value: "1"}, {Name: "batch", Value: "1"}}, Samples: []record.Sample{
		sample(0, 0, false, 1, 1), sample(1, 0, true, 2, 2), sample(1, 1, false, 4, 4), sample(2, 0, true, 8, 8), sample(2, 1, true, 16, 16),
		sample(3, 0, true, 32, 32), sample(4, 0, false, 1, 64, 64),
	}}
	c.Samples[6].Dropped = 1
	ttft := &Quantity{Quantity: probe.Quantity{Metric: probe.PrefillSeconds}}
	if diff := cmp.Diff([]float64{1, 1, 4, 4, 8, 8, 32, 32, 64, 64}, ttft.Calls(c)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[int]float64{0: 1, 1: 4, 2: 8, 3: 32, 4: 64}, ttft.Blocks(c)); diff != "" {
		t.Error(diff)
	}
}

// TestTheBoundaryWinsNothing checks that a plugin without a model, however fast, is ahead of none.
func TestTheBoundaryWinsNothing(t *testing.T) {
	ix := timed(map[string][]float64{"a": {1, 1.1, 1, 1.2, 1, 1.1, 1}, "b": {2, 2.2, 2, 2.5, 2, 2.3, 2}, "e": {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1}})
	ix.ByName["e"].Parameters = 0
	v := verdicts(ix)
	if row := v.Rows[0]; row[2].Text != "a" || row[4].Text != "b" {
		t.Errorf("the verdict is %v", row)
	}
	if notes := strings.Join(v.Notes, " "); !strings.Contains(notes, "e: no model, since") {
		t.Errorf("notes %q", notes)
	}
	for _, row := range ix.Pivot(DecodeLatency, ix.Cells("", "decode")).Rows {
		if best := row[len(row)-1].Best; best != (row[0].Text == "a") {
			t.Errorf("%s: bold %v", row[0].Text, best)
		}
	}
}

// timed returns a run of models with the given decode times, one per block.
func timed(models map[string][]float64) *Index {
	run := &record.Run{ID: "r"}
	for _, name := range slices.Sorted(maps.Keys(models)) {
		run.Models = append(run.Models, record.Model{Name: name, Family: name, Causal: true, Parameters: 1, Precision: "f32"})
		c := record.Cell{ID: "cell of " + name, Suite: "speed", Probe: "decode", Model: name, Status: record.OK, Point: record.Point{{Name: "depth", Value: "8"}, {Name: "batch", Value: "1"}}}
		for block, v := range models[name] {
			c.Samples = append(c.Samples, record.Sample{Metric: probe.DecodeSeconds, Value: v, Block: block})
		}
		run.Cells = append(run.Cells, c)
	}
	return New(run)
}

// TestLeadersNeedEvidence checks that a row without a leader has no best value, no lead and no p-value that claims one.
func TestLeadersNeedEvidence(t *testing.T) {
	for _, tc := range []struct {
		name, leader, sentence string
		models                 map[string][]float64
	}{
		{"apart", "a", "a is ahead", map[string][]float64{"a": {1, 1.1, 1, 1.2, 1, 1.1, 1}, "b": {2, 2.2, 2, 2.5, 2, 2.3, 2}}},
		{"noisy", "", "cannot tell b from a", map[string][]float64{"a": {1, 3, 1, 3, 1, 3, 1}, "b": {2, 1, 2, 1, 2, 1, 3}}},
		{"few", "", "cannot tell a from b", map[string][]float64{"a": {1, 1}, "b": {2, 2}}},
		{"with itself", "", "cannot tell a from b", map[string][]float64{"a": {1, 2, 1, 2, 1, 2, 1, 2}, "b": {1, 2, 1, 2, 1, 2, 1, 2}}},
		{"medians against blocks", "b", "b is ahead", map[string][]float64{"a": {1, 2, 3, 4, 5, 6, 7}, "b": {0.9, 1.9, 2.9, 3.99, 4.9, 5.9, 6.9}}},
		// a has the least median, but b is the faster in each of its blocks
		{"other blocks", "b", "b is ahead", map[string][]float64{"a": {5, 6, 7, 8, 9, 9, 9}, "b": {4, 5, 6, 7, 8, 8, 8, 99, 99, 99, 99, 99, 99}}},
		{"behind", "", "cannot tell b from a; b is ahead of c", map[string][]float64{
			"a": {1, 1, 1, 1, 1, 1, 1, 1}, "b": {1.1, 0.9, 1.1, 0.9, 1.1, 1.1, 0.9, 1.1}, "c": {2, 2, 2, 2, 2, 2, 2, 2}}},
	} {
		v := verdicts(timed(tc.models))
		if len(v.Rows) != 1 {
			t.Fatalf("%s: %d rows", tc.name, len(v.Rows))
		}
		row, record := v.Rows[0], v.Frame.Rows[0]
		get := func(key string) any { return table.Settled(record[slices.Index(v.Frame.Keys, key)]) }
		if row[7].Text != tc.sentence || get("text") != tc.sentence {
			t.Errorf("%s: %q, want %q", tc.name, row[7].Text, tc.sentence)
		}
		if tc.leader == "" {
			if lead := row[5].Text; row[5].Number != nil || strings.Contains(lead, "x") {
				t.Errorf("%s: undecided, and yet a lead of %q", tc.name, lead)
			}
			for _, i := range []int{2, 3, 4} {
				if row[i].Text != table.None.Text || row[i].Number != nil {
					t.Errorf("%s: undecided, and yet %s is %q", tc.name, v.Columns[i].Name, row[i].Text)
				}
			}
			if p := get("p_adjusted"); get("leader") != nil || get("ratio") != nil || get("verdict") != "undecided" || p.(float64) < 0.05 {
				t.Errorf("%s: record %v", tc.name, record)
			}
			continue
		}
		if row[2].Text != tc.leader || get("leader") != tc.leader || get("verdict") != "ahead" || get("ratio").(float64) <= 1 || get("lo").(float64) <= 1 {
			t.Errorf("%s: leader %q, record %v", tc.name, row[2].Text, record)
		}
	}
}

// TestStatementsAgree draws runs of three models and checks all statements about one point against each other: the leader and
// its lead, the sentence, the bold entry, the comparisons with each base, their signs and p-values.
func TestStatementsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		models := map[string][]float64{}
		for _, name := range []string{"a", "b", "c"} {
			typical := rapid.SampledFrom([]float64{1, 1.02, 1.3}).Draw(t, "typical "+name)
			models[name] = rapid.SliceOfN(rapid.Map(rapid.Float64Range(0.9, 1.1), func(v float64) float64 { return typical * v }), 4, 12).Draw(t, name)
		}
		ix := timed(models)
		leader := ""
		v := verdicts(ix)
		if p := v.Rows[0][6].Number; v.Rows[0][2].Text != table.None.Text {
			leader = v.Rows[0][2].Text
			if *p >= 0.05 || *v.Rows[0][5].Number <= 1 || *v.Rows[0][5].Lo <= 1 || v.Rows[0][7].Text != leader+" is ahead" {
				t.Fatalf("a leader without evidence: %v", v.Rows[0])
			}
		} else if *p < 0.05 {
			t.Fatalf("p decides, the row does not: %v", v.Rows[0])
		}
		for _, row := range ix.Pivot(DecodeLatency, ix.Cells("", "decode")).Rows {
			if best := row[len(row)-1].Best; best != (row[0].Text == leader) {
				t.Fatalf("%s: bold %v, leader %q", row[0].Text, best, leader)
			}
		}
		for base := range models {
			tab, err := Compare([]*record.Run{ix.Run}, CompareOptions{Base: base, Quantities: []string{"decode"}})
			if err != nil {
				t.Fatal(err)
			}
			checkRecords(t, tab[0])
		}
	})
}

// checkRecords checks each comparison's numbers, verdict and text against each other.
func checkRecords(t *rapid.T, tab table.Table) {
	for i, record := range tab.Frame.Rows {
		get := func(key string) any { return table.Settled(record[slices.Index(tab.Frame.Keys, key)]) }
		words := tab.Rows[0][5+4*i].Text
		verdict, p, ratio := get("verdict"), get("p_adjusted").(float64), get("ratio").(float64)
		lo, bounded := get("lo").(float64)
		hi, _ := get("hi").(float64)
		decided := p < 0.05 && bounded && (lo > 1 || hi < 1)
		if decided != (verdict != "undecided") || decided == strings.HasPrefix(words, "~") {
			t.Fatalf("p %v and [%v, %v] are called %v and %q", p, lo, hi, verdict, words)
		}
		if verdict == "slower" && ratio <= 1 || verdict == "faster" && ratio >= 1 {
			t.Fatalf("a time with the ratio %v is %v", ratio, verdict)
		}
		if decided && strings.HasPrefix(words, "-") != (ratio < 1) {
			t.Fatalf("the ratio %v is written as %q", ratio, words)
		}
	}
}

// TestOneModelIsTrainedLikeItself checks that a model and its precisions are a controlled comparison.
func TestOneModelIsTrainedLikeItself(t *testing.T) {
	model := func(sha string) *record.Model { return &record.Model{WeightsSHA: sha, Causal: true} }
	seeded := &record.Model{Initialised: true, Causal: true}
	for _, c := range []struct {
		models []*record.Model
		noted  bool
	}{
		{nil, false},
		{[]*record.Model{model("x"), model("x")}, false},
		{[]*record.Model{model("x"), seeded, model("x")}, false},
		{[]*record.Model{model("x"), model("y")}, true},
		{[]*record.Model{model(""), model("")}, true},
	} {
		if got := len(NotAlike(c.models...)) > 0; got != c.noted {
			t.Errorf("%d models noted as not trained alike: %v, want %v", len(c.models), got, c.noted)
		}
	}
}

// TestPointsStandInTheirOrder checks the order of points: numbers by size, words as planned, whichever suite came first.
func TestPointsStandInTheirOrder(t *testing.T) {
	cell := func(phase, length string) *record.Cell {
		return &record.Cell{Point: record.Point{{Name: "phase", Value: phase}, {Name: "len", Value: length}}}
	}
	got := InOrder([]*record.Cell{cell("prefill", "512"), cell("decode", "16"), cell("prefill", "32"), cell("prefill", "1024")})
	var words []string
	for _, c := range got {
		words = append(words, c.Point.String())
	}
	if diff := cmp.Diff([]string{"phase=prefill len=32", "phase=prefill len=512", "phase=prefill len=1024", "phase=decode len=16"}, words); diff != "" {
		t.Error(diff)
	}
}
