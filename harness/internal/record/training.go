package record

import (
	"encoding/json"
	"math"
	"time"
)

// Training is one execution of a plan of training, with the rows that say how it went.
type Training struct {
	ID       string    `json:"id"` // t- and eight hexadecimal digits
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended,omitzero"` // zero: unfinished
	Status   string    `json:"status"`         // Running, Interrupted, Done or RunFailed
	Version  string    `json:"version"`        // of archbench
	Command  string    `json:"command"`        // the command line that started it
	Folder   string    `json:"folder"`         // that holds the checkpoints
	Host     Host      `json:"host"`
	Model    Model     `json:"model"`        // as it was loaded before the first update
	Plan     string    `json:"plan"`         // JSON; fixed before the first update
	Data     string    `json:"data"`         // description of what it reads
	DataSHA  string    `json:"data_sha256"`  // of what it reads
	OrderSHA string    `json:"order_sha256"` // of the tokens and targets given, in order
	Updates  int64     `json:"updates"`
	Tokens   int64     `json:"tokens"`
	FLOPs    float64   `json:"flops"` // by the model's formula; 0: it has none
	Facts    []Fact    `json:"facts,omitempty"`
	TrainingRows
}

// TrainingRows are rows of a training in the order of their making.
type TrainingRows struct {
	Steps       []TrainingStep       `json:"-"`
	Evaluations []TrainingEvaluation `json:"-"`
	Events      []TrainingEvent      `json:"-"`
}

// Empty reports whether there are no rows.
func (r TrainingRows) Empty() bool { return len(r.Steps)+len(r.Evaluations)+len(r.Events) == 0 }

// Real is a number that may be NaN or infinite, which JSON and databases hold as null. Null is read as NaN.
type Real float64

// MarshalJSON implements [json.Marshaler].
func (r Real) MarshalJSON() ([]byte, error) {
	if !r.Finite() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(r))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (r *Real) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*r = Real(math.NaN())
		return nil
	}
	return json.Unmarshal(text, (*float64)(r))
}

// Finite reports whether it is a number.
func (r Real) Finite() bool { return !math.IsNaN(float64(r)) && !math.IsInf(float64(r), 0) }

// TrainingStep is one update of the weights, or one that a gradient that is not finite prevented.
type TrainingStep struct {
	Attempt       int             `json:"attempt"` // recoveries before it
	Update        int64           `json:"update"`  // 1: the first
	Tokens        int64           `json:"tokens"`  // so far, with this update's
	FLOPs         float64         `json:"flops"`   // so far
	Documents     int             `json:"documents"`
	Length        int             `json:"length"` // tokens of the longest document
	Targets       int             `json:"targets"`
	Loss          Real            `json:"loss"` // weighted mean, nats per target
	Objective     Real            `json:"objective"`
	Rate          float64         `json:"learning_rate"`
	GradientNorm  Real            `json:"gradient_norm"`            // before clipping
	GradientNorms map[string]Real `json:"gradient_norms,omitempty"` // by component
	Applied       bool            `json:"applied"`                  // false: the gradient was not finite
	Host          time.Duration   `json:"host_ns"`                  // measured by the harness
	Plugin        time.Duration   `json:"plugin_ns"`                // compute time that the plugin reports
	Elapsed       time.Duration   `json:"elapsed_ns"`               // since the first update, without pauses between resumed parts
}

// TrainingEvaluation is one figure of a model in training, on data that it is not trained on.
type TrainingEvaluation struct {
	Attempt int           `json:"attempt"`
	Update  int64         `json:"update"` // 0: before the first
	Tokens  int64         `json:"tokens"`
	FLOPs   float64       `json:"flops"`
	Metric  string        `json:"metric"`
	Value   Real          `json:"value"`
	Unit    string        `json:"unit"`
	Host    time.Duration `json:"host_ns"`
	Elapsed time.Duration `json:"elapsed_ns"`
}

// TrainingEvent is something that a monitor saw or that was done about it.
type TrainingEvent struct {
	Attempt int       `json:"attempt"`
	Update  int64     `json:"update"`
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"`
	Detail  string    `json:"detail"`
	Action  string    `json:"action,omitempty"` // "": none
}
