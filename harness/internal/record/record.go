// Package record holds what a run is made of: its plan, the models and the host, every raw sample and every failure.
package record

import "time"

// Host is a machine as it was during a run.
type Host struct {
	ID          string // sha256 of the facts
	Fingerprint string // the class of machine that timings may be compared within
	Facts       []Fact
}

// Fact is one property of a host or run, in words: {"cpu", "AMD EPYC, 2 threads", ""}, {"frequency", "", "no cpufreq"}.
type Fact struct {
	Name, Value string
	Reason      string `json:",omitempty"` // why there is no value
}

// Words are the value, or why there is none.
func (f Fact) Words() string {
	if f.Reason != "" {
		return NA(f.Reason)
	}
	return f.Value
}

// NA words why something has no value: "n/a (no cpufreq)".
func NA(reason string) string { return "n/a (" + reason + ")" }

// Model is one model under test.
type Model struct {
	Name         string // as the user calls it, unique in a run
	Family       string // the model that the user asked for, of which a suite made this precision; "": not known
	Architecture string
	Mode         string // e.g. causal-row
	Checkpoint   string // folder, "" if initialised
	Variant      string // of a seeded initialisation
	Seed         uint64
	Precision    string // of the block linears
	Head         string
	Threads      int
	Options      map[string]string
	Config       string // effective config.json
	WeightsSHA   string // of the checkpoint's files
	Tokenizer    Tokenizer
	PluginSHA    string // of all files of the plugin
	PluginPath   string
	Kernels      string
	Parameters   int64
	WeightBytes  int64
	ContextLimit int  // 0: none
	TrainedTo    int  // longest context seen in training; 0: unknown
	Causal       bool // as declared
	LeaksFuture  bool // as found by the causality suite in this run
	Initialised  bool
	StateKind    string
	Warnings     []string
}

// Tokenizer is what made tokens of the texts that a model read.
type Tokenizer struct {
	Asked  string // file or folder that the user named, or "bytes"; "": the checkpoint's own
	Name   string // e.g. "vocab.json + merges.txt BPE"; "": no text was read
	SHA256 string // of the files that decide about ids
}

// Run is one execution of a plan.
type Run struct {
	ID      string // r- and eight hexadecimal digits
	Started time.Time
	Ended   time.Time // zero: unfinished
	Status  string    // one of those below
	Owner   string    // the process that measures it, in words; "": none
	Version string    // of archbench
	Command string    // that started it
	Seed    uint64
	Suites  []string // names and versions
	Corpus  string   // file or folder of the text; "" is the Go source tree
	Facts   []Fact   // text and its sha256, tokenizer, settings, environment of the plugins
	Host    Host
	Models  []Model
	Cells   []Cell
	Tally   map[Status]int // of the cells, where a list of runs leaves the cells themselves out
}

// The states of a run.
const (
	Running     = "running"
	Interrupted = "interrupted"
	Done        = "done"
	RunFailed   = "failed" // some cells failed and none was measured
)

// Status of a cell.
type Status string

// The states of a cell.
const (
	Pending     Status = "pending"
	OK          Status = "ok"
	Failed      Status = "failed"
	Unavailable Status = "n/a" // Reason says why
)

// Cell is one model × one probe × one point of the grid.
type Cell struct {
	ID       string // sha256 of everything that can change its value
	Suite    string // the first one of the run that asked for it
	Probe    string
	Model    string // Model.Name
	Point    Point
	Params   Point         // settings of the probe that are no axis of a grid, for example tokens=64
	Repeats  int           // blocks that the plan asks for; 1 for what does not vary
	Estimate time.Duration // of one measurement when the plan was made; 0: unknown
	Status   Status
	Reason   string // of n/a
	Failure  *Failure
	Warnings []string // for example "beyond the trained context of 512"
	Missing  []Missing
	Samples  []Sample // in the order of measurement
}

// Of returns the samples of a metric.
func (c *Cell) Of(metric string) (all []Sample) {
	for _, s := range c.Samples {
		if s.Metric == metric {
			all = append(all, s)
		}
	}
	return all
}

// Missing says why a measured cell has no sample of a metric.
type Missing struct{ Metric, Reason string }

// Point is a point of a probe's grid in a fixed order, for example len=2048 batch=1.
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
	s := ""
	for i, c := range p {
		if i > 0 {
			s += " "
		}
		s += c.Name + "=" + c.Value
	}
	return s
}

// Sample is one raw measured value.
type Sample struct {
	Metric   string // as its probe declares it
	Label    string // what part it belongs to: a component, a position, a document; often ""
	Value    float64
	Unit     string
	Block    int           // round of interleaved measurement
	Position int           // place in the block
	Host     time.Duration // round trip seen by the harness; 0: not a timing
	Plugin   time.Duration // time that the plugin says it spent
}

// Failure says how a cell failed.
type Failure struct {
	Class     string // crash, time-out, out of memory, protocol, version, non-finite, error
	Message   string
	Stderr    string // the plugin's last lines
	Reproduce string // a command that runs this cell alone
}
