package exchange

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
)

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// read returns the run of a file.
func read(t *testing.T, data string) *record.Run {
	t.Helper()
	run, err := Read("file", []byte(data), now)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// example returns a file of testdata.
func example(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// lines says everything about a run that its file decides: one line per sample.
func lines(run *record.Run) (all []string) {
	for _, c := range run.All() {
		for _, s := range c.Samples {
			all = append(all, fmt.Sprintf("%s | %s | %s | %s | %d: %v %s", c.Probe, c.Model, c.Point, s.Metric, s.Block, s.Values(), s.Unit))
		}
	}
	return all
}

// TestReadHyperfine reads a file that hyperfine wrote: a block per process, failures as warnings, no machine.
func TestReadHyperfine(t *testing.T) {
	run := read(t, example(t, "hyperfine.json"))
	if diff := cmp.Diff([]string{
		"task | sleep 0.010 |  | task_seconds | 0: [0.01133] s",
		"task | sleep 0.010 |  | task_peak_bytes | 0: [1.7e+06] B",
		"task | sleep 0.010 |  | task_seconds | 1: [0.0112] s",
		"task | sleep 0.010 |  | task_peak_bytes | 1: [1.8e+06] B",
		"task | sleep 0.020 |  | task_seconds | 0: [0.0211] s",
		"task | sleep 0.020 |  | task_seconds | 1: [0.0212] s",
	}, lines(run)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"1 of 2 processes failed"}, run.Cells[1].Warnings); diff != "" {
		t.Error(diff)
	}
	if m := run.Models[1]; m.Options["delay"] != "0.020" || m.Precision != "" {
		t.Errorf("%+v", m)
	}
	if run.Host.Fingerprint != "" || run.Host.Facts[0].Reason == "" || !run.Started.Equal(now) || !run.Ended.IsZero() || run.Cells[1].Missing == nil {
		t.Errorf("host %+v, started %v", run.Host, run.Started)
	}
}

// TestReadLlamaBench reads JSON lines and an array of llama-bench: repetitions of one process, settings as options, time and
// machine.
func TestReadLlamaBench(t *testing.T) {
	text := example(t, "llama-bench.jsonl")
	run := read(t, text)
	const a, b = "Qwen2.5-7B-Instruct-Q4_K_M n_threads=8", "Qwen2.5-7B-Instruct-Q4_K_M n_threads=16"
	want := []string{
		"prefill | " + a + " | len=512 batch=1 | prefill_seconds | 0: [0.071551 0.0712228 0.0703641] s",
		"decode | " + a + " | depth=4096 batch=1 | decode_seconds_per_token | 0: [0.0083463390625 0.0082923515625] s",
		"task | " + a + " | task=pp512+tg128 | task_seconds | 0: [1.2] s",
		"prefill | " + b + " | len=512 batch=1 depth=4096 | prefill_seconds | 0: [0.061551] s",
	}
	if diff := cmp.Diff(want, lines(run)); diff != "" {
		t.Error(diff)
	}
	array := read(t, "[\n"+strings.ReplaceAll(strings.TrimSpace(text), "\n", ",\n")+"\n]\n")
	if diff := cmp.Diff(want, lines(array)); diff != "" || array.ID == run.ID {
		t.Errorf("%s%s and %s", diff, array.ID, run.ID)
	}
	m := run.Models[0]
	if m.Architecture != "qwen2" || m.Precision != "Q4_K - Medium" || m.Threads != 8 || m.Parameters != 7615616512 || m.WeightBytes != 4677120000 || m.Device != "CPU" || m.Options["flash_attn"] != "false" || !m.Causal {
		t.Errorf("%+v", m)
	}
	if run.Host.Fingerprint == "" || run.Host.Fingerprint != array.Host.Fingerprint || !run.Started.Equal(time.Date(2025, 4, 24, 11, 59, 33, 0, time.UTC)) {
		t.Errorf("host %+v, started %v", run.Host, run.Started)
	}
	if version := factOf(run.Facts, "tool version"); version != "8cf427ff 5163" || factOf(run.Facts, "source") != "file" || Digest(run)[:8] != run.ID[2:] {
		t.Errorf("facts %+v", run.Facts)
	}
}

// TestLlamaBenchBothWays checks that a file of llama-bench that is read and written again has the same tests.
func TestLlamaBenchBothWays(t *testing.T) {
	run := read(t, example(t, "llama-bench.jsonl"))
	data, leftOut := export(t, "llama-bench", run)
	again := read(t, string(data))
	want := slices.DeleteFunc(lines(run), func(s string) bool { return strings.HasPrefix(s, "task") })
	if diff := cmp.Diff(want, lines(again)); diff != "" || len(leftOut) != 2 {
		t.Errorf("%sleft out %q", diff, leftOut)
	}
	if diff := cmp.Diff(run.Models, again.Models); diff != "" {
		t.Error(diff)
	}
	for _, want := range []string{`"samples_ns":[71551000,71222800,70364100]`, `"n_batch":2048`, `"flash_attn":false`, `"type_k":"f16"`, `"tensor_split":"0.00"`, `"n_depth":4096`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("no %s in\n%s", want, data)
		}
	}
}

// TestReadBench reads Go benchmarks of several packages, units and thread counts: repeated lines are of one process.
func TestReadBench(t *testing.T) {
	run := read(t, example(t, "bench.txt"))
	if diff := cmp.Diff([]string{
		"task | example.com/x | task=Encode/size=1 | task_seconds | 0: [1.2345000000000001e-05 1.2346e-05] s",
		"figure | example.com/x | task=Encode/size=1 B/op | figure_value | 0: [16 16] B/op",
		"task | example.com/x-4 | task=Encode/size=1 | task_seconds | 0: [1e-05] s",
		"task | gemma3 | task=Model/step=prefill | task_seconds | 0: [4.45e-08] s",
		"figure | gemma3 | task=Model/step=prefill token/sec | figure_value | 0: [123] token/sec",
	}, lines(run)); diff != "" {
		t.Error(diff)
	}
	if run.Models[0].Threads != 8 || run.Models[1].Threads != 4 || run.Models[2].Threads != 0 || run.Host.Fingerprint == "" {
		t.Errorf("models %+v, host %+v", run.Models, run.Host)
	}
}

// TestOwnBothWays checks that times exported from a run come back as the same cells with the same blocks.
func TestOwnBothWays(t *testing.T) {
	run := twoModels()
	var want []string
	for _, c := range run.All() {
		for _, s := range times(c) {
			want = append(want, fmt.Sprintf("%s | %s | %s | %s | %d: %v %s", c.Probe, c.Model, c.Point, s.Metric, s.Block, []float64{s.Value}, s.Unit))
		}
	}
	for _, format := range []string{"bench", "hyperfine"} {
		data, _ := export(t, format, run)
		if diff := cmp.Diff(want, lines(read(t, string(data)))); diff != "" {
			t.Errorf("%s:\n%s", format, diff)
		}
	}
	second := twoModels()
	second.ID = "r-2"
	for _, format := range []string{"bench", "hyperfine"} {
		data, _ := export(t, format, run, second)
		both := read(t, string(data))
		if len(both.Models) != 4 || both.Models[2].Name != "a of r-2" && both.Models[2].Name != "a-2" {
			t.Errorf("%s: models %+v", format, both.Models)
		}
	}
	for _, format := range []string{"bench", "hyperfine"} { // an imported run gives back what its file had
		imported := read(t, example(t, "llama-bench.jsonl"))
		data, _ := export(t, format, imported)
		n := 0
		for _, c := range read(t, string(data)).All() {
			for _, s := range times(c) {
				n += len(s.Values())
			}
		}
		if n != 7 {
			t.Errorf("%s: %d of 7 numbers", format, n)
		}
	}
}

// TestReadRefuses checks that files that are something else, or whose numbers cannot be, are errors that name the place.
func TestReadRefuses(t *testing.T) {
	hyperfine := func(fields string) string { return `{"results": [{"command": "c", ` + fields + `}]}` }
	llama := func(fields string) string {
		return `{"model_filename": "m.gguf", "n_prompt": 512, "samples_ns": [5]}` + "\n" + `{"model_filename": "m.gguf", ` + fields + `}`
	}
	for data, want := range map[string]string{
		"":                                "file: neither JSON of hyperfine",
		"PAR1":                            "neither JSON",
		"| model | size |\n| --- | --- |": "-o json or jsonl",
		`{"results": []}`:                 "results: no command",
		`{"results": [`:                   "unexpected end",
		`{"results": [{"times": [1]}]}`:   "results[0].command: blank",
		hyperfine(`"mean": 1`):            "results[0].times: no times",
		hyperfine(`"times": [1, -1]`):     "results[0].times[1]: must be a number above 0, not -1",
		hyperfine(`"times": [0]`):         "results[0].times[0]: must be a number above 0",
		hyperfine(`"times": [1e300]`):     "results[0].times[0]: 1e+300 s is more than",
		hyperfine(`"times": [1e999]`):     "does not fit",
		hyperfine(`"times": [NaN]`):       "line 1, column",
		hyperfine(`"times": ["x"]`):       "is a string, which does not fit",
		hyperfine(`"times": [1], "exit_codes": [0, 0]`):                "results[0].exit_codes: 2 values for 1 times",
		hyperfine(`"times": [1], "memory_usage_byte": [-5]`):           "results[0].memory_usage_byte[0]: negative",
		hyperfine(`"times": [1], "memory_usage_byte": [1, 2]`):         "results[0].memory_usage_byte: 2 values for 1 times",
		llama(`"n_prompt": 1, "samples_ns": [-1]`):                     "line 2: samples_ns[0]: must be a number above 0",
		llama(`"n_prompt": 1, "samples_ns": [2, 0]`):                   "line 2: samples_ns[1]: must be",
		llama(`"n_prompt": 1, "samples_ns": [1.5]`):                    "line 2: samples_ns",
		llama(`"n_prompt": 1, "samples_ns": [NaN]`):                    "line 2: invalid character",
		llama(`"n_prompt": -1, "samples_ns": [1]`):                     "line 2: n_prompt is -1",
		llama(`"n_prompt": 99999999999, "samples_ns": [1]`):            "line 2: n_prompt is 99999999999",
		llama(`"n_prompt": 1e30, "samples_ns": [1]`):                   "line 2: n_prompt is a number 1e30, which does not fit",
		llama(`"samples_ns": [1]`):                                     "line 2: n_prompt and n_gen are 0 or missing",
		llama(`"n_gen": 1, "avg_ns": 5`):                               "line 2: samples_ns is missing",
		llama(`"n_gen": 1, "samples_ns": [1], "cpu_info": "x"`):        "line 2: measured on x, , , the tests before on , , ",
		`[{"n_prompt": 1, "samples_ns": [1]}]`:                         "test 1: model_filename is blank",
		"[1]":                                                          "test 1: not an object",
		"[]":                                                           "no test",
		"[":                                                            "line 1: unexpected EOF",
		"goos: linux\nBenchmarkX 1 NaN ns/op\n":                        "file:2: sec/op: must be",
		"BenchmarkX 1 -5 ns/op\n":                                      "file:1: sec/op: must be",
		"BenchmarkX 1 -5 widgets\n":                                    "file:1: widgets: must be a finite number of at least 0",
		"BenchmarkX 1 Inf widgets\n":                                   "file:1: widgets: must be",
		"BenchmarkX -1 5 ns/op\n":                                      "file:1: ",
		"BenchmarkX 99999999999999999999 5 ns/op\n":                    "file:1: parsing iteration count",
		"BenchmarkX 1 ns/op\n":                                         "file:1: ",
		"BenchmarkX\n":                                                 "no line of a benchmark",
		"cpu: a\nBenchmarkX 1 5 ns/op\ncpu: b\nBenchmarkX 1 5 ns/op\n": `file:4: measured on "b", the lines before on "a"`,
		"Benchmark" + strings.Repeat("x", 100) + "/model=" + strings.Repeat("y", 5000) + " 1 5 ns/op\n": "is longer than 4096 bytes",
	} {
		if run, err := Read("file", []byte(data), now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80q: error %v, want %q (%v)", data, err, want, run)
		}
	}
}

// FuzzRead checks that any file gives an error or a run that is whole: models for all cells, distinct IDs, finite samples, and
// the same run again.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"hyperfine.json", "llama-bench.jsonl", "bench.txt"} {
		f.Add(example(f, name))
	}
	f.Fuzz(func(t *testing.T, data string) {
		run, err := Read("file", []byte(data), now)
		if err != nil {
			return
		}
		names, ids := map[string]bool{}, map[string]bool{}
		for _, m := range run.Models {
			names[m.Name] = true
		}
		for _, c := range run.All() {
			if !names[c.Model] || ids[c.ID] || len(c.Samples) == 0 {
				t.Fatalf("cell %+v", c)
			}
			ids[c.ID] = true
			for _, s := range c.Samples {
				for _, v := range s.Values() {
					if !(v >= 0 && v <= 1e300) || v == 0 && s.Metric != probe.FigureValue && s.Metric != probe.TaskPeakBytes {
						t.Fatalf("%s is %g", s.Metric, v)
					}
				}
			}
		}
		if len(names) != len(run.Models) {
			t.Fatalf("models %v", run.Models)
		}
		again, err := Read("file", []byte(data), now)
		if diff := cmp.Diff(run, again); diff != "" || err != nil {
			t.Fatalf("%v%s", err, diff)
		}
		for _, format := range Formats {
			_, _ = format.Write(new(strings.Builder), []*record.Run{run}) // must not panic
		}
	})
}
