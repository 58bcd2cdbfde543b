// Package train trains a model of a plugin by a plan that is fixed before the first update.
//
// [Start] loads the model, measures in a trial what an update takes, fixes the [Plan] and carries it out. [Resume] continues
// from the last checkpoint, bit for bit. Both give every update, evaluation and event to the [Sink]s, watch the training with
// monitors ([Rules]), and keep three checkpoints: the last, the best, and the last that proved stable, to which a recovery goes
// back.
//
// The folder of a training holds
//
//	training.json                what was planned
//	checkpoints/UPDATE-ATTEMPT   model folders for any command, with progress.json and provenance.json
//	last, best, stable           links to three of them
//
// and whatever the sinks write into it. A checkpoint is written under a temporary name and renamed, so a process that is killed
// or a full disk leaves the ones before it.
package train

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/lm"
)

// Errors that callers distinguish.
var (
	// ErrInterrupted says that a training was stopped early and can be resumed.
	ErrInterrupted = errors.New("train: interrupted")
	// ErrFolder says that a folder cannot be used for a training, or not be resumed.
	ErrFolder = errors.New("train: unsuitable folder")
	// ErrRequest says that model, data and settings do not fit together.
	ErrRequest = errors.New("train: unsuitable request")
	// ErrDiverged says that losses or gradients are no longer finite.
	ErrDiverged = errors.New("train: diverged")
)

// wrong is an error of one of these kinds that says itself what is wrong.
type wrong struct {
	kind error
	error
}

// Is implements the interface of [errors.Is].
func (w wrong) Is(target error) bool { return target == w.kind }

// Unwrap returns the cause.
func (w wrong) Unwrap() error { return w.error }

// Data is what a model is trained and evaluated on.
type Data interface {
	// About describes the data.
	About() About
	// Batch returns the documents of an update, of which 0 is the first. It depends on nothing else, so that a training can be
	// resumed at any update.
	Batch(update int) ([]lm.TrainDocument, error)
	// Evaluate measures a model on data that it is not trained on. The first measure chooses the best checkpoint.
	Evaluate(ctx context.Context, m lm.Model) ([]Measure, error)
}

// About describes data.
type About struct {
	Name      string           // for people
	SHA256    string           // of all that is trained and evaluated on
	Length    int              // most tokens of a document
	Licence   string           // of the text; "": not known
	Tokenizer record.Tokenizer // empty: there is none
}

// Measure is a figure of an evaluation.
type Measure struct {
	Name   string      `json:"name"`
	Value  record.Real `json:"value"`
	Unit   string      `json:"unit"`
	Better int         `json:"better"` // -1: lower is better, +1: higher
}

// Sink receives the rows of a training.
type Sink interface {
	// Begin is called before the first row of a training or of a resumed part of it.
	Begin(ctx context.Context, t *record.Training) error
	// Rewind, called after Begin, removes the rows after an update of an attempt: the training continues there.
	Rewind(ctx context.Context, attempt int, update int64) error
	// Write adds rows.
	Write(ctx context.Context, rows record.TrainingRows) error
	// End is called after the last row.
	End(ctx context.Context, t *record.Training) error
}

// Options say what to train, on what, and how.
type Options struct {
	Folder  string          // to create
	Source  json.RawMessage // what Data was opened from, for the caller that resumes
	Plugins session.Plugins
	Model   Model
	// Data opens the data for the model in training. It is also called when a training is resumed.
	Data       func(ctx context.Context, info lm.ModelInfo) (Data, error)
	Companions map[string][]byte // files that make a checkpoint's folder complete, for example tokenizer.json
	Threads    int               // 0: all
	Seed       uint64
	Batch      int // documents of an update
	MicroBatch int // documents of a step; 0: as many as fit into memory
	Length     int // tokens of a document, for the model's cost
	Budget     Budget
	Schedule   Schedule // Warmup below 0: a share of the updates
	ClipNorm   float64  // 0: off
	Optimizer  lm.Optimizer
	Precision  string // of forward and backward; "": the model's
	Recompute  bool   // activations in backward, to save memory
	EvalEvery  int64  // updates; 0: by the budget
	Recoveries int    // most, after which a training only reports what the monitors see
	Rules      Rules
	Running
}

// Running is what concerns a process rather than the training that it carries out.
type Running struct {
	Version string // of archbench
	Command string // the command line, for the record
	// Sinks returns the sinks of a training, once its plan is known.
	Sinks func(*record.Training, *Plan) []Sink
	// Planned receives the plan before the first update; may be nil.
	Planned func(*record.Training, *Plan)
	// Observe receives progress after each update; may be nil.
	Observe func(Progress)
}

// Progress is the state of a training.
type Progress struct {
	Update, Updates int64
	Loss            float64 // of the last update
	Speed           float64 // tokens per second of the last updates
	Left            time.Duration
	Measures        []Measure             // of an evaluation after this update; nil: none
	Event           *record.TrainingEvent // that has just happened; nil: none
}

// Result says how a training ended.
type Result struct {
	Training *record.Training
	Plan     *Plan
	First    []Measure // before the first update
	Last     []Measure
	Best     []Measure
	BestAt   int64 // update
	Complete bool  // whether all planned updates were made
}
