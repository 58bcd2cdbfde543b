// Package record defines the data of a run: its plan, models, host, raw samples and failures.
package record

import (
	"slices"
	"strings"
	"time"
)

// Host describes the machine of a run.
type Host struct {
	ID          string // sha256 of the facts
	Fingerprint string // timings are comparable only between equal fingerprints
	Facts       []Fact
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
	Name         string // given by the user, unique in a run
	Family       string // the model the user named, from which a suite derived this precision; "": unknown
	Architecture string
	Mode         string // e.g. causal-row
	Checkpoint   string // folder, "" if initialised
	Variant      string // of seeded weights
	Seed         uint64
	Precision    string // of the linears in the layers
	Head         string
	Threads      int
	Device       string // that it computed on; "": the plugin does not say
	Options      map[string]string
	Config       string // effective config.json
	WeightsSHA   string // of the checkpoint files
	Tokenizer    Tokenizer
	PluginSHA    string // of all plugin files
	PluginPath   string
	Kernels      string
	Parameters   int64
	WeightBytes  int64
	ContextLimit int  // 0: none
	TrainedTo    int  // longest context seen in training; 0: unknown
	Causal       bool // as the plugin declares
	LeaksFuture  bool // found by the causality probe in this run
	Initialised  bool
	StateKind    string
	Warnings     []string
}

// Tokenizer identifies the tokenizer of a model's texts.
type Tokenizer struct {
	Asked  string // file or folder named by the user, or "bytes"; "": the checkpoint's own
	Name   string // e.g. "vocab.json + merges.txt BPE"; "": no text was read
	SHA256 string // of the files that determine the ids
}

// Run is one execution of a plan.
type Run struct {
	ID      string // r- and eight hexadecimal digits
	Started time.Time
	Ended   time.Time // zero: unfinished
	Status  string    // Running, Interrupted, Done or RunFailed
	Owner   string    // description of the process that measures it; "": none
	Version string    // of archbench
	Command string    // the command line
	Seed    uint64
	Until   string   // rule that added blocks, such as "decided" or "±2%"; "": the plan fixed their number
	Suites  []string // names and versions
	Corpus  string   // file or folder of the text; "": the Go source tree
	Facts   []Fact   // text and its sha256, tokenizer, settings, plugin environment
	Host    Host
	Models  []Model
	Cells   []Cell
	Tally   map[Status]int // cells by status, for a list of runs, which omits Cells
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
	ID       string // sha256 of everything that can change its value
	Suite    string // the first suite of the run that requested it
	Probe    string
	Model    string // Model.Name
	Point    Point
	Params   Point         // probe settings that are not axes, for example tokens=64
	Repeats  int           // planned blocks; 1 for probes that do not time
	Rounds   int           // planned calls in a block, which alternate with those of the other models; 0: one
	Estimate time.Duration // of one measurement, from the plan; 0: unknown
	Status   Status
	Reason   string // set if Unavailable
	Failure  *Failure
	Warnings []string // for example "beyond the trained context of 512"
	Missing  []Missing
	Samples  []Sample // in the order of measurement
}

// Counts reports whether a sample of the cell counts: one of a block's first attempt, or of its repetition if only that was
// undisturbed.
func (c *Cell) Counts() func(*Sample) bool {
	attempts := map[int]int{} // that count; by block, unless it is the first
	for i := range c.Samples {
		if s := &c.Samples[i]; s.Attempt > 0 && s.Disturbed == nil {
			attempts[s.Block] = s.Attempt
		}
	}
	return func(s *Sample) bool { return s.Attempt == attempts[s.Block] }
}

// Counting returns the samples that count.
func (c *Cell) Counting() []Sample {
	counts := c.Counts()
	return slices.DeleteFunc(slices.Clone(c.Samples), func(s Sample) bool { return !counts(&s) })
}

// Of returns the samples of a metric that count.
func (c *Cell) Of(metric string) (all []Sample) {
	counts := c.Counts()
	for i := range c.Samples {
		if s := &c.Samples[i]; s.Metric == metric && counts(s) {
			all = append(all, *s)
		}
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
	Metric   string // declared by its probe
	Label    string // the component, position or document; often ""
	Value    float64
	Unit     string
	Block    int           // round of interleaved measurement
	Position int           // order within the block
	Host     time.Duration // round trip measured by the harness; 0: not a timing
	Plugin   time.Duration // compute time reported by the plugin
	// Calls holds the values of the calls, one per round; Value is the median of those that count. Host and Plugin are the times
	// of the call that the host's clock confirms best. nil: there was one call.
	Calls     []float64
	Dropped   int       // calls at the start that do not count, because a model of the group was still warming up
	Attempt   int       // 0: first; 1: repetition of a disturbed block
	Disturbed []string  // what disturbed the calls, by the run's rule; nil: nothing
	Readings  []Reading // of the sensors during the calls; with the first sample of an attempt
}

// Failure says how a cell failed.
type Failure struct {
	Class     string // crash, time-out, out of memory, protocol, version, non-finite, error, ...
	Message   string
	Stderr    string // the plugin's last lines
	Reproduce string // command that measures this cell alone
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
