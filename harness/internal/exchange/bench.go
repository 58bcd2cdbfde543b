package exchange

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/unit"
)

// writeBenchFile writes runs that have times.
func writeBenchFile(w io.Writer, runs []*record.Run) ([]string, error) {
	if !slices.ContainsFunc(runs, func(r *record.Run) bool {
		return slices.ContainsFunc(r.All(), func(c *record.Cell) bool { return len(times(c)) > 0 })
	}) {
		return nil, nothing("the Go benchmark format", runs)
	}
	return untold(runs), WriteBench(w, runs...)
}

// WriteBench writes the timed samples of runs in the Go benchmark format, one line per block, for benchstat:
// BenchmarkPrefill/model=gpt2/len=512-2 1 0.0101 sec/op 50693 tokens/sec. The keys before the lines of a run hold for it alone.
func WriteBench(w io.Writer, runs ...*record.Run) error {
	var b bytes.Buffer
	var before []string
	for _, run := range runs {
		var keys []string
		for _, f := range run.Host.Facts {
			keys = append(keys, strings.ReplaceAll(f.Name, " ", "-"))
			fmt.Fprintf(&b, "%s: %s\n", keys[len(keys)-1], oneLine(f.Words()))
		}
		for _, key := range before {
			if !slices.Contains(keys, key) {
				fmt.Fprintf(&b, "%s:\n", key)
			}
		}
		before = keys
		fmt.Fprintf(&b, "%s: %s\n\n", runKey, run.ID)
		for _, c := range run.All() {
			benchCell(&b, run, c)
		}
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("Go benchmark format: %w", err)
	}
	return nil
}

// runKey is the key of the run that lines come from.
const runKey = "archbench-run"

func benchCell(b *bytes.Buffer, run *record.Run, c *record.Cell) {
	name := "/model=" + benchWord(c.Model)
	for _, p := range c.Point {
		name += "/" + benchWord(p.Name) + "=" + benchWord(p.Value)
	}
	for _, s := range times(c) {
		for _, v := range numbers(run, s) {
			fmt.Fprintf(b, "Benchmark%s%s-%d\t1\t%s sec/op", probe.Lookup(s.Metric).Bench, name, max(model(run, c).Threads, 1), plain(v))
			for _, q := range result.QuantitiesOf(c.Probe) {
				if q.Metric == s.Metric && q.Unit == unit.TokensPerSec {
					fmt.Fprintf(b, "\t%.9g tokens/sec", q.Of(c.Point, v))
				}
			}
			b.WriteByte('\n')
		}
	}
}

// benchWord replaces the characters that separate words and name parts in the format.
func benchWord(s string) string {
	return strings.NewReplacer(" ", "_", "/", "_", "=", "_", "\t", "_", "\n", "_").Replace(s)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// plain writes a number with all its digits.
func plain(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// bench reads the lines of benchmarks. Repeated lines of one benchmark are those of one process, unless archbench wrote them.
func (r *reading) bench(data []byte) error {
	b := benchReading{reading: r, models: map[string]string{}, values: map[string]*benchValues{}}
	reader := benchfmt.NewReader(bytes.NewReader(data), r.file)
	for reader.Scan() {
		var err error
		switch line := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			err = line
		case *benchfmt.Result:
			err = b.line(line)
		}
		if err != nil {
			return err
		}
	}
	if err := reader.Err(); err != nil {
		return err
	}
	if len(b.order) == 0 {
		return fmt.Errorf("%s: no line of a benchmark with its numbers", r.file)
	}
	r.tell("tool", "Go benchmarks", "")
	r.tell("tool version", "", "the Go benchmark format does not have it")
	return b.store()
}

// benchReading collects the values of each benchmark.
type benchReading struct {
	*reading
	models map[string]string // names by what identifies them
	values map[string]*benchValues
	order  []*benchValues
	cpu    string
}

// benchValues are the values of a benchmark in one unit.
type benchValues struct {
	model, probe string
	point        record.Point
	metric, unit string
	own          bool // of archbench: each value is of another process
	values       []float64
}

// line reads the numbers of a line. A benchmark of a model is named after it, others after their package.
func (b *benchReading) line(l *benchfmt.Result) error {
	file, n := l.Pos()
	place := fmt.Sprintf("%s:%d", file, n)
	if l.Iters <= 0 {
		return fmt.Errorf("%s: %d iterations", place, l.Iters)
	}
	if err := b.machine(place, l); err != nil {
		return err
	}
	words := benchWords(l.Name)
	name, err := b.modelOf(l, words)
	if err != nil {
		return err
	}
	p, point, _, ours := own(metricOf(words.base), func(axis string) string { return words.keys[axis] })
	ours = ours && words.keys["model"] != ""
	for _, v := range l.Values {
		is := benchValues{model: name, probe: "figure", metric: probe.FigureValue, unit: v.Unit, own: l.GetConfig(runKey) != "",
			point: record.Point{{Name: "task", Value: words.task + " " + v.Unit}}}
		err := checkFigure(v.Value)
		switch seconds := strings.HasPrefix(v.Unit, "sec/"); {
		case seconds && ours:
			is.probe, is.point, is.metric, is.unit = p.Name, point, metricOf(words.base), unit.Second
		case seconds:
			is.probe, is.point, is.metric, is.unit = "task", record.Point{{Name: "task", Value: words.task}}, probe.TaskSeconds, unit.Second
		case ours:
			continue // a speed, which follows from the time
		}
		if is.unit == unit.Second {
			err = checkSeconds(v.Value)
		}
		if err != nil {
			return fmt.Errorf("%s: %s: %w", place, v.Unit, err)
		}
		b.collect(is, v.Value)
	}
	return nil
}

// checkFigure rejects what cannot be a number of a benchmark.
func checkFigure(v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		return fmt.Errorf("must be a finite number of at least 0, not %g", v)
	}
	return nil
}

func (b *benchReading) collect(is benchValues, v float64) {
	key := strings.Join([]string{is.model, is.probe, is.point.String()}, "\x00")
	if b.values[key] == nil {
		b.values[key] = &is
		b.order = append(b.order, &is)
	}
	b.values[key].values = append(b.values[key].values, v)
}

// store makes cells of the values.
func (b *benchReading) store() error {
	for _, of := range b.order {
		c, err := b.cell(of.model, of.probe, of.point, nil)
		if err != nil {
			return err
		}
		if !of.own {
			err = b.add(c, 0, of.metric, of.unit, of.values...)
		}
		for block, v := range of.values {
			if of.own && err == nil {
				err = b.add(c, block, of.metric, of.unit, v)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// machine reads the keys of the file once. A file of two machines is rejected, because nothing would tell their lines apart.
func (b *benchReading) machine(place string, l *benchfmt.Result) error {
	cpu := l.GetConfig("cpu")
	if b.run.Host.Facts == nil {
		b.cpu = cpu
		if cpu != "" {
			b.class = []string{cpu, l.GetConfig("goos"), l.GetConfig("goarch"), l.GetConfig("platform")}
		}
		b.run.Host.Facts = []record.Fact{fact("cpu", cpu, "the file has no key cpu")}
		for _, k := range l.Config {
			if value := string(k.Value); k.Key != "cpu" && k.Key != "pkg" && k.Key != runKey {
				b.run.Host.Facts = append(b.run.Host.Facts, record.Fact{Name: k.Key, Value: value})
			}
		}
	}
	if cpu != b.cpu {
		return fmt.Errorf("%s: measured on %q, the lines before on %q; import the lines of each machine from a file of its own", place, cpu, b.cpu)
	}
	return nil
}

// modelOf returns the name of the model of a line. Lines with other threads or of another run are of another model.
func (b *benchReading) modelOf(l *benchfmt.Result, words nameWords) (string, error) {
	name := cmp.Or(words.keys["model"], words.keys["name"], l.GetConfig("pkg"), "benchmark")
	key := strings.Join([]string{name, words.threads, l.GetConfig(runKey)}, "\x00")
	if b.models[key] == "" {
		threads, _ := strconv.Atoi(words.threads) // 0: not known
		var err error
		if b.models[key], err = b.model(record.Model{Threads: threads}, name, name+"-"+words.threads, name+" of "+l.GetConfig(runKey)); err != nil {
			return "", err
		}
	}
	return b.models[key], nil
}

// nameWords are the parts of a benchmark's name.
type nameWords struct {
	base, threads string
	keys          map[string]string
	task          string // the name without the model and the threads
}

func benchWords(n benchfmt.Name) nameWords {
	base, parts := n.Parts()
	w := nameWords{base: string(base), task: string(base), keys: map[string]string{}}
	for _, part := range parts {
		if part[0] == '-' {
			w.threads = string(part[1:])
			continue
		}
		key, value, _ := strings.Cut(string(part[1:]), "=")
		w.keys[key] = value
		if key != "model" && key != "name" {
			w.task += string(part)
		}
	}
	return w
}

// metricOf returns the metric with a name in the format, or "".
func metricOf(base string) string {
	for _, p := range probe.Table {
		for _, m := range p.Metrics {
			if m.Bench == base && base != "" {
				return m.Name
			}
		}
	}
	return ""
}
