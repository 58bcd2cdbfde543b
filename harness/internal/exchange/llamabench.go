package exchange

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/unit"
)

// llamaTest is one line of llama-bench -o jsonl, as far as its fields are known here. Others depend on its version.
type llamaTest struct {
	Build      string    `json:"build_commit"`
	CPU        string    `json:"cpu_info"`
	Backends   string    `json:"backends"`
	File       string    `json:"model_filename"`
	Type       string    `json:"model_type"`
	Size       int64     `json:"model_size"`
	Parameters int64     `json:"model_n_params"`
	Threads    int       `json:"n_threads"`
	Prompt     int       `json:"n_prompt"`
	Generated  int       `json:"n_gen"`
	Depth      int       `json:"n_depth"`
	Time       string    `json:"test_time"`
	AvgNS      int64     `json:"avg_ns"`
	StddevNS   int64     `json:"stddev_ns"`
	AvgTS      float64   `json:"avg_ts"`
	StddevTS   float64   `json:"stddev_ts"`
	SamplesNS  []int64   `json:"samples_ns"`
	SamplesTS  []float64 `json:"samples_ts"`
}

// writeLlamaBench writes one line per cell, with every call of all blocks as a repetition.
func writeLlamaBench(w io.Writer, runs []*record.Run) (leftOut []string, err error) {
	written, foreign := 0, 0
	timed(runs, func(run *record.Run, c *record.Cell, samples []record.Sample) {
		t, ok := llamaShape(c)
		if !ok || err != nil {
			foreign++
			return
		}
		written++
		m := model(run, c)
		t.describe(run, m)
		t.fill(samples)
		var line []byte
		if line, err = t.line(m.Options); err == nil {
			_, err = w.Write(line)
		}
	})
	if written == 0 {
		return nil, nothing("llama-bench's JSON", runs)
	}
	if foreign > 0 {
		leftOut = append(leftOut, result.Describe(foreign, "cell")+" that llama-bench has no test for: it reads a prompt (prefill) or generates tokens (decode) of one document")
	}
	return append(leftOut, untold(runs)...), err
}

// llamaShape returns the test that a cell corresponds to. llama-bench has none for several documents at once.
func llamaShape(c *record.Cell) (t llamaTest, ok bool) {
	number := func(name string) int {
		n, _ := strconv.Atoi(c.Point.Get(name) + c.Params.Get(name)) // one of them has it
		return n
	}
	t.Depth = number("depth")
	switch c.Probe {
	case "prefill":
		t.Prompt = number("len")
	case "decode":
		t.Generated = number("tokens")
	}
	return t, number("batch") == 1 && t.tokens() > 0
}

// tokens are those that a sample's time covers.
func (t *llamaTest) tokens() int { return t.Prompt + t.Generated }

// describe adds what was measured, and where.
func (t *llamaTest) describe(run *record.Run, m *record.Model) {
	t.Build, t.Time = run.Version, run.Started.UTC().Format(time.RFC3339)
	for _, f := range run.Host.Facts {
		if f.Name == "cpu" {
			t.CPU = f.Value
		}
	}
	t.Backends, t.File, t.Threads, t.Size, t.Parameters = m.Device, m.Name, m.Threads, m.WeightBytes, m.Parameters
	t.Type = fmt.Sprintf("%s %.4gM %s", m.Architecture, float64(m.Parameters)/1e6, result.PrecisionOf(m))
	if run.Imported() {
		t.Build, t.File, t.Type = factOf(run.Facts, "tool version"), cmp.Or(m.Checkpoint, m.Name), m.Options["model_type"]
	}
}

// line is the test as a line of JSON, with the settings of its model. They are stored as text; whole numbers and truth values are
// such again.
func (t *llamaTest) line(settings map[string]string) ([]byte, error) {
	fields := map[string]json.RawMessage{}
	for name, value := range settings {
		_, err := strconv.ParseInt(value, 10, 64)
		if whole := err == nil && json.Valid([]byte(value)); whole || value == "true" || value == "false" {
			fields[name] = json.RawMessage(value)
			continue
		}
		fields[name], _ = json.Marshal(value) // text always has a form
	}
	known, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(known, &fields); err != nil {
		return nil, err
	}
	line, err := json.Marshal(fields)
	return append(line, '\n'), err
}

// fill adds the samples. The time of a decoding step is that of one of the generated tokens.
func (t *llamaTest) fill(samples []record.Sample) {
	var ns []float64
	for _, s := range samples {
		for _, seconds := range s.Values() {
			if s.Metric == probe.DecodeSeconds {
				seconds *= float64(t.Generated)
			}
			ns = append(ns, max(1, math.Round(seconds*1e9)))
		}
	}
	for _, x := range ns {
		t.SamplesNS = append(t.SamplesNS, int64(x))
		t.SamplesTS = append(t.SamplesTS, float64(t.tokens())/x*1e9)
	}
	t.AvgNS, t.AvgTS = int64(stat.Mean(ns, nil)), stat.Mean(t.SamplesTS, nil)
	if len(ns) > 1 {
		t.StddevNS, t.StddevTS = int64(stat.StdDev(ns, nil)), stat.StdDev(t.SamplesTS, nil)
	}
}

// llamaKnown are the fields that say what a test is and what came out; all others are settings of the model.
var llamaKnown = append(fieldsOf(llamaTest{}), "build_number", "gpu_info")

// fieldsOf lists the JSON names of a struct.
func fieldsOf(v any) (names []string) {
	for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
		names = append(names, f.Tag.Get("json"))
	}
	return names
}

// llamaLine is a test of a file, with its place there and the settings of its model.
type llamaLine struct {
	llamaTest
	place      string
	build, gpu string
	settings   map[string]string
}

// llamaBench reads tests, as an array or one per line. The samples of a test come from one process, in sequence.
func (r *reading) llamaBench(data []byte) error {
	lines, err := r.llamaLines(data)
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		return fmt.Errorf("%s: no test", r.file)
	}
	if err := r.llamaHost(lines); err != nil {
		return err
	}
	names, err := r.llamaModels(lines)
	if err != nil {
		return err
	}
	lengths := result.Distinct(slices.DeleteFunc(slices.Clone(lines), func(l llamaLine) bool { return l.Prompt > 0 }), func(l llamaLine) int { return l.Generated })
	for i, l := range lines {
		if err := r.llamaTest(names[i], l, len(lengths) > 1); err != nil {
			return err
		}
	}
	return nil
}

// llamaLines decodes and checks the tests of a file.
func (r *reading) llamaLines(data []byte) (lines []llamaLine, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	line, counted := 1, 0
	for {
		start := int(d.InputOffset())
		start += len(data[start:]) - len(bytes.TrimLeft(data[start:], " \t\r\n"))
		line, counted = line+bytes.Count(data[counted:start], []byte("\n")), start
		place := fmt.Sprintf("line %d", line)
		var whole json.RawMessage
		err := d.Decode(&whole)
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return nil, r.errorf(place, "%w", err)
		}
		objects, list := []json.RawMessage{whole}, false
		if list = whole[0] == '['; list {
			if err := json.Unmarshal(whole, &objects); err != nil {
				return nil, r.errorf(place, "%w", err)
			}
		}
		for i, object := range objects {
			if list {
				place = fmt.Sprintf("test %d", i+1)
			}
			l, err := llamaLineOf(object)
			if err != nil {
				return nil, r.errorf(place, "%w", err)
			}
			l.place = place
			if lines = append(lines, l); len(lines) > mostCells {
				return nil, fmt.Errorf("%s: more than %d tests", r.file, mostCells)
			}
		}
	}
}

// llamaLineOf decodes one test.
func llamaLineOf(object json.RawMessage) (l llamaLine, err error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(object, &all); err != nil {
		return l, errors.New("not an object of llama-bench")
	}
	if err := json.Unmarshal(object, &l.llamaTest); err != nil {
		return l, errors.New(explain(err))
	}
	l.settings = map[string]string{}
	for name, value := range all {
		var text string
		if json.Unmarshal(value, &text) != nil {
			text = string(value)
		}
		if len(name)+len(text) > mostName {
			return l, fmt.Errorf("%.40s: longer than %d bytes", name, mostName)
		}
		switch {
		case name == "build_number":
			l.build = text
		case name == "gpu_info":
			l.gpu = text
		case !slices.Contains(llamaKnown, name) || name == "n_threads":
			l.settings[name] = text
		}
	}
	return l, l.check()
}

// check rejects numbers that cannot be.
func (t *llamaTest) check() error {
	for name, n := range map[string]int{"n_prompt": t.Prompt, "n_gen": t.Generated, "n_depth": t.Depth, "n_threads": t.Threads} {
		if n < 0 || n > mostTokens {
			return fmt.Errorf("%s is %d, which is not between 0 and %d", name, n, mostTokens)
		}
	}
	switch {
	case t.File == "":
		return errors.New("model_filename is blank or missing")
	case t.tokens() == 0:
		return errors.New("n_prompt and n_gen are 0 or missing")
	case len(t.SamplesNS) == 0:
		return errors.New("samples_ns is missing; llama-bench writes it with -o json or jsonl")
	case t.Size < 0 || t.Parameters < 0:
		return errors.New("model_size or model_n_params is negative")
	}
	for i, ns := range t.SamplesNS {
		if err := checkSeconds(float64(ns) / 1e9); err != nil {
			return fmt.Errorf("samples_ns[%d]: %w", i, err)
		}
	}
	return nil
}

// llamaHost tells where and by what the tests were made. A file of two machines is rejected: compare its parts.
func (r *reading) llamaHost(lines []llamaLine) error {
	machine := func(l llamaLine) string { return strings.Join([]string{l.CPU, l.gpu, l.Backends}, ", ") }
	first := lines[0]
	for _, l := range lines {
		if machine(l) != machine(first) {
			return r.errorf(l.place, "measured on %s, the tests before on %s; import those of each machine from a file of its own", machine(l), machine(first))
		}
		if t, err := time.Parse(time.RFC3339, l.Time); err == nil && (!r.started || t.Before(r.run.Started)) && t.Year() > 1970 && t.Year() < 2200 {
			r.started, r.run.Started = true, t.UTC()
		}
	}
	r.run.Host.Facts = []record.Fact{fact("cpu", first.CPU, "cpu_info is blank"), fact("gpu", first.gpu, "gpu_info is blank"), fact("backends", first.Backends, "backends is blank")}
	if first.CPU != "" {
		r.class = []string{first.CPU, first.gpu, first.Backends}
	}
	r.tell("tool", "llama-bench", "")
	builds := result.Distinct(lines, func(l llamaLine) string { return strings.TrimSpace(l.Build + " " + l.build) })
	r.tell("tool version", strings.TrimSpace(strings.Join(builds, ", ")), "build_commit is blank")
	return nil
}

// llamaModels adds a model for each file and settings, and returns the name of each test's. A model is named after its file,
// with the settings in which it differs from others of that file.
func (r *reading) llamaModels(lines []llamaLine) ([]string, error) {
	settings := map[string][]map[string]string{} // by file
	for _, l := range lines {
		settings[l.File] = append(settings[l.File], l.settings)
	}
	files := map[string][]string{} // by short name
	for file := range settings {
		files[shortName(file)] = append(files[shortName(file)], file)
	}
	names, known := make([]string, len(lines)), map[string]string{}
	for i, l := range lines {
		key := l.File + "\x00" + spelled(l.settings)
		if known[key] == "" {
			name := shortName(l.File)
			if len(files[name]) > 1 {
				name = l.File
			}
			architecture, precision := l.kind()
			m := record.Model{Architecture: architecture, Precision: precision, Checkpoint: l.File, Threads: l.Threads, Device: l.Backends,
				Options: l.settings, Parameters: l.Parameters, WeightBytes: l.Size}
			if l.Type != "" {
				m.Options["model_type"] = l.Type
			}
			var err error
			if known[key], err = r.model(m, strings.TrimSpace(name+" "+spelled(differing(l.settings, settings[l.File])))); err != nil {
				return nil, err
			}
		}
		names[i] = known[key]
	}
	return names, nil
}

// shortName is the name of a model file without its folder and ending.
func shortName(file string) string { return strings.TrimSuffix(path.Base(file), ".gguf") }

// differing are the settings whose values others do not share.
func differing(own map[string]string, all []map[string]string) map[string]string {
	out := map[string]string{}
	for name, value := range own {
		if name != "model_type" && slices.ContainsFunc(all, func(o map[string]string) bool { return o[name] != value }) {
			out[name] = value
		}
	}
	return out
}

// kind splits model_type, for example "qwen2 7B Q4_K - Medium", into architecture and precision.
func (t *llamaTest) kind() (architecture, precision string) {
	words := strings.SplitN(t.Type, " ", 3)
	if len(words) < 3 {
		return "", ""
	}
	return words[0], words[2]
}

// llamaTest adds the samples of a test. Older versions have no n_depth and begin with an empty context.
func (r *reading) llamaTest(model string, l llamaLine, lengths bool) error {
	at := func(name string, n int) record.Coordinate {
		return record.Coordinate{Name: name, Value: strconv.Itoa(n)}
	}
	kind, metric, divisor := "prefill", probe.PrefillSeconds, 1e9
	point, params := record.Point{at("len", l.Prompt), at("batch", 1)}, record.Point(nil)
	switch {
	case l.Prompt > 0 && l.Generated > 0:
		kind, metric = "task", probe.TaskSeconds
		point = record.Point{{Name: "task", Value: fmt.Sprintf("pp%d+tg%d", l.Prompt, l.Generated)}}
	case l.Generated > 0:
		kind, metric, divisor = "decode", probe.DecodeSeconds, 1e9*float64(l.Generated)
		point = record.Point{at("depth", l.Depth), at("batch", 1)}
		if params = (record.Point{at("tokens", l.Generated)}); lengths {
			point, params = append(point, params...), nil
		}
	}
	if l.Depth > 0 && kind != "decode" {
		point = append(point, at("depth", l.Depth))
	}
	c, err := r.cell(model, kind, point, params)
	if err != nil {
		return err
	}
	var values []float64
	for _, ns := range l.SamplesNS {
		values = append(values, float64(ns)/divisor)
	}
	return r.add(c, blocks(c), metric, unit.Second, values...)
}

// explain says what is wrong with a value of JSON that has another type.
func explain(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Sprintf("%s is a %s, which does not fit", wrong.Field, wrong.Value)
	}
	return err.Error()
}
