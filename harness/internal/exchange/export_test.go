package exchange

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"golang.org/x/perf/benchfmt"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/internal/sharedtest"
)

// point makes a point of names and values.
func point(words ...string) (p record.Point) {
	for i := 0; i < len(words); i += 2 {
		p = append(p, record.Coordinate{Name: words[i], Value: words[i+1]})
	}
	return p
}

// twoModels is a run of two models: times of several calls and blocks, and a size.
func twoModels() *record.Run {
	r := &record.Run{
		ID: "r-00c0ffee", Status: record.Done, Version: "v1", Started: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC),
		Host: record.Host{ID: "h", Fingerprint: "f", Facts: []record.Fact{{Name: "cpu", Value: "Example CPU"}, {Name: "frequency", Reason: "no cpufreq"}}},
	}
	for i, name := range []string{"a", "a@int8"} {
		r.Models = append(r.Models, record.Model{Name: name, Architecture: "fake", Precision: []string{"f32", "int8"}[i], Threads: 2, Causal: true,
			Device: "cpu", Parameters: 2_600_000, WeightBytes: 10_400_000, PluginSHA: "abc"})
		prefill := record.Cell{ID: "p" + name, Suite: "speed", Probe: "prefill", Model: name, Point: point("len", "512", "batch", "1"), Repeats: 2, Rounds: 3, Status: record.OK}
		decode := record.Cell{ID: "d" + name, Suite: "speed", Probe: "decode", Model: name, Point: point("depth", "128", "batch", "1"), Params: point("tokens", "64"), Repeats: 2, Status: record.OK}
		several := record.Cell{ID: "s" + name, Suite: "speed", Probe: "decode", Model: name, Point: point("depth", "128", "batch", "8"), Params: point("tokens", "64"), Repeats: 2, Status: record.OK}
		for block := range 2 {
			x := []float64{0.0101234567891, 0.0111234567891, 0.0121234567891}[block+i]
			prefill.Samples = append(prefill.Samples, record.Sample{Metric: probe.PrefillSeconds, Value: x, Unit: unit.Second, Block: block, Position: 1,
				Host: 11 * time.Millisecond, Plugin: 10 * time.Millisecond, Calls: []float64{x + 1e-3, x, x - 1e-3}})
			step := record.Sample{Metric: probe.DecodeSeconds, Value: 1e-3 / 64 * float64(block+1), Unit: unit.Second, Block: block, Host: time.Millisecond, Plugin: time.Millisecond}
			decode.Samples = append(decode.Samples, step)
			several.Samples = append(several.Samples, step)
		}
		memory := record.Cell{ID: "m" + name, Suite: "memory", Probe: "memory", Model: name, Point: point("len", "512"), Repeats: 1, Status: record.OK,
			Samples: []record.Sample{{Metric: probe.WeightBytes, Label: "embedding", Value: 1024, Unit: unit.Byte}}}
		r.Cells = append(r.Cells, prefill, decode, several, memory)
	}
	return r
}

// export writes runs in a format.
func export(t *testing.T, format string, runs ...*record.Run) (data []byte, leftOut []string) {
	t.Helper()
	var b bytes.Buffer
	leftOut, err := Named(format).Write(&b, runs)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), leftOut
}

// TestBench checks that each block of a timing has a line with all digits, and that keys of a run end with it.
func TestBench(t *testing.T) {
	second := twoModels()
	second.ID, second.Host.Facts = "r-2", second.Host.Facts[:1]
	data, leftOut := export(t, "bench", twoModels(), second)
	reader := benchfmt.NewReader(bytes.NewReader(data), "bench")
	var values []float64
	for reader.Scan() {
		r, ok := reader.Result().(*benchfmt.Result)
		if !ok {
			t.Fatal(reader.Result())
		}
		if frequency := r.GetConfig("frequency"); (r.GetConfig(runKey) == "r-2") != (frequency == "") {
			t.Errorf("run %s has frequency %q", r.GetConfig(runKey), frequency)
		}
		if string(r.Name) == "Prefill/model=a/len=512/batch=1-2" {
			v, _ := r.Value("sec/op")
			values = append(values, v)
		}
	}
	if diff := cmp.Diff([]float64{0.0101234567891, 0.0111234567891, 0.0101234567891, 0.0111234567891}, values); diff != "" {
		t.Error(diff)
	}
	if len(leftOut) != 2 || !strings.HasPrefix(leftOut[0], "4 cells without times") || !strings.HasPrefix(leftOut[1], "that 12 cells with times are SUSPECT") {
		t.Errorf("left out %q", leftOut)
	}
}

// TestHyperfine checks the schema that hyperfine documents: one time per block, summaries, and null for what is not known.
func TestHyperfine(t *testing.T) {
	data, _ := export(t, "hyperfine", twoModels())
	var f struct{ Results []map[string]any }
	if err := json.Unmarshal(data, &f); err != nil || len(f.Results) != 6 {
		t.Fatalf("%d results, %v", len(f.Results), err)
	}
	first := f.Results[0]
	for key, want := range map[string]any{
		"command": "prefill a len=512 batch=1", "times": []any{0.0101234567891, 0.0111234567891}, "exit_codes": []any{0.0, 0.0},
		"min": 0.0101234567891, "max": 0.0111234567891, "user": nil, "system": nil,
	} {
		got, ok := first[key]
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("%s (there: %v):\n%s", key, ok, diff)
		}
	}
	for key, want := range map[string]float64{"mean": 0.0106234567891, "median": 0.0106234567891, "stddev": 0.000707106781} {
		if got := first[key].(float64); got < want*0.999999 || got > want*1.000001 {
			t.Errorf("%s is %g, want %g", key, got, want)
		}
	}
	if p := first["parameters"].(map[string]any); p["model"] != "a" || p["len"] != "512" || p["precision"] != "f32" || p["cell"] != "pa" {
		t.Errorf("parameters %v", p)
	}
}

// TestLlamaBench checks the fields that llama-bench's readers use, and that what it has no test for is named.
func TestLlamaBench(t *testing.T) {
	data, leftOut := export(t, "llama-bench", twoModels())
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	if len(lines) != 4 {
		t.Fatalf("%d lines:\n%s", len(lines), data)
	}
	var got []llamaTest
	for _, line := range lines {
		var test llamaTest
		if err := json.Unmarshal(line, &test); err != nil {
			t.Fatal(err)
		}
		got = append(got, test)
	}
	prefill, decode := got[0], got[1]
	if prefill.Prompt != 512 || prefill.Generated != 0 || decode.Prompt != 0 || decode.Generated != 64 || decode.Depth != 128 || prefill.Threads != 2 || prefill.CPU != "Example CPU" || got[2].Type != "fake 2.6M int8" {
		t.Errorf("%+v\n%+v", prefill, decode)
	}
	if diff := cmp.Diff([]int64{11123457, 10123457, 9123457, 12123457, 11123457, 10123457}, prefill.SamplesNS); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int64{1000000, 2000000}, decode.SamplesNS); diff != "" || decode.AvgNS != 1500000 || decode.StddevNS != 707106 {
		t.Errorf("%s%d ± %d", diff, decode.AvgNS, decode.StddevNS)
	}
	if diff := cmp.Diff([]float64{64000, 32000}, decode.SamplesTS); diff != "" || decode.AvgTS != 48000 {
		t.Errorf("%s%g", diff, decode.AvgTS)
	}
	if len(leftOut) != 3 || !strings.HasPrefix(leftOut[0], "2 cells that llama-bench has no test for") {
		t.Errorf("left out %q", leftOut)
	}
}

// TestParquet reads back every call of every sample.
func TestParquet(t *testing.T) {
	run := twoModels()
	run.Cells[0].Samples[0].Dropped = 1
	data, _ := export(t, "parquet", run)
	rows, err := parquet.Read[any](bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var got, want []float64
	for _, r := range rows {
		got = append(got, r.(map[string]any)["value"].(float64))
	}
	for _, c := range run.All() {
		for _, s := range c.Samples {
			want = append(want, s.Every()...)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for i, want := range map[int]map[string]any{
		0: {"counts": false, "attempt": int32(0), "round": int32(0), "validity": "SUSPECT", // a warm-up
			"validity_reasons": "too few blocks for a 95 % interval: 2, at least 6 are needed"},
		1: {"counts": true, "round": int32(1)},
		4: { // the second call of the second block
			"run": run.ID, "cell": "pa", "precision": "f32", "len": int64(512), "depth": nil, "block": int32(1), "round": int32(1), "unit": "s",
			"plugin_sha256": "abc", "host_seconds": 0.011, "settings": nil, "started": run.Started.UnixMicro(),
		},
		len(rows) - 1: {"model": "a@int8", "label": "embedding", "unit": "B", "host_seconds": nil, "value": 1024.0, "validity": "VALID", "validity_reasons": nil},
	} {
		for column, value := range want {
			if got := rows[i].(map[string]any)[column]; got != value {
				t.Errorf("row %d: %s is %v (%T), want %v", i, column, got, got, value)
			}
		}
	}
}

// TestParquetColumns compares the columns with the axes of the probes and with docs/output.md.
func TestParquetColumns(t *testing.T) {
	var columns []string
	for _, f := range parquet.SchemaOf(parquetRow{}).Fields() {
		columns = append(columns, f.Name())
	}
	for _, axis := range result.AxisKeys() {
		if !slices.Contains(columns, axis) {
			t.Errorf("no column for the axis %s", axis)
		}
	}
	page, err := os.ReadFile(filepath.Join(sharedtest.RepoRoot(t), "docs", "output.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## export")
	section, _, _ = strings.Cut(section, "\n## ")
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(section, -1) {
		for _, key := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			documented = append(documented, key[1])
		}
	}
	if diff := cmp.Diff(documented, columns); diff != "" {
		t.Errorf("columns, documented (-) and written (+):\n%s", diff)
	}
}

// TestNothingToWrite checks that a run without fitting samples is an error and writes nothing.
func TestNothingToWrite(t *testing.T) {
	run := twoModels()
	run.Cells = slices.DeleteFunc(run.Cells, func(c record.Cell) bool { return c.Probe != "memory" })
	for _, f := range Formats {
		var b bytes.Buffer
		if f.Name == "parquet" {
			run.Cells = nil
		}
		if _, err := f.Write(&b, []*record.Run{run}); !errors.Is(err, ErrNothing) || b.Len() > 0 {
			t.Errorf("%s: %d bytes, %v", f.Name, b.Len(), err)
		}
	}
}
