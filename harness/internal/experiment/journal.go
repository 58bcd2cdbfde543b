package experiment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/internal/atomicfile"
	"github.com/archbench/archbench/internal/filelock"
	"github.com/archbench/archbench/internal/regularfile"
)

// Outcome is the result of one job.
type Outcome struct {
	Job
	Folder     string      `json:"folder"` // of the training, below that of the experiment
	Measure    string      `json:"measure"`
	Value      record.Real `json:"value"` // of the measure on validation data, after the last update
	Unit       string      `json:"unit"`
	Better     int         `json:"better"` // -1: lower is better, +1: higher
	Tokens     int64       `json:"tokens"`
	OrderSHA   string      `json:"order_sha256"` // of the tokens that it read, in order
	Diverged   string      `json:"diverged,omitempty"`
	Parameters int64       `json:"parameters"`
}

// Journal is what is kept of an experiment: its file, the widths that it found, and the outcomes so far. It is rewritten as a
// whole after every job.
type Journal struct {
	Spec     string         `json:"spec"`   // contents of the experiment's file
	Widths   map[string]int `json:"widths"` // of the models that have one
	Outcomes []Outcome      `json:"outcomes"`

	path string
}

// Files in an experiment's folder, beside the trainings.
const (
	journalName = "experiment.json"
	lockName    = ".lock"
)

// Errors that callers distinguish.
var (
	// ErrOtherSpec says that a folder holds another experiment.
	ErrOtherSpec = errors.New("experiment: the folder holds another experiment")
	// ErrDamaged says that a journal cannot be read.
	ErrDamaged = errors.New("experiment: damaged")
	// ErrRunning says that another process carries out the experiment.
	ErrRunning = errors.New("experiment: it is running already")
)

// OpenJournal returns the journal in a folder, or a new one. The folder's experiment must have the same file: outcomes of two
// protocols must not be compared.
func OpenJournal(dir string, spec []byte) (*Journal, error) {
	j := &Journal{Spec: string(spec), path: filepath.Join(dir, journalName)}
	data, err := regularfile.Read(j.path, MostSize<<6)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return j, os.MkdirAll(dir, 0o777)
	case err != nil:
		return nil, err
	}
	if err := json.Unmarshal(data, j); err != nil {
		return nil, fmt.Errorf("%w: %s is damaged: %w; remove it, and the experiment continues from the trainings in its folder", ErrDamaged, j.path, err)
	}
	if !bytes.Equal([]byte(j.Spec), spec) {
		return nil, fmt.Errorf("%s: %w: choose another folder, or restore the file that it was started with", j.path, ErrOtherSpec)
	}
	return j, nil
}

// Lock keeps other processes from carrying out the experiment until the returned file is closed.
func (j *Journal) Lock() (io.Closer, error) {
	dir := filepath.Dir(j.path)
	file, err := filelock.Try(filepath.Join(dir, lockName))
	if errors.Is(err, filelock.ErrLocked) {
		err = fmt.Errorf("%s: %w: %w", dir, ErrRunning, err)
	}
	return file, err
}

// Save writes the journal.
func (j *Journal) Save() error {
	data, err := json.MarshalIndent(j, "", " ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(j.path, append(data, '\n'))
}

// Losses are those of the outcomes; a measure of which more is better counts as its negative.
func (j *Journal) Losses() Losses {
	losses := Losses{}
	for _, o := range j.Outcomes {
		losses[o.Job] = -float64(o.Better) * float64(o.Value)
	}
	return losses
}

// Run trains what the grid still needs, one job after the other, until the experiment is complete or ctx ends. Models that read
// different tokens with one seed end it with an error, because then they were not compared.
func (j *Journal) Run(ctx context.Context, grid Grid, train func(context.Context, Job) (Outcome, error)) error {
	for todo := grid.Todo(j.Losses()); len(todo) > 0; todo = grid.Todo(j.Losses()) {
		outcome, err := train(ctx, todo[0])
		if err != nil {
			return fmt.Errorf("%s, rate %g, seed %d: %w", todo[0].Model, todo[0].Rate, todo[0].Seed, err)
		}
		if err := j.add(outcome); err != nil {
			return err
		}
	}
	return nil
}

// add keeps an outcome.
func (j *Journal) add(o Outcome) error {
	other := slices.IndexFunc(j.Outcomes, func(p Outcome) bool {
		return p.Seed == o.Seed && p.OrderSHA != o.OrderSHA && p.Diverged == "" && o.Diverged == ""
	})
	if other >= 0 {
		return fmt.Errorf("%s and %s read different tokens with seed %d: train them with the same tokenizer and length", j.Outcomes[other].Model, o.Model, o.Seed)
	}
	j.Outcomes = append(j.Outcomes, o)
	return j.Save()
}
