// Package run turns suites and models into a plan, and a plan into samples.
//
// [Prepare] loads every model once, expands the suites over them and fixes all cells before anything is measured.
// [Execute] stores the plan and measures it: first the untimed cells, each in a plugin process of its own, then the timing
// cells in randomised interleaved blocks. Every result is committed at once, so a run that ends early (Ctrl-C, its budget, kill -9,
// a full disk) loses only the sample in flight, and [Resume] measures the rest. If a plugin fails, its cell fails and the run
// continues.
package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/harness/internal/suite"
)

// ErrInterrupted says that a run was stopped early and can be resumed.
var ErrInterrupted = errors.New("run: interrupted")

// ErrBudget is an [ErrInterrupted]: the run ended because its time was over.
var ErrBudget = fmt.Errorf("%w: the budget is over", ErrInterrupted)

// Options say what to run.
type Options struct {
	Suites  []*suite.Suite
	Models  []ModelSpec
	Plugins session.Plugins
	Seed    uint64        // of the order of measurement and of random choices in probes
	Threads int           // of the models; 0: all
	Until   string        // rule that adds blocks, as result.ParseUntil returns it; "": the suites' repeats
	Budget  time.Duration // the plan is made to fit, and the run ends after the block in flight; 0: the plan is made to fit the suites' budgets, if any
	Corpus  string        // file or folder of text; "": the Go source tree
	Version string        // of archbench
	Command string        // the command line, for the record
	Observe func(Event)   // receives progress; may be nil

	// Calibrator returns the architecture whose plugin calibrates the host. It is called only if the run has times; nil:
	// no calibration.
	Calibrator func(context.Context) (architecture string, err error)

	MaxCells   int // per plan; 0: MostCells
	MaxRepeats int // per cell; 0: MostRepeats

	// TakeOver lets Resume take a run over from a process that is not visible here because it runs on another machine or
	// in another container.
	TakeOver bool

	// Reopened receives the plan that Resume continues, before it measures; may be nil.
	Reopened func(*Plan)

	least time.Duration // shortest time limit of a measurement; 0: leastLimit
	watch watch         // reads the sensors; nil: the host's
}

// Event reports progress. It is sent between measurements, never during one.
type Event struct {
	Run     *record.Run   // as far as it was measured; read it only until the observer returns
	Cell    *record.Cell  // measured just now
	Block   int           // block of the measurement, from 1; 0: untimed
	Blocks  int           // blocks in the run
	Done    int           // measurements so far in this process
	Total   int           // measurements to do in this process
	Left    time.Duration // estimated time left
	Samples []record.Sample
}
