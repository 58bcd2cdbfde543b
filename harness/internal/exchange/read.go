package exchange

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
)

// Bounds of a file.
const (
	MostBytes   = 256 << 20
	mostCells   = 100_000
	mostSamples = 1_000_000
	mostName    = 4096    // bytes of the name of a model or task
	mostTokens  = 1 << 30 // in a number of tokens
	mostSeconds = 1e9
)

// Read returns the run that a file of another tool holds. now is its start if the file has no time. The same bytes always give
// the same ID.
func Read(name string, data []byte, now time.Time) (*record.Run, error) {
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	r := &reading{file: name, digest: digest, names: map[string]bool{}, cells: map[string]int{}, run: &record.Run{
		ID: "r-" + digest[:8], Started: now.UTC(), Status: record.Done, Suites: []string{record.ImportedSuite},
		Facts: []record.Fact{{Name: "source", Value: name}, {Name: digestFact, Value: digest}},
	}}
	if err := r.read(data); err != nil {
		return nil, err
	}
	r.finish(now)
	return r.run, nil
}

// digestFact is the fact that holds the sha256 of the file of an imported run.
const digestFact = "source sha256"

// Digest returns the sha256 of the file that a run was read from, or "".
func Digest(run *record.Run) string { return factOf(run.Facts, digestFact) }

func factOf(facts []record.Fact, name string) string {
	if i := slices.IndexFunc(facts, func(f record.Fact) bool { return f.Name == name }); i >= 0 {
		return facts[i].Value
	}
	return ""
}

// reading collects the run of a file.
type reading struct {
	file, digest string
	run          *record.Run
	names        map[string]bool // of the models
	cells        map[string]int  // indices by what identifies them
	samples      int
	class        []string // what is known of the machine and decides its speed; nil: too little
	started      bool     // the file has a time
}

// read recognises the format by its content.
func (r *reading) read(data []byte) error {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	text := bytes.TrimSpace(data)
	switch {
	case len(text) > 0 && (text[0] == '{' || text[0] == '['):
		if isHyperfine(text) {
			return r.hyperfine(data)
		}
		return r.llamaBench(data)
	case bytes.HasPrefix(text, []byte("Benchmark")) || bytes.Contains(text, []byte("\nBenchmark")):
		return r.bench(data)
	}
	return fmt.Errorf("%s: neither JSON of hyperfine (--export-json) or llama-bench (-o json or jsonl), nor the Go benchmark format", r.file)
}

// errorf is an error at a place of the file.
func (r *reading) errorf(place, format string, args ...any) error {
	return fmt.Errorf("%s: %s: "+format, append([]any{r.file, place}, args...)...)
}

// tell adds a fact of the run, or says why it is missing.
func (r *reading) tell(name, value, reason string) {
	r.run.Facts = append(r.run.Facts, fact(name, value, reason))
}

// fact has a value or, if that is blank, a reason.
func fact(name, value, reason string) record.Fact {
	if value != "" {
		return record.Fact{Name: name, Value: value}
	}
	return record.Fact{Name: name, Reason: reason}
}

// model adds a model under the first of the names that is free; each is a family of its own.
func (r *reading) model(m record.Model, names ...string) (string, error) {
	m.Name = fmt.Sprintf("%s (%d)", names[0], len(r.run.Models)+1)
	if free := slices.IndexFunc(names, func(name string) bool { return !r.names[name] }); free >= 0 {
		m.Name = names[free]
	}
	switch {
	case len(r.run.Models) == mostCells:
		return "", fmt.Errorf("%s: more than %d models", r.file, mostCells)
	case len(m.Name) > mostName:
		return "", fmt.Errorf("%s: the name %.60q... is longer than %d bytes", r.file, m.Name, mostName)
	}
	// Nothing in a file says whether a model sees the future. One that has parameters is a language model, so it is taken as
	// causal; commands and benchmarks are none.
	m.Family, m.Causal = m.Name, m.Parameters > 0
	r.names[m.Name] = true
	r.run.Models = append(r.run.Models, m)
	return m.Name, nil
}

// cell returns the cell of a model at a point, which it adds if necessary.
func (r *reading) cell(name, probe string, point, params record.Point) (*record.Cell, error) {
	key := strings.Join([]string{name, probe, point.String(), params.String()}, "\x00")
	at, known := r.cells[key]
	if !known {
		if at = len(r.run.Cells); at == mostCells {
			return nil, fmt.Errorf("%s: more than %d things measured", r.file, mostCells)
		}
		id := sha256.Sum256([]byte(r.digest + "\x00" + key))
		r.cells[key] = at
		r.run.Cells = append(r.run.Cells, record.Cell{ID: hex.EncodeToString(id[:]), Suite: record.ImportedSuite, Probe: probe, Model: name,
			Point: point, Params: params, Repeats: 1, Status: record.OK})
	}
	return &r.run.Cells[at], nil
}

// blocks is the number of blocks that a cell has.
func blocks(c *record.Cell) int {
	if len(c.Samples) == 0 {
		return 0
	}
	return c.Samples[len(c.Samples)-1].Block + 1
}

// add adds the values that one process measured in sequence.
func (r *reading) add(c *record.Cell, block int, metric, unit string, values ...float64) error {
	if r.samples += len(values); r.samples > mostSamples {
		return fmt.Errorf("%s: more than %d samples", r.file, mostSamples)
	}
	s := record.Sample{Metric: metric, Unit: unit, Block: block, Value: stat.MedianOf(values)}
	if len(values) > 1 {
		s.Calls = slices.Clone(values)
	}
	c.Samples = append(c.Samples, s)
	c.Repeats, c.Rounds = max(c.Repeats, block+1), max(c.Rounds, len(s.Calls))
	return nil
}

// errNumber says what a time must be.
var errNumber = errors.New("must be a number above 0")

// checkSeconds rejects what cannot be a time.
func checkSeconds(v float64) error {
	switch {
	case math.IsNaN(v) || v <= 0:
		return fmt.Errorf("%w, not %g", errNumber, v)
	case v > mostSeconds:
		return fmt.Errorf("%g s is more than %g s", v, mostSeconds)
	}
	return nil
}

// finish describes the run's time and machine.
func (r *reading) finish(now time.Time) {
	if !r.started {
		r.tell("measured", "", "the file has no time; the run's start is the time of the import")
		r.run.Started = now.UTC()
	}
	if r.class != nil {
		sum := sha256.Sum256([]byte(strings.Join(r.class, "\x00")))
		r.run.Host.Fingerprint = hex.EncodeToString(sum[:])
	}
	sum := sha256.Sum256(fmt.Append(nil, r.run.Host.Facts, r.run.Host.Fingerprint))
	r.run.Host.ID = hex.EncodeToString(sum[:])
	r.tell("order of measurement", "one after another, not interleaved", "")
}

// own returns the probe, point and settings of a cell that archbench exported. metric identifies the probe; value returns the
// words that say what was measured.
func own(metric string, value func(name string) string) (p *probe.Probe, point, params record.Point, ok bool) {
	for _, p := range probe.Table {
		if !slices.ContainsFunc(p.Metrics, func(m probe.Metric) bool { return m.Name == metric && m.Bench != "" }) {
			continue
		}
		for _, axis := range p.Axes {
			if axis.Check(value(axis.Name)) != nil {
				return nil, nil, nil, false
			}
			point = append(point, record.Coordinate{Name: axis.Name, Value: value(axis.Name)})
		}
		for _, setting := range p.Params {
			if v := value(setting.Name); setting.Check(v) == nil {
				params = append(params, record.Coordinate{Name: setting.Name, Value: v})
			}
		}
		return p, point, params, true
	}
	return nil, nil, nil, false
}
