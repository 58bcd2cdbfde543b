// Package exchange writes runs in the formats of other tools, and reads their files as runs: one file per format, and one line in
// [Formats].
package exchange

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
)

// Format is a format of another tool.
type Format struct {
	Name   string
	Binary bool
	// Write writes runs. It writes nothing if the format can hold none of their samples, and says what it left out.
	Write func(w io.Writer, runs []*record.Run) (leftOut []string, err error)
}

// Formats lists the formats.
var Formats = []Format{
	{Name: "bench", Write: writeBenchFile},
	{Name: "hyperfine", Write: writeHyperfine},
	{Name: "llama-bench", Write: writeLlamaBench},
	{Name: "parquet", Binary: true, Write: writeParquet},
}

// Named returns the format of that name, or nil.
func Named(name string) *Format {
	if i := slices.IndexFunc(Formats, func(f Format) bool { return f.Name == name }); i >= 0 {
		return &Formats[i]
	}
	return nil
}

// Names lists the names of the formats.
func Names() []string {
	return result.Distinct(Formats, func(f Format) string { return f.Name })
}

// ErrNothing says that a format can hold nothing of a run.
var ErrNothing = errors.New("exchange: nothing to write")

// nothing is the error for runs that have nothing in a format.
func nothing(format string, runs []*record.Run) error {
	ids := result.Distinct(runs, func(r *record.Run) string { return r.ID })
	return fmt.Errorf("%w: %s has no measured time that %s can hold", ErrNothing, strings.Join(ids, ", "), format)
}

// times returns the samples of a cell that are the times of what it measures, one for each block.
func times(c *record.Cell) (all []record.Sample) {
	for s := range c.Counting() {
		if probe.Lookup(s.Metric).Bench != "" {
			all = append(all, *s)
		}
	}
	return all
}

// numbers returns what other tools take for one measurement each: the value of a block, and of an imported sample each number
// that its file had.
func numbers(run *record.Run, s record.Sample) []float64 {
	if run.Imported() {
		return s.Values()
	}
	return []float64{s.Value}
}

// timed visits the cells that have times.
func timed(runs []*record.Run, visit func(*record.Run, *record.Cell, []record.Sample)) {
	for _, run := range runs {
		for _, c := range run.All() {
			if own := times(c); len(own) > 0 {
				visit(run, c, own)
			}
		}
	}
}

// model returns the model of a cell.
func model(run *record.Run, c *record.Cell) *record.Model {
	if i := slices.IndexFunc(run.Models, func(m record.Model) bool { return m.Name == c.Model }); i >= 0 {
		return &run.Models[i]
	}
	return &record.Model{Name: c.Model}
}

// untold says what a format of times leaves out: cells without times, and that times are not valid.
func untold(runs []*record.Run) (leftOut []string) {
	untimed, doubtful := 0, 0
	for _, run := range runs {
		ix := result.New(run)
		for _, c := range run.All() {
			switch {
			case len(c.Samples) == 0:
			case len(times(c)) == 0:
				untimed++
			case ix.Judge(c).Validity > result.Valid:
				doubtful++
			}
		}
	}
	if untimed > 0 {
		leftOut = append(leftOut, result.Describe(untimed, "cell")+" without times; -o parquet has every sample")
	}
	if doubtful > 0 {
		leftOut = append(leftOut, "that "+result.Describe(doubtful, "cell")+" with times are SUSPECT or INVALID; -o parquet has it")
	}
	return leftOut
}

// TrainingFormat is a format of trainings.
type TrainingFormat struct {
	Name   string
	Binary bool
	Write  func(w io.Writer, t *record.Training) error
}

// TrainingFormats lists the formats of trainings.
var TrainingFormats = []TrainingFormat{
	{Name: "rows", Write: func(w io.Writer, t *record.Training) error { return writeTrainingLines(w, t.TrainingRows) }},
	{Name: "tensorboard", Binary: true, Write: writeTensorBoard},
}

// NamedTraining returns the format of trainings of that name, or nil.
func NamedTraining(name string) *TrainingFormat {
	if i := slices.IndexFunc(TrainingFormats, func(f TrainingFormat) bool { return f.Name == name }); i >= 0 {
		return &TrainingFormats[i]
	}
	return nil
}
