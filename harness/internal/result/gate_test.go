package result

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/table"
)

// TestParseGate checks what gates demand in words, and the errors of those that are wrong.
func TestParseGate(t *testing.T) {
	for text, want := range map[string]string{
		"prefill@*<=+3%":              "Prefill speed at least 97 % of the base's",
		"prefill<=3%":                 "Prefill speed at least 97 % of the base's",
		" pp @ len=512,batch=1 <= 3%": "Prefill speed at least 97 % of the base's",
		"decode@depth=128<=+5%":       "Decode time per step at most 105 % of the base's",
		"decode<=-10%":                "Decode time per step at most 90 % of the base's",
		"prefill<=-10%":               "Prefill speed at least 110 % of the base's",
		"bpb<=+0.01":                  "Bits per byte at most the base's plus 0.01000 bit/B",
		"bits-per-byte<=-0.01":        "Bits per byte at most the base's minus 0.01000 bit/B",
		"prefill<=500":                "Prefill speed at least the base's minus 500 token/s",
		"decode-speed<=-500":          "Decode speed at least the base's plus 500 token/s",
		"weights<=0":                  "Weights at most the base's plus 0 B",
	} {
		g, err := ParseGate(text)
		if err != nil || g.Meaning() != want {
			t.Errorf("%s: %v, %v, want %q", text, g, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                        "has no <=",
		"prefill":                 "has no <=: a gate is QUANTITY[@POINT]<=BOUND",
		"prefill<3%":              "has no <=",
		"prefil<=3%":              `unknown quantity "prefil"; there are`,
		"<=3%":                    `unknown quantity ""`,
		"prefill<=":               `the bound "" is no number`,
		"prefill<=%":              "is no number",
		"prefill<=fast":           "is no number: write a share of the base's value such as +3%, or a difference in token/s",
		"prefill<=nan%":           "is no number",
		"decode<=inf":             "is no number",
		"prefill<=100%":           "this gate could not fail",
		"flops-reference<=3%":     "flops-reference has no side that is worse",
		"prefill@<=3%":            `"" is not AXIS=VALUE; @* means all points`,
		"prefill@len<=3%":         `"len" is not AXIS=VALUE`,
		"prefill@len=<=3%":        "is not AXIS=VALUE",
		"prefill@length=5<=3%":    `unknown axis "length"; there are`,
		"prefill@len=1,len=2<=3%": "len is given twice",
		"prefill<=3%<=4%":         "is no number",
	} {
		if g, err := ParseGate(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v, want %q", text, g, err, want)
		}
	}
}

// FuzzParseGate checks that any gate is either an error that names it, or has a finite bound and a meaning.
func FuzzParseGate(f *testing.F) {
	for _, text := range []string{"prefill@*<=+3%", "bpb<=+0.01", "decode@depth=128,batch=1<=-5%", "@<=", "pp@len=1,len=2<=1e999", "weights<=0x1p-9"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		g, err := ParseGate(text)
		switch {
		case err != nil && !strings.HasPrefix(err.Error(), fmt.Sprintf("%q", text)):
			t.Errorf("%q: %v", text, err)
		case err == nil && (g.q == nil || math.IsNaN(g.limit) || math.IsInf(g.limit, 0) || g.Meaning() == ""):
			t.Errorf("%q: %+v", text, g)
		}
	})
}

// gates parses gates that are right.
func gates(t *testing.T, texts ...string) (all []*Gate) {
	t.Helper()
	for _, text := range texts {
		g, err := ParseGate(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, g)
	}
	return all
}

// paced is a run of models that decode at depth 8, in which the second is slower by the given shares, one for each block.
func paced(slower ...float64) *record.Run {
	drift := make([]float64, len(slower))
	other := make([]float64, len(slower))
	for i, s := range slower {
		drift[i] = 0.01 * (1 + float64(i%3))
		other[i] = drift[i] * (1 + s)
	}
	return timed(map[string][]float64{"a": drift, "b": other}).Run
}

// around returns ten shares about a centre, whose 95 % interval as a median reaches from centre-width to centre+width.
func around(centre, width float64) (all []float64) {
	for i := range 10 {
		share := width * float64(2*i-9) / 7 // the interval is that of the second and the ninth value
		all = append(all, centre+share)
	}
	return all
}

// TestGatesDecideByTheInterval checks that the bounds of the interval decide, for times and speeds, shares and differences.
func TestGatesDecideByTheInterval(t *testing.T) {
	for _, tc := range []struct {
		gate   string
		slower []float64
		want   Outcome
	}{
		{"decode<=+3%", around(0.01, 0.015), Pass},
		{"decode<=+3%", around(0.01, 0.03), CannotTell}, // the estimate is within, the interval is not
		{"decode<=+3%", around(0.04, 0.03), CannotTell}, // the estimate is beyond, the interval is not
		{"decode<=+3%", around(0.05, 0.015), Fail},
		{"decode<=+3%", around(-0.2, 0.1), Pass},    // better is not worse
		{"decode<=-5%", around(-0.01, 0.005), Fail}, // an improvement that is demanded and lacking
		{"decode<=-5%", around(-0.1, 0.01), Pass},
		{"decode<=+3%", []float64{0, 0, 0, 0}, CannotTell}, // four blocks give no interval
		{"decode@depth=8,batch=1<=+3%", around(0.05, 0.015), Fail},
		{"decode-speed<=+3%", around(0.01, 0.01), Pass},
		{"decode-speed<=+3%", around(0.06, 0.01), Fail},
		{"decode-speed<=+3%", around(-0.5, 0.01), Pass}, // faster
		{"decode<=+0.002", around(0.05, 0.01), Pass},    // 50 to 150 µs of a step of 10 to 30 ms
		{"decode<=+0.0001", around(0.2, 0.01), Fail},
		{"decode<=+0.001", around(0.05, 0.06), CannotTell},
		{"decode-speed<=+20", around(0.05, 0.01), Pass},
		{"decode-speed<=+0.5", around(0.2, 0.01), Fail},
	} {
		run := paced(tc.slower...)
		c, err := Relate([]*record.Run{run}, CompareOptions{Gates: gates(t, tc.gate)})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Decisions(); len(got) != 1 || got[0].Outcome != tc.want {
			t.Errorf("%s of %.3f: %+v, want %s", tc.gate, tc.slower, got, tc.want)
		}
	}
}

// TestDifferencesAreExact checks the interval of a difference against the values themselves.
func TestDifferencesAreExact(t *testing.T) {
	c, err := Relate([]*record.Run{paced(around(0.1, 0.07)...)}, CompareOptions{Gates: gates(t, "decode<=1")})
	if err != nil {
		t.Fatal(err)
	}
	var differences []float64
	for i, s := range around(0.1, 0.07) {
		differences = append(differences, 0.01*(1+float64(i%3))*s)
	}
	var averages []float64 // of pairs: the ninth from each end bounds the interval of ten
	for i, x := range differences {
		for _, y := range differences[:i+1] {
			averages = append(averages, (x+y)/2)
		}
	}
	slices.Sort(averages)
	got := c.Decisions()[0].worse
	want := []float64{averages[27], averages[8], averages[len(averages)-9]}
	for i, v := range []float64{got.Value, got.Lo, got.Hi} {
		if math.Abs(v-want[i]) > 1e-6*want[i] {
			t.Errorf("difference %v, want %v", got, want)
		}
	}
}

// TestGatesOfRuns checks gates on a later run against the first, and that what is missing or failed passes nothing.
func TestGatesOfRuns(t *testing.T) {
	first, later := fourModels("r1", 2), fourModels("r2", 1) // half as fast
	later.Cells[0].Status, later.Cells[0].Failure = record.Failed, &record.Failure{Class: "crash"}
	broken := later.Cells[0]
	c, err := Relate([]*record.Run{first, later}, CompareOptions{Gates: gates(t, "decode<=+3%"), Quantities: []string{"decode"}})
	if err != nil {
		t.Fatal(err)
	}
	count := map[Outcome]int{}
	for _, d := range c.Decisions() {
		count[d.Outcome]++
		if d.Outcome == NoValue && (d.pair.other.cell.ID != broken.ID || !strings.Contains(d.numbers(), "failed: crash; a gate passes only what was measured")) {
			t.Errorf("no value: %s", d.numbers())
		}
	}
	if diff := cmp.Diff(map[Outcome]int{Fail: 7, NoValue: 1}, count); diff != "" {
		t.Error(diff)
	}
	frame := c.Tables()[1].Program()
	for _, row := range frame.Rows {
		get := func(key string) any { return table.Settled(row[slices.Index(frame.Keys, key)]) }
		if get("limit") != 0.03 || get("run") != "r2" || get("base_run") != "r1" || (get("decision") == nil) != (get("reason") != nil) {
			t.Errorf("row %v", row)
		}
	}
}

// TestGatesThatNameNothing checks that a gate which no comparison answers is an error.
func TestGatesThatNameNothing(t *testing.T) {
	run := paced(around(0, 0.01)...)
	for gate, want := range map[string]string{
		"prefill<=+3%":         "gate prefill<=+3%: no compared cell is one of prefill",
		"decode@depth=9<=+3%":  "gate decode@depth=9<=+3%: no compared cell is one of decode there; it is compared at depth=8 batch=1",
		"decode@len=8<=+3%":    "there; it is compared at",
		"decode@depth=8*<=+3%": "there; it is compared at",
	} {
		if _, err := Relate([]*record.Run{run}, CompareOptions{Gates: gates(t, "decode<=+9%", gate)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", gate, err, want)
		}
	}
	_, err := Relate([]*record.Run{run}, CompareOptions{Gates: gates(t, "decode<=+9%"), Models: []string{"a"}})
	if err == nil || !strings.Contains(err.Error(), "only the base a and nothing to compare with it") {
		t.Errorf("a base alone: %v", err)
	}
}

// TestExactGates checks quantities without noise: they need one value and no interval.
func TestExactGates(t *testing.T) {
	run := &record.Run{ID: "r"}
	for i, name := range []string{"a", "b"} {
		run.Models = append(run.Models, record.Model{Name: name, Family: name, Causal: true, Parameters: 1, Precision: "f32"})
		run.Cells = append(run.Cells, record.Cell{ID: name, Probe: "memory", Model: name, Status: record.OK, Point: record.Point{{Name: "len", Value: "8"}},
			Samples: []record.Sample{{Metric: probe.StateBytes, Value: 100 + float64(i)}}})
	}
	for gate, want := range map[string]Outcome{"state<=0": Fail, "state<=1": Pass, "state<=+1%": Pass, "state<=0.5%": Fail} {
		c, err := Relate([]*record.Run{run}, CompareOptions{Gates: gates(t, gate)})
		if err != nil {
			t.Fatal(err)
		}
		if d := c.Decisions(); len(d) != 1 || d[0].Outcome != want {
			t.Errorf("%s: %+v, want %s", gate, d, want)
		}
	}
}

// TestSettlingCommands checks the commands that would decide what is open, and what they cost.
func TestSettlingCommands(t *testing.T) {
	run := paced(around(0.01, 0.06)...)
	run.Command = "archbench run mine.yaml --db 'my db' --plugins=a,b --set decode.depth=8,16 --set tokens=32 --set prefill.len=1 --probe decode,prefill --reports=out --until decided --set span=1s"
	for i := range run.Cells {
		c := &run.Cells[i]
		c.Repeats, c.Rounds = 10, 5
		for j := range c.Samples {
			c.Samples[j].Host = 2 * time.Second // 6 calls of 2 s by 2 models: 24 s a block
		}
	}
	kept := "archbench run mine.yaml --plugins=a,b --set tokens=32 --set span=1s --probe decode --set decode.depth=8 --set decode.batch=1 "
	for gate, want := range map[string]string{
		// an interval of ±4 %, 2 % from the bound, must be 3 times as narrow: 8.8 times as many blocks
		"decode<=+3%":   "to settle it: " + kept + "--set repeats=88 --db 'the copy.db'  # about 36 minutes",
		"decode<=+1.1%": "1 change too close to the bound to be told from it",
		"decode<=+5%":   "to settle it: " + kept + "--set repeats=23 --db 'the copy.db'  # about 10 minutes",
	} {
		c, err := Relate([]*record.Run{run}, CompareOptions{Gates: gates(t, gate), DB: "the copy.db"})
		if err != nil {
			t.Fatal(err)
		}
		if got := settle(c.Decisions()); got != want {
			t.Errorf("%s:\n%s, want\n%s", gate, got, want)
		}
	}
	run.Command = "archbench resume"
	c, err := Relate([]*record.Run{run}, CompareOptions{Gates: gates(t, "decode<=+5%")})
	if err != nil {
		t.Fatal(err)
	}
	if got := settle(c.Decisions()); !strings.HasPrefix(got, "to settle it: archbench run speed --probe decode ") {
		t.Errorf("without a command: %s", got)
	}
}

// TestOpenComparisons checks that an undecided comparison says what it could have shown, and what would show more; that nothing
// is said of what is as good as equal; and what a test by rule costs.
func TestOpenComparisons(t *testing.T) {
	for _, tc := range []struct {
		slower     []float64
		until      string
		text, note string
	}{
		{around(0.2, 0.1), "", "+19.8% (p=0.002 n=10 [", ""},
		{around(0, 0.015), "", "~ (p=0.846 n=10 [", ""},
		{around(0, 0.04), "", "~ (p=0.846 n=10 [", "1 comparison undecided; to settle: archbench run speed --probe decode --set decode.depth=8 --set decode.batch=1 --until '±2%'  # about "},
		{around(0, 0.3), "", "~ (p=0.770 n=10 [", "1 comparison undecided; to settle as far as 200 blocks can, to ±8.8 % at worst: archbench run speed "},
		{around(0, 0.3), "decided", "~ (p=1.000 n=10 [", "1 comparison undecided; to settle as far as 200 blocks can, to ±"},
		{[]float64{0.1, 0, 0.1}, "", "~ (p=0.500 n=3)", "1 comparison undecided; to settle: archbench run speed "},
	} {
		run := paced(tc.slower...)
		run.Until = tc.until
		for i := range run.Cells {
			for j := range run.Cells[i].Samples {
				run.Cells[i].Samples[j].Host = time.Second
			}
		}
		c, err := Relate([]*record.Run{run}, CompareOptions{Quantities: []string{"decode"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.pairs()[0].words(); !strings.HasPrefix(got, tc.text) || strings.Contains(got, "] detects ") != (tc.text[0] == '~' && len(tc.slower) == 10 && tc.until == "") {
			t.Errorf("%.3f: %q, want %q", tc.slower, got, tc.text)
		}
		tables := c.Tables()
		note := tables[0].Notes[len(tables[0].Notes)-1]
		if strings.Contains(note, "undecided") != (tc.note != "") || tc.note != "" && (!strings.HasPrefix(note, tc.note) || !strings.Contains(note, "  # about ")) {
			t.Errorf("%.3f: %q, want %q", tc.slower, note, tc.note)
		}
	}
	// What run --until does not look at takes repeats, in each run.
	first, later := paced(around(0, 0.04)...), paced(around(0, 0.04)...)
	first.Command, later.ID, later.Command = "archbench run speed --plugins a", "r2", "archbench run speed --plugins b"
	tables, err := Compare([]*record.Run{first, later}, CompareOptions{Quantities: []string{"decode"}})
	if err != nil {
		t.Fatal(err)
	}
	if row := tables[0].Rows[0]; row[6].Text != "~" || row[7].Text != "1.000" || row[8].Text != "[-50.0%, +100%]" {
		t.Errorf("runs: %v", row)
	}
	note := strings.Join(tables[0].Notes, "\n")
	for _, want := range []string{"archbench run speed --plugins a --probe decode ", "; and archbench run speed --plugins b --probe decode ", " --set repeats=200"} {
		if !strings.Contains(note, want) {
			t.Errorf("%q, want %q", note, want)
		}
	}
}
