package table

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/archbench/archbench/harness/internal/stat"
)

// every is a table that uses every feature of tables.
func every() Table {
	ten := stat.Estimate{Value: 0.010, Lo: 0.0099, Hi: 0.0101, N: 9}
	wide := stat.Estimate{Value: 0.010, Lo: 0.005, Hi: 0.020, N: 9, Warnings: []string{"host was busy"}}
	t := Table{ID: "prefill-time", Title: "Prefill", Notes: []string{"a <note> of all"}, Columns: []Column{
		{Name: "model", Key: true}, {Name: "Time", ID: "time", Unit: "s", Better: -1}, {Name: "top-1", Better: +1}, {Name: "precisions"},
	}}
	best := Measured(ten, "s", "c1")
	best.Best = true
	t.Add("a|b_c", best, Number(0.5, "1"), []string{"f32", "int8"})
	t.Add("=1+1", Measured(wide, "s", "c2"), Unavailable("short"), 3)
	t.Add("long", Unavailable("the model reads at most 512 tokens, not these 1024"), None, "none")
	return t
}

func TestForms(t *testing.T) {
	for form, want := range map[string]string{
		"table": `model                           Time ↓  top-1 ↑      precisions  
─────────────────────────────────────────────────────────────────
a|b_c                  10.00 ms ±1.0 %  0.5000       f32 int8    
=1+1   10.00 ms [5.000 ms, 20.00 ms] ¹  n/a (short)  3           
long                             n/a ²  –            none        
¹ host was busy
² the model reads at most 512 tokens, not these 1024
a <note> of all
`,
		"md": `| model | Time ↓ | top-1 ↑ | precisions |
| --- | ---: | --- | --- |
| a\|b\_c | **10.00 ms ±1.0 %** | 0.5000 | f32 int8 |
| =1+1 | 10.00 ms \[5.000 ms, 20.00 ms\] \[1\] | n/a (short) | 3 |
| long | n/a \[2\] | – | none |

\[1\] host was busy

\[2\] the model reads at most 512 tokens, not these 1024

a &lt;note&gt; of all
`,
		"csv": `model,time,top_1,precisions,reason
a|b_c,0.01,0.5,f32; int8,
'=1+1,0.01,,3,short
long,,,,"the model reads at most 512 tokens, not these 1024"
`,
		"json": `[
  {"model":"a|b_c","time":0.01,"top_1":0.5,"precisions":["f32","int8"],"reason":null},
  {"model":"=1+1","time":0.01,"top_1":null,"precisions":3,"reason":"short"},
  {"model":"long","time":null,"top_1":null,"precisions":null,"reason":"the model reads at most 512 tokens, not these 1024"}
]
`,
		"jsonl": `{"model":"a|b_c","time":0.01,"top_1":0.5,"precisions":["f32","int8"],"reason":null}
{"model":"=1+1","time":0.01,"top_1":null,"precisions":3,"reason":"short"}
{"model":"long","time":null,"top_1":null,"precisions":null,"reason":"the model reads at most 512 tokens, not these 1024"}
`,
	} {
		if diff := cmp.Diff(want, written(t, form, every())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", form, diff)
		}
	}
}

func written(t testing.TB, form string, tables ...Table) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, form, 0, tables...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestSeveralTables checks that people see all tables with columns, with titles, that formats of a single table hold the
// main one, and that JSON holds all tables with keys.
func TestSeveralTables(t *testing.T) {
	first, main := Words("first", "The first", []string{"a"}), Words("the-main", "The main", []string{"b"})
	first.Add("1")
	main.Add("2")
	main.Main = true
	programs := Table{ID: "programs", Frame: &Frame{Keys: []string{"c"}, Rows: [][]any{{"3"}}}}
	people := Words("people", "For people", []string{"d"})
	people.Frame = &Frame{}
	people.Add("4")
	all := []Table{first, main, programs, people}
	for form, want := range map[string]string{
		"table": "The first\na  \n───\n1  \n\nThe main\nb  \n───\n2  \n\nFor people\nd  \n───\n4  \n",
		"md":    "### The first\n\n| a |\n| --- |\n| 1 |\n\n### The main\n\n| b |\n| --- |\n| 2 |\n\n### For people\n\n| d |\n| --- |\n| 4 |\n",
		"csv":   "b,reason\n2,\n",
		"jsonl": `{"b":"2","reason":null}` + "\n",
		"json": `{
  "first": [
    {"a":"1","reason":null}
  ],
  "the_main": [
    {"b":"2","reason":null}
  ],
  "programs": [
    {"c":"3"}
  ]
}
`,
	} {
		if diff := cmp.Diff(want, written(t, form, all...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", form, diff)
		}
	}
	empty := Words("empty", "Empty", []string{"a"})
	for form, want := range map[string]string{"table": "none\n", "csv": "a,reason\n", "json": "[]\n", "jsonl": "", "md": "| a |\n| --- |\n"} {
		if got := written(t, form, empty); got != want {
			t.Errorf("an empty table as %s: %q, want %q", form, got, want)
		}
	}
}

// TestWordsSurvive checks with random text that CSV and JSON keep the rows and the text, with control characters escaped,
// and that a Markdown row stays on one line with the same number of columns.
func TestWordsSurvive(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		words := rapid.SliceOfN(rapid.StringOf(rapid.SampledFrom([]rune("ab\"',;|\\*_`[]<>=+-@\t\r\n\x1b\u202e é&\u2028"))), 1, 4).Draw(r, "words")
		tbl := Words("t", "T", []string{"word"})
		for _, w := range words {
			tbl.Add(Value{Text: "x", Data: w})
		}
		var rows []map[string]any
		if err := json.Unmarshal([]byte(written(t, "json", tbl)), &rows); err != nil || len(rows) != len(words) {
			r.Fatalf("JSON of %d rows: %v", len(rows), err)
		}
		records, err := csv.NewReader(strings.NewReader(written(t, "csv", tbl))).ReadAll()
		if err != nil || len(records) != 1+len(words) {
			r.Fatalf("CSV of %d records: %v", len(records), err)
		}
		for i, w := range words {
			want := Settled(w)
			if rows[i]["word"] != want {
				r.Fatalf("JSON: %q, want %q", rows[i]["word"], want)
			}
			if got := strings.TrimPrefix(records[1+i][0], "'"); got != strings.TrimPrefix(want.(string), "'") {
				r.Fatalf("CSV: %q, want %q", got, want)
			}
			if strings.ContainsAny(records[1+i][0][:min(1, len(records[1+i][0]))], "=+-@\t\r") {
				r.Fatalf("CSV: %q is a formula", records[1+i][0])
			}
		}
		md := Words("t", "T", []string{"word"})
		md.Add(words[0])
		lines := strings.Split(strings.TrimSuffix(written(t, "md", md), "\n"), "\n")
		if bars := strings.Count(strings.NewReplacer(`\\`, "", `\|`, "").Replace(lines[len(lines)-1]), "|"); len(lines) != 3 || bars != 2 {
			r.Fatalf("Markdown of %q has %d lines, the row %d bars: %q", words[0], len(lines), bars, lines)
		}
	})
}

func TestSettled(t *testing.T) {
	half, nan := 0.5, math.NaN()
	var none *float64
	for _, tc := range []struct {
		in, want any
		plain    string
	}{
		{nil, nil, ""}, {none, nil, ""}, {&half, 0.5, "0.5"}, {&nan, nil, ""}, {math.Inf(-1), nil, ""}, {1e-300, 1e-300, "1e-300"},
		{math.Nextafter(0.3, 1), 0.30000000000000004, "0.30000000000000004"}, {true, true, "true"}, {7, 7, "7"}, {int64(1) << 60, int64(1) << 60, "1152921504606846976"},
		{"\x1b[1m", `\u001b[1m`, `\u001b[1m`}, {"@x", "@x", "'@x"}, {[]float64{}, nil, ""}, {[]float64{0.5, 2}, []float64{0.5, 2}, "0.5; 2"}, {[]string{}, nil, ""}, {[]string{"a", "\x00"}, []string{"a", `\u0000`}, `a; \u0000`},
		{time.Time{}, nil, ""}, {time.Date(2026, 1, 2, 4, 4, 5, 600, time.FixedZone("", 3600)), "2026-01-02T03:04:05.0000006Z", "2026-01-02T03:04:05.0000006Z"},
	} {
		if diff := cmp.Diff(tc.want, Settled(tc.in)); diff != "" {
			t.Errorf("%v:\n%s", tc.in, diff)
		}
		if got := Plain(tc.in); got != tc.plain {
			t.Errorf("%v in a CSV: %q, want %q", tc.in, got, tc.plain)
		}
	}
}

// TestEstimatesAsText checks that the text of an estimate shows its uncertainty, and shows no number if there is none.
func TestEstimatesAsText(t *testing.T) {
	bounded := stat.Estimate{Value: 2, Lo: 1.98, Hi: 2.02, N: 8}
	unbounded := stat.Estimate{Value: 2, Lo: math.Inf(-1), Hi: math.Inf(1), N: 3, Warnings: []string{"n=3"}}
	none := stat.Estimate{Value: math.NaN(), Warnings: []string{"no sample", "host was busy"}}
	plain := func(v float64) string { return strings.Repeat("x", int(v)) }
	for name, tc := range map[string]struct {
		v    Value
		text string
		ends bool // whether there is an interval
	}{
		"measured":           {Measured(bounded, "s"), "2 s ±1.0 %", true},
		"without interval":   {Measured(unbounded, "s"), "2 s (n=3)", false},
		"exact":              {Exact(stat.Estimate{Value: 2, Lo: 1, Hi: 3, N: 2}, "s"), "2 s", true},
		"number":             {Number(2, "s"), "2 s", true},
		"ranged":             {Ranged(stat.Estimate{Value: 2, Lo: 1, Hi: 3, N: 9}, plain), "xx [x, xxx]", true},
		"ranged, without":    {Ranged(unbounded, plain), "xx (no interval: n=3)", false},
		"pointwise":          {Pointwise(unbounded, "s"), "2 s", false},
		"nothing":            {Measured(none, "s"), "n/a (no sample; host was busy)", false},
		"nothing, ranged":    {Ranged(none, plain), "n/a (no sample; host was busy)", false},
		"nothing, pointwise": {Pointwise(none, "s"), "n/a (no sample; host was busy)", false},
		"hash":               {Hash(strings.Repeat("f", 64), "r"), "ffffffffff", false},
		"no hash":            {Hash("", "not read"), "n/a (not read)", false},
	} {
		if tc.v.Text != tc.text || (tc.v.Lo != nil && tc.v.Hi != nil) != tc.ends {
			t.Errorf("%s: %q [%v, %v], want %q", name, tc.v.Text, tc.v.Lo, tc.v.Hi, tc.text)
		}
		if missing := strings.HasPrefix(tc.text, "n/a"); missing != (tc.v.Reason != "") || missing != (tc.v.Program() == nil) {
			t.Errorf("%s: reason %q, for programs %v", name, tc.v.Reason, tc.v.Program())
		}
	}
}

// TestMarkdownLinks checks that a value with cells links to the first one.
func TestMarkdownLinks(t *testing.T) {
	var b bytes.Buffer
	WriteMarkdown(&b, every(), func(cell string) string { return "#" + cell })
	for _, want := range []string{"| [**10.00 ms ±1.0 %**](#c1) |", "](#c2) \\[1\\] |", "| n/a (short) |"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in\n%s", want, b.String())
		}
	}
}

func TestSlug(t *testing.T) {
	for in, want := range map[string]string{"": "", "gpt2@int8": "gpt2-int8", "Ä/b C": "--b-c", "../x": "---x"} {
		if got := Slug(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
