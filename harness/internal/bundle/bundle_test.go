package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/report"
	"github.com/archbench/archbench/harness/internal/table"
)

var me = Maker{"v1", "go1", "linux/amd64"}

// example is a run of two models with timings of several calls, untimed samples, a missing cell and a failed one.
func example() *record.Run {
	run := &record.Run{
		ID: "r-7f3a2c01", Started: time.Date(2026, 11, 22, 3, 0, 0, 5, time.UTC), Ended: time.Date(2026, 11, 22, 3, 4, 41, 0, time.UTC),
		Status: record.Done, Version: "v1", Command: "archbench run speed", Seed: 1 << 63, Suites: []string{"speed 1"},
		Facts: []record.Fact{{Name: "text", Value: "sha256 ab"}, {Name: "frequency", Reason: "no cpufreq"}},
		Host:  record.Host{ID: "h", Fingerprint: "f", Facts: []record.Fact{{Name: "cpu", Value: "Example <CPU>"}}},
	}
	for i, name := range []string{"bk", "gpt2"} {
		run.Models = append(run.Models, record.Model{Name: name, Architecture: name, Checkpoint: "models/" + name, Precision: "f32", Threads: 2,
			Tokenizer: record.Tokenizer{Name: "bytes", SHA256: "cd"}, PluginSHA: "ab", Parameters: 1000, Causal: true, Options: map[string]string{"k": "v"}})
		for _, length := range []string{"128"} {
			c := record.Cell{ID: strings.Repeat(fmt.Sprintf("%d%s", i, length), 10), Suite: "speed", Probe: "prefill", Model: name, Repeats: 10, Rounds: 3,
				Status: record.OK, Point: record.Point{{Name: "len", Value: length}, {Name: "batch", Value: "1"}}, Warnings: []string{"beyond"}}
			for block := range 10 {
				seconds := 0.01*float64(len(length)+i) + 0.0001*float64(block)
				c.Samples = append(c.Samples, record.Sample{Metric: probe.PrefillSeconds, Value: seconds, Unit: "s", Block: block, Position: i,
					Host: time.Duration(seconds * 1.1e9), Plugin: time.Duration(seconds * 1e9), Calls: []float64{seconds * 1.3, seconds, seconds / 3}})
			}
			run.Cells = append(run.Cells, c)
		}
		run.Cells = append(run.Cells, record.Cell{ID: fmt.Sprintf("c%d", i), Suite: "memory", Probe: "memory", Model: name, Repeats: 1, Status: record.OK,
			Point:   record.Point{{Name: "len", Value: "128"}},
			Samples: []record.Sample{{Metric: probe.StateBytes, Value: 1024, Unit: "B"}, {Metric: probe.WeightBytes, Label: "linear", Value: 4000, Unit: "B"}}})
	}
	run.Cells = append(run.Cells,
		record.Cell{ID: "d0", Suite: "speed", Probe: "prefill", Model: "gpt2", Repeats: 10, Status: record.Unavailable, Reason: "context limit 512",
			Point: record.Point{{Name: "len", Value: "8192"}, {Name: "batch", Value: "1"}}},
		record.Cell{ID: "d1", Suite: "speed", Probe: "decode", Model: "gpt2", Repeats: 10, Status: record.Failed,
			Failure: &record.Failure{Class: "crash", Message: "signal: killed", Stderr: "panic\n", Reproduce: "archbench run"},
			Point:   record.Point{{Name: "depth", Value: "16"}, {Name: "batch", Value: "1"}}})
	return run
}

func written(t testing.TB, run *record.Run) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, run, me); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func opened(t testing.TB, archive []byte) *Bundle {
	t.Helper()
	b, err := Read(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// failures returns what failed, and all findings.
func failures(checks []Check) (what []string, found string) {
	for _, c := range checks {
		if c.State == failed {
			what = append(what, c.What)
		}
		found += c.What + ": " + c.Found + "\n"
	}
	return what, found
}

// TestRoundTrip checks that a bundle is reproducible, holds the whole run and verifies.
func TestRoundTrip(t *testing.T) {
	archive := written(t, example())
	if !bytes.Equal(archive, written(t, example())) {
		t.Error("the same run gave two different bundles")
	}
	b := opened(t, archive)
	run, err := b.run()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(example(), run); diff != "" {
		t.Errorf("the run changed (-want +got):\n%s", diff)
	}
	checks := b.Verify(me)
	if what, found := failures(checks); what != nil || len(checks) != 5 {
		t.Errorf("%v\n%s", what, found)
	}
	for _, name := range []string{"report/index.html", "report/report.md", "report/report.json", "report/tables/cells.csv"} {
		if len(b.files[name]) == 0 {
			t.Errorf("it has no %s", name)
		}
	}
}

// TestFlips changes one thing in a bundle, with and without a manifest that agrees, and expects the check that says so.
func TestFlips(t *testing.T) {
	line := func(metric string, block int, from, to string) func(string) string {
		return func(s string) string {
			lines := strings.Split(s, "\n")
			for i, l := range lines {
				if strings.Contains(l, metric) && strings.Contains(l, fmt.Sprintf(`"block":%d,`, block)) {
					lines[i] = strings.Replace(l, from, to, 1)
					break
				}
			}
			return strings.Join(lines, "\n")
		}
	}
	replace := func(from, to string) func(string) string {
		return func(s string) string { return strings.Replace(s, from, to, 1) }
	}
	archive := written(t, example())
	const first, memory = "cell 0128012801 (prefill bk len=128 batch=1)", "cell c0 (memory bk len=128)"
	for name, c := range map[string]struct {
		file   string
		change func(string) string
		what   []string
		found  string
	}{
		"value and median call": {samplesName, line("prefill", 4, ",0.0304,", ",0.0305,"), []string{"samples", "statistics", "report"}, "sample 5 of prefill_seconds, block 4 of " + first},
		"value alone":           {samplesName, line("prefill", 4, `"value":0.0304`, `"value":0.0305`), []string{"samples", "statistics", "report"}, "does not follow from its calls that count, which give 0.0304"},
		"slowest call":          {samplesName, line("prefill", 9, "0.04017", "0.14017"), []string{"samples", "statistics", "report"}, "other samples of " + first},
		"untimed":               {samplesName, line("state_bytes", 0, "1024", "1025"), []string{"samples", "statistics", "report"}, "other samples of " + memory},
		"host's time":           {samplesName, line("prefill", 2, `"host_ns":`, `"host_ns":1`), []string{"samples", "statistics", "report"}, "report.json: facts, row 3 (samples sha256), value is "},
		"block":                 {samplesName, line("prefill", 9, `"block":9`, `"block":10`), []string{"samples", "statistics", "report"}, "other samples of " + first},
		"dropped sample":        {samplesName, func(s string) string { return s[strings.Index(s, "\n")+1:] }, []string{"samples", "statistics", "report"}, first},
		"moved sample":          {samplesName, replace(`{"cell":"c0"`, `{"cell":"c1"`), []string{"samples", "statistics", "report"}, memory},
		"unknown cell":          {samplesName, replace(`{"cell":"c0"`, `{"cell":"c9"`), []string{"run"}, `samples.jsonl: line 11: run r-7f3a2c01 has no cell "c9"`},
		"unknown key":           {samplesName, replace(`"metric"`, `"metrik"`), []string{"run"}, `samples.jsonl: line 1: json: unknown field "metrik"`},
		"no number":             {samplesName, replace(`1024`, `1e999`), []string{"run"}, "samples.jsonl: line 11: "},
		"status of a cell":      {planName, replace(`"status": "n/a"`, `"status": "odd"`), []string{"run"}, `unknown status "odd"`},
		"another run":           {planName, replace("r-7f3a2c01", "r-7f3a2c02"), []string{"run"}, `plan.json is of run "r-7f3a2c02"`},
		"reason of a cell":      {planName, replace("context limit 512", "context limit 51"), []string{"statistics", "report"}, "values, row 3 (speed speed-prefill gpt2 prefill len=8192 batch=1), reason is context limit 512, recomputed: context limit 51"},
		"tokenizer":             {environmentName, replace(`"cd"`, `"ce"`), []string{"statistics", "report"}, "models, row 1 (bk), tokenizer_sha256 is cd, recomputed: ce"},
		"host":                  {environmentName, replace("Example", "Dear"), []string{"statistics", "report"}, "host, row 1 (cpu), value is "},
		"number of the report":  {reportData, replace(`"value":1024`, `"value":102`), []string{"statistics", "report"}, "values, row "},
		"row of the report":     {reportData, replace("\"notes\": [", "\"notes\": [{\"note\":\"new\"}"), []string{"statistics", "report"}, "notes, rows is 1, recomputed: 0"},
		"no report":             {reportData, func(string) string { return "{" }, []string{"statistics"}, reportData},
		"page":                  {"report/index.html", replace("bk", "kb"), []string{"report"}, "1 of "},
		"figure":                {"report/figures/speed-prefill.svg", replace("<", "< "), []string{"report"}, "speed-prefill.svg, line 1"},
	} {
		t.Run(name, func(t *testing.T) {
			b := opened(t, archive)
			changed := c.change(string(b.files[c.file]))
			if changed == string(b.files[c.file]) {
				t.Fatalf("nothing to change in %s", c.file)
			}
			b.files[c.file] = []byte(changed)
			if check := b.hashes(); check.State != failed || !strings.HasPrefix(check.Found, c.file+": ") {
				t.Errorf("manifest of before: %+v", check)
			}
			what, found := failures(opened(t, packed(t, b.manifest, b.files)).Verify(me))
			if !slices.Equal(what, c.what) || !strings.Contains(found, c.found) {
				t.Errorf("manifest of after: %v, want %v with %q\n%s", what, c.what, c.found, found)
			}
		})
	}
}

// packed makes an archive whose manifest agrees with the files.
func packed(t testing.TB, m manifest, files map[string][]byte) []byte {
	t.Helper()
	m.Files = nil
	var out bytes.Buffer
	if err := pack(&out, m, files); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestEverySample flips the last bit of each number of each sample in turn.
func TestEverySample(t *testing.T) {
	run := example()
	b := opened(t, written(t, run))
	bundled, err := readData(b.files[reportData])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range run.All() {
		for i := range c.Samples {
			numbers := []*float64{&c.Samples[i].Value}
			for j := range c.Samples[i].Calls {
				numbers = append(numbers, &c.Samples[i].Calls[j])
			}
			for _, n := range numbers {
				*n = math.Nextafter(*n, 2e9)
				if check := samples(run, bundled); check.State != failed || !strings.Contains(check.Found, "cell "+c.ID[:min(10, len(c.ID))]) {
					t.Errorf("sample %d of %s: %+v", i, c.ID, check)
				}
				*n = math.Nextafter(*n, 0)
			}
		}
	}
	if check := samples(run, bundled); check.State != good {
		t.Errorf("restored: %+v", check)
	}
}

// TestElsewhere verifies with another version or platform: numbers agree to 1e-9, words and pictures are not compared.
func TestElsewhere(t *testing.T) {
	other := Maker{"v2", me.Go, "linux/arm64"}
	archive := written(t, example())
	for name, c := range map[string]struct {
		from, to string
		what     []string
	}{
		"the same":          {"", "", nil},
		"rounding":          {`"value":0.0304`, `"value":0.03040000000001`, nil},
		"another number":    {`"value":1024`, `"value":1024.001`, []string{"statistics"}},
		"another word":      {`"context limit 512"`, `"at most 512"`, nil},
		"another status":    {`"status":"failed"`, `"status":"ok"`, []string{"statistics"}},
		"a key more":        {`{"run":"r-7f3a2c01",`, `{"new":1,"run":"r-7f3a2c01",`, []string{"statistics"}},
		"a key less":        {`"warnings":["beyond"],`, ``, nil},
		"other claims":      {`"claims": [`, `"claims": [{"new":1},`, nil},
		"a table more":      {`"cells":`, `"more": [], "cells":`, []string{"statistics"}},
		"another precision": {`"precision":"f32"`, `"precision":"int8"`, []string{"statistics"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := opened(t, archive)
			text := string(b.files[reportData])
			if c.from != "" && !strings.Contains(text, c.from) && name != "rounding" {
				t.Fatalf("nothing to change:\n%s", text)
			}
			b.files[reportData] = []byte(strings.Replace(text, c.from, c.to, 1))
			b.files["report/index.html"] = []byte("another page")
			checks := opened(t, packed(t, b.manifest, b.files)).Verify(other)
			what, found := failures(checks)
			if last := checks[len(checks)-1]; !slices.Equal(what, c.what) || last.State != none || !strings.Contains(last.Found, me.String()) {
				t.Errorf("%v, want %v\n%s", what, c.what, found)
			}
		})
	}
}

// TestNotFinite checks that a run that JSON cannot hold is refused with the cell's name.
func TestNotFinite(t *testing.T) {
	run := example()
	run.Cells[0].Samples[3].Value = math.Inf(1)
	if err := Write(io.Discard, run, me); err == nil || !strings.Contains(err.Error(), "sample 3 of cell 0128012801") {
		t.Errorf("error %v", err)
	}
}

// file is an entry of a hand-made archive.
type file struct {
	header tar.Header
	data   string
}

// archived makes an archive of entries, with a tail behind the last.
func archived(t testing.TB, tail string, files ...file) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	for _, f := range files {
		if f.header.Size = int64(len(f.data)); f.header.Typeflag == 0 {
			f.header.Typeflag = tar.TypeReg
		}
		if err := archive.WriteHeader(&f.header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(archive, f.data); err != nil {
			t.Fatal(err)
		}
	}
	_, err := io.WriteString(zipped, tail)
	if err = errors.Join(err, archive.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func manifestOf(files string) file {
	return file{tar.Header{Name: manifestName}, `{"format":1,"archbench":"v1","go":"g","platform":"p","run":"r","files":[` + files + `]}`}
}

// hostile are archives that must be refused, by what is wrong with them, and the words that say so.
func hostile(t testing.TB) map[string]struct {
	archive []byte
	want    string
} {
	type is = struct {
		archive []byte
		want    string
	}
	whole := written(t, example())
	plan := file{tar.Header{Name: planName}, "{}"}
	declared := `{"name":"plan.json","size":2,"sha256":""}`
	all := map[string]is{
		"empty":             {nil, "EOF"},
		"no gzip":           {[]byte("PK\x03\x04 something else entirely"), "gzip: invalid header"},
		"no archive":        {archived(t, strings.Repeat("x", 600)), "invalid tar header"},
		"no manifest":       {archived(t, ""), "it has no manifest.json"},
		"other order":       {archived(t, "", plan, manifestOf(declared)), `entry "plan.json" is where manifest.json must be`},
		"manifest no JSON":  {archived(t, "", file{tar.Header{Name: manifestName}, "{"}), "manifest.json: unexpected end of JSON"},
		"no format":         {archived(t, "", file{tar.Header{Name: manifestName}, "{}"}), "it has no format"},
		"huge manifest":     {archived(t, "", file{tar.Header{Name: manifestName}, strings.Repeat(" ", maxManifest+1)}), "at most 4194304 are allowed"},
		"missing entry":     {archived(t, "", manifestOf(declared)), "it has no plan.json"},
		"unknown entry":     {archived(t, "", manifestOf(declared), plan, file{tar.Header{Name: "extra"}, ""}), `entry "extra" is not in the manifest`},
		"entry twice":       {archived(t, "", manifestOf(declared), plan, plan), `entry "plan.json" is not in the manifest`},
		"declared twice":    {archived(t, "", manifestOf(declared+","+declared), plan, plan), `lists "plan.json" twice`},
		"another size":      {archived(t, "", manifestOf(declared), file{tar.Header{Name: planName}, "{"}), "plan.json has 1 bytes, the manifest says 2"},
		"too large":         {archived(t, "", manifestOf(declared), file{tar.Header{Name: planName}, "{  }"}), "plan.json has 4 bytes, the manifest says 2"},
		"negative size":     {archived(t, "", manifestOf(`{"name":"plan.json","size":-1,"sha256":""}`)), "size of -1 bytes"},
		"bomb":              {archived(t, "", manifestOf(`{"name":"samples.jsonl","size":1000000000,"sha256":""}`)), "unpack to 1000000000; at most 16777216"},
		"sum of sizes":      {archived(t, "", manifestOf(`{"name":"plan.json","size":1000000000,"sha256":""},{"name":"samples.jsonl","size":1000000000,"sha256":""}`)), "unpack to 2000000000"},
		"undeclared bomb":   {archived(t, strings.Repeat("\x00", 40<<20)), "it has no manifest.json"},
		"bomb behind":       {archived(t, "", manifestOf(declared), plan, file{tar.Header{Name: "z"}, strings.Repeat("\x00", 40<<20)}), `entry "z" is not in the manifest`},
		"more behind files": {archived(t, strings.Repeat("\x00", 1024)+"hidden"), "it has no manifest.json"},
		"more behind all":   {append(slices.Clone(whole), "hidden"...), "there is more behind its end"},
		"second stream":     {append(slices.Clone(whole), whole...), "there is more behind its end"},
		"cut off":           {whole[:len(whole)/2], "it is cut off"},
		"no checksum":       {whole[:len(whole)-8], "it is cut off"},
	}
	broken := slices.Clone(whole)
	broken[len(broken)-6] ^= 1
	all["wrong checksum"] = is{broken, "gzip: invalid checksum"}
	for name, path := range map[string]string{"traversal": "../plan.json", "deep traversal": "report/../../x", "absolute": "/plan.json",
		"absolute below": "report//etc", "backslash": `report/..\x`, "elsewhere": "other.json", "control": "report\x1b[2J"} {
		all[name] = is{archived(t, "", manifestOf(fmt.Sprintf(`{"name":%q,"size":0,"sha256":""}`, strings.ReplaceAll(path, "\x1b", "?")))), "which no bundle has"}
		all[name+", undeclared"] = is{archived(t, "", manifestOf(declared), file{tar.Header{Name: path}, ""}), "is where plan.json must be"}
	}
	for name, kind := range map[string]byte{"symbolic link": tar.TypeSymlink, "hard link": tar.TypeLink, "device": tar.TypeBlock, "character device": tar.TypeChar, "FIFO": tar.TypeFifo, "directory": tar.TypeDir} {
		header := tar.Header{Name: planName, Typeflag: kind, Linkname: "/etc/passwd"}
		all[name] = is{archived(t, "", manifestOf(declared), file{header, ""}), "is a link, a folder or a special file"}
	}
	return all
}

func TestHostile(t *testing.T) {
	for name, c := range hostile(t) {
		t.Run(name, func(t *testing.T) {
			_, err := Read(bytes.NewReader(c.archive), int64(len(c.archive)))
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// TestNewer refuses another format before it looks at anything else in it.
func TestNewer(t *testing.T) {
	archive := archived(t, "", file{tar.Header{Name: manifestName}, `{"format":2,"files":"elsewhere","new":true}`})
	if _, err := Read(bytes.NewReader(archive), 1); !errors.Is(err, ErrNewer) || errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "format is 2") {
		t.Errorf("error %v", err)
	}
}

// TestExtremes verifies runs of odd but possible values, which charts and statistics must survive.
func TestExtremes(t *testing.T) {
	for name, spoil := range map[string]func(c *record.Cell, s *record.Sample){
		"huge":     func(_ *record.Cell, s *record.Sample) { s.Value, s.Calls = math.MaxFloat64, nil },
		"negative": func(_ *record.Cell, s *record.Sample) { s.Value, s.Block, s.Calls = -s.Value, -s.Block<<40, nil },
		"no point": func(c *record.Cell, s *record.Sample) { c.Point, s.Calls = nil, []float64{s.Value} },
		"far": func(c *record.Cell, s *record.Sample) {
			c.Point[0].Value, s.Value, s.Calls = "9223372036854775807", 0, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			run := example()
			for _, c := range run.All() {
				for i := range c.Samples {
					spoil(c, &c.Samples[i])
				}
			}
			if what, found := failures(opened(t, written(t, run)).Verify(me)); what != nil {
				t.Errorf("%v\n%s", what, found)
			}
		})
	}
}

// FuzzRead reads any archive: it is refused with a reason, or its run can be rebuilt or not.
func FuzzRead(f *testing.F) {
	all := map[string][]byte{"whole": written(f, example())}
	for name, c := range hostile(f) {
		all[name] = c.archive
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if zipped, err := gzip.NewReader(bytes.NewReader(all[name])); err == nil && len(all[name]) < 1<<16 {
			if plain, _ := io.ReadAll(zipped); len(plain) < 1<<20 {
				f.Add(plain)
			}
		}
	}
	f.Fuzz(func(t *testing.T, plain []byte) {
		var out bytes.Buffer
		zipped, _ := gzip.NewWriterLevel(&out, gzip.NoCompression)
		_, err := zipped.Write(plain)
		if err = errors.Join(err, zipped.Close()); err != nil {
			t.Fatal(err)
		}
		b, err := Read(&out, int64(out.Len()))
		if err == nil {
			b.hashes()
			_, _ = b.run()
		} else if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrNewer) {
			t.Errorf("error %v is of no kind", err)
		}
	})
}

// FuzzVerify verifies bundles of any content, except for pictures: only samples of the report verify, and nothing panics.
func FuzzVerify(f *testing.F) {
	b := opened(f, written(f, example()))
	f.Add(b.files[planName], b.files[environmentName], b.files[samplesName], b.files[reportData])
	f.Fuzz(func(t *testing.T, plan, environment, lines, text []byte) {
		files := map[string][]byte{planName: plan, environmentName: environment, samplesName: lines}
		run, err := (&Bundle{manifest: b.manifest, files: files}).run()
		bundled, unread := readData(text)
		if err != nil || unread != nil {
			return
		}
		tables := report.Build(run).Data()
		var again bytes.Buffer
		if err := table.Write(&again, "json", 0, tables...); err != nil {
			t.Fatal(err)
		}
		recomputed, err := readData(again.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		c := comparison{bundled: bundled, recomputed: recomputed}
		checks := []Check{samples(run, bundled), c.statistics(tables)}
		Table(checks)
		if record.SamplesSHA(run.All()...) != b.Files[len(b.Files)-1].SHA256 && bytes.Equal(text, b.files[reportData]) && Good(checks) {
			t.Error("other samples verify")
		}
	})
}
