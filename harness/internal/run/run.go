// Package run turns suites and models into a plan, and a plan into samples.
//
// [Prepare] loads every model once, expands the suites over them and fixes all cells before anything is measured.
// [Execute] stores the plan and measures it: first what does not vary, each cell in a plugin process of its own, then
// the timings in randomised interleaved blocks. Every result is committed when it is there, so that a run that ends
// early (Ctrl-C, kill -9, a full disk) loses the sample in flight and nothing else; [Resume] measures what is
// missing. A plugin that fails makes a failed cell and the run goes on.
package run

import (
	"context"
	"errors"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/harness/internal/suite"
)

// ErrInterrupted says that a run was stopped before its end and can be resumed.
var ErrInterrupted = errors.New("run: interrupted")

// Options say what to run.
type Options struct {
	Suites  []*suite.Suite
	Models  []ModelSpec
	Plugins session.Plugins
	Seed    uint64        // of the order of measurement and of what is random in probes
	Threads int           // of the models; 0: all
	Budget  time.Duration // for the whole run; 0: that of the suites, if any
	Corpus  string        // file or folder of text; "": the Go source tree
	Version string        // of archbench
	Command string        // the command line, for the record
	Observe func(Event)   // gets the progress, between measurements; may be nil

	// Calibrator names the architecture whose plugin measures the host; nil: none does. It is asked if something is timed.
	Calibrator func(context.Context) (architecture string, err error)

	MaxCells   int // that a plan may have; 0: MostCells
	MaxRepeats int // that a cell may have; 0: MostRepeats

	// TakeOver lets Resume take a run from a process that cannot be seen from here, because it runs on another machine
	// or in another container.
	TakeOver bool

	// Reopened gets what Resume goes on with, before it measures; may be nil.
	Reopened func(*Plan)

	least time.Duration // that a measurement may take whatever its estimate; 0: leastLimit
}

// Event is a piece of progress. It is sent between measurements, never during one.
type Event struct {
	Cell    *record.Cell  // measured just now, with its state
	Block   int           // of interleaved measurement, from 1; 0: before them
	Blocks  int           // that the run has
	Done    int           // measurements so far, in this process
	Total   int           // measurements to do in this process
	Left    time.Duration // estimate for what is left
	Samples []record.Sample
}

// Failed counts the cells of a run that failed.
func Failed(r *record.Run) int {
	n := 0
	for i := range r.Cells {
		if r.Cells[i].Status == record.Failed {
			n++
		}
	}
	return n
}
