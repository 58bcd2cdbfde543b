// Package record defines the data of a run: its plan, models, host, raw samples and failures.
package record

import (
	"iter"
	"slices"
	"strings"
	"time"
)

// Host describes the machine of a run.
type Host struct {
	ID          string `json:"id"`          // sha256 of the facts
	Fingerprint string `json:"fingerprint"` // timings are comparable only between equal fingerprints; "": unknown
	Facts       []Fact `json:"facts,omitempty"`
}

// Fact is one property of a host or run as text: {"cpu", "AMD EPYC, 2 threads", ""}, {"frequency", "", "no cpufreq"}.
type Fact struct {
	Name, Value string
	Reason      string `json:",omitempty"` // why there is no value
}

// Words returns the value, or why there is none.
func (f Fact) Words() string {
	if f.Reason != "" {
		return NA(f.Reason)
	}
	return f.Value
}

// Reading is what a sensor says about the time in which a sample was taken, or why it says nothing.
type Reading struct {
	Name   string
	Value  float64 // a share, a rate or a count
	Reason string  `json:",omitempty"` // why there is no value
}

// NA formats a missing value with its reason: "n/a (no cpufreq)".
func NA(reason string) string { return "n/a (" + reason + ")" }

// Model is one model under test.
type Model struct {
	Name         string            `json:"name"`   // given by the user, unique in a run
	Family       string            `json:"family"` // the model the user named, from which a suite derived this precision; "": unknown
	Architecture string            `json:"architecture"`
	Mode         string            `json:"mode"`       // e.g. causal-row
	Checkpoint   string            `json:"checkpoint"` // folder, "" if initialised
	Variant      string            `json:"variant"`    // of seeded weights
	Seed         uint64            `json:"seed"`
	Precision    string            `json:"precision"` // of the linears in the layers
	Head         string            `json:"head"`
	Threads      int               `json:"threads"`
	Device       string            `json:"device"` // that it computed on; "": the plugin does not say
	Options      map[string]string `json:"options,omitempty"`
	Config       string            `json:"config"`         // effective config.json
	WeightsSHA   string            `json:"weights_sha256"` // of the checkpoint files
	Tokenizer    Tokenizer         `json:"tokenizer"`
	PluginSHA    string            `json:"plugin_sha256"` // of all plugin files
	PluginPath   string            `json:"plugin"`
	Kernels      string            `json:"kernels"`
	Parameters   int64             `json:"parameters"`
	WeightBytes  int64             `json:"weight_bytes"`
	ContextLimit int               `json:"context_limit"` // 0: none
	TrainedTo    int               `json:"trained_to"`    // longest context seen in training; 0: unknown
	Causal       bool              `json:"causal"`        // as the plugin declares
	LeaksFuture  bool              `json:"leaks_future"`  // found by the causality probe in this run
	Initialised  bool              `json:"initialised"`
	StateKind    string            `json:"state"`
	Warnings     []string          `json:"warnings,omitempty"`
}

// Tokenizer identifies the tokenizer of a model's texts.
type Tokenizer struct {
	Asked  string `json:"asked"`  // file or folder named by the user, or "bytes"; "": the checkpoint's own
	Name   string `json:"name"`   // e.g. "vocab.json + merges.txt BPE"; "": no text was read
	SHA256 string `json:"sha256"` // of the files that determine the ids
}

// Run is one execution of a plan.
type Run struct {
	ID      string         `json:"id"` // r- and eight hexadecimal digits
	Started time.Time      `json:"started"`
	Ended   time.Time      `json:"ended,omitzero"` // zero: unfinished
	Status  string         `json:"status"`         // Running, Interrupted, Done or RunFailed
	Owner   string         `json:"-"`              // description of the process that measures it; "": none
	Version string         `json:"version"`        // of archbench
	Command string         `json:"command"`        // the command line
	Seed    uint64         `json:"seed"`
	Until   string         `json:"until"`            // rule that added blocks, such as "decided" or "±2%"; "": the plan fixed their number
	Suites  []string       `json:"suites,omitempty"` // names and versions
	Corpus  string         `json:"corpus"`           // file or folder of the text; "": the Go source tree
	Facts   []Fact         `json:"facts,omitempty"`  // text and its sha256, tokenizer, settings, plugin environment
	Host    Host           `json:"-"`
	Models  []Model        `json:"-"`
	Cells   []Cell         `json:"cells"`
	Tally   map[Status]int `json:"-"` // cells by status, for a list of runs, which omits Cells
}

// ImportedSuite is the suite of cells that were read from a file of another tool.
const ImportedSuite = "imported"

// Imported reports whether the run was read from a file of another tool, which does not interleave what it measures.
func (r *Run) Imported() bool { return slices.Contains(r.Suites, ImportedSuite) }

// MeasuresNoise reports whether archbench doctor --noise made the run, to learn about the host.
func (r *Run) MeasuresNoise() bool {
	return slices.ContainsFunc(strings.Fields(r.Command), func(word string) bool { return strings.HasPrefix(word, "--noise") })
}

// All returns pointers to the cells.
func (r *Run) All() []*Cell {
	all := make([]*Cell, len(r.Cells))
	for i := range r.Cells {
		all[i] = &r.Cells[i]
	}
	return all
}

// Count returns the number of cells with a status, by Tally if there is one.
func (r *Run) Count(status Status) (n int) {
	if r.Tally != nil {
		return r.Tally[status]
	}
	for _, c := range r.All() {
		if c.Status == status {
			n++
		}
	}
	return n
}

// The statuses of a run.
const (
	Running     = "running"
	Interrupted = "interrupted"
	Done        = "done"
	RunFailed   = "failed" // some cells failed and none was measured
)

// Status is the status of a cell.
type Status string

// The statuses of a cell.
const (
	Pending     Status = "pending"
	OK          Status = "ok"
	Failed      Status = "failed"
	Unavailable Status = "n/a" // Reason says why
)

// Cell is one model × one probe × one point of the grid.
type Cell struct {
	ID       string        `json:"cell"`  // sha256 of everything that can change its value
	Suite    string        `json:"suite"` // the first suite of the run that requested it
	Probe    string        `json:"probe"`
	Model    string        `json:"model"` // Model.Name
	Point    Point         `json:"point,omitempty"`
	Params   Point         `json:"params,omitempty"` // probe settings that are not axes, for example tokens=64
	Repeats  int           `json:"repeats"`          // planned blocks; 1 for probes that do not time
	Rounds   int           `json:"rounds"`           // planned calls in a block, which alternate with those of the other models; 0: one
	Estimate time.Duration `json:"estimate_ns"`      // of one measurement, from the plan; 0: unknown
	Status   Status        `json:"status"`
	Reason   string        `json:"reason,omitempty"` // set if Unavailable
	Failure  *Failure      `json:"failure,omitempty"`
	Warnings []string      `json:"warnings,omitempty"` // for example "beyond the trained context of 512"
	Missing  []Missing     `json:"missing,omitempty"`
	Samples  []Sample      `json:"-"` // in the order of measurement
}

// Counts reports whether a sample of the cell counts: one of a block's first attempt, or of its repetition if only that was
// undisturbed.
func (c *Cell) Counts() func(*Sample) bool {
	attempts := map[int]int{} // that count; by block, unless it is the first
	for i := range c.Samples {
		if s := &c.Samples[i]; s.Attempt > 0 && len(s.Disturbed) == 0 {
			attempts[s.Block] = s.Attempt
		}
	}
	return func(s *Sample) bool { return s.Attempt == attempts[s.Block] }
}

// Counting yields the samples that count.
func (c *Cell) Counting() iter.Seq[*Sample] {
	return func(yield func(*Sample) bool) {
		counts := c.Counts()
		for i := range c.Samples {
			if s := &c.Samples[i]; counts(s) && !yield(s) {
				return
			}
		}
	}
}

// Each yields the samples of a metric that count.
func (c *Cell) Each(metric string) iter.Seq[*Sample] {
	return func(yield func(*Sample) bool) {
		for s := range c.Counting() {
			if s.Metric == metric && !yield(s) {
				return
			}
		}
	}
}

// Of returns the samples of a metric that count.
func (c *Cell) Of(metric string) (all []Sample) {
	for s := range c.Each(metric) {
		all = append(all, *s)
	}
	return all
}

// Missing says why a measured cell has no sample of a metric.
type Missing struct{ Metric, Reason string }

// Point is a point of a probe's grid with its axes in a fixed order, for example len=2048 batch=1.
type Point []Coordinate

// Coordinate is one axis of a Point.
type Coordinate struct {
	Name  string
	Value string
}

// Get returns the value of an axis, or "".
func (p Point) Get(name string) string {
	for _, c := range p {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// String returns "len=2048 batch=1".
func (p Point) String() string {
	words := make([]string, len(p))
	for i, c := range p {
		words[i] = c.Name + "=" + c.Value
	}
	return strings.Join(words, " ")
}

// Sample is one raw measured value.
type Sample struct {
	Metric   string        `json:"metric"` // declared by its probe
	Label    string        `json:"label"`  // the component, position or document; often ""
	Value    float64       `json:"value"`
	Unit     string        `json:"unit"`
	Block    int           `json:"block"`     // round of interleaved measurement
	Position int           `json:"position"`  // order within the block
	Host     time.Duration `json:"host_ns"`   // round trip measured by the harness; 0: not a timing
	Plugin   time.Duration `json:"plugin_ns"` // compute time reported by the plugin
	// Calls holds the values of the calls, one per round; Value is the median of those that count. Host and Plugin are the times
	// of the call that the host's clock confirms best. nil: there was one call.
	Calls     []float64 `json:"calls,omitempty"`
	Dropped   int       `json:"dropped,omitempty"`   // calls at the start that do not count, because a model of the group was still warming up
	Attempt   int       `json:"attempt,omitempty"`   // 0: first; 1: repetition of a disturbed block
	Disturbed []string  `json:"disturbed,omitempty"` // what disturbed the calls, by the run's rule; nil: nothing
	Readings  []Reading `json:"readings,omitempty"`  // of the sensors during the calls; with the first sample of an attempt
}

// Failure says how a cell failed.
type Failure struct {
	Class     string `json:"class"` // crash, time-out, out of memory, protocol, version, non-finite, error, ...
	Message   string `json:"message"`
	Stderr    string `json:"stderr"`    // the plugin's last lines
	Reproduce string `json:"reproduce"` // command that measures this cell alone
}

// Every returns the values of all calls.
func (s *Sample) Every() []float64 {
	if s.Calls == nil {
		return []float64{s.Value}
	}
	return s.Calls
}

// Values returns the values of the calls that count.
func (s *Sample) Values() []float64 {
	all := s.Every()
	return all[min(s.Dropped, len(all)):]
}
