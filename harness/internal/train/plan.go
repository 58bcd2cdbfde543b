package train

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/lm"
)

// Model names the model to train.
type Model struct {
	Architecture string            `json:"architecture"`
	Checkpoint   string            `json:"checkpoint,omitempty"` // folder with the first weights; "": new ones from the plan's seed
	Config       string            `json:"config,omitempty"`     // contents of config.json for new weights; "": Variant
	Variant      string            `json:"variant,omitempty"`    // "": the plugin's first
	Options      map[string]string `json:"options,omitempty"`    // override the config
	Device       string            `json:"device,omitempty"`
	Precision    string            `json:"precision,omitempty"` // of the weights; plugins can train f32 only, and refuse others
}

// request returns the request that loads the model.
func (m Model) request(seed uint64) lm.LoadRequest {
	return lm.LoadRequest{Checkpoint: m.Checkpoint, Config: m.Config, Variant: m.Variant, Seed: seed, Options: m.Options, Device: m.Device, Precision: m.Precision}
}

// Plan is what a training will do. It is fixed before the first update and stored in the training's folder.
type Plan struct {
	Model         Model         `json:"model"`
	Seed          uint64        `json:"seed"` // of new weights, the order of the data and random draws in the plugin
	Threads       int           `json:"threads"`
	Budget        Budget        `json:"budget"`
	Updates       int64         `json:"updates"`
	EvalEvery     int64         `json:"eval_every"`
	Batch         int           `json:"batch"`
	MicroBatch    int           `json:"micro_batch"` // documents of a step; several steps accumulate one update
	Length        int           `json:"length"`
	Schedule      Schedule      `json:"schedule"`
	ClipNorm      float64       `json:"clip_norm"`
	Optimizer     lm.Optimizer  `json:"optimizer"` // with every option in effect
	Precision     string        `json:"precision"`
	Recompute     bool          `json:"recompute"`
	Recoveries    int           `json:"recoveries"`
	Rules         Rules         `json:"rules"`
	Pace          pace          `json:"pace"`
	FLOPsBy       string        `json:"flops_by"` // where the FLOPs of an update come from
	Trial         time.Duration `json:"trial_ns"` // time that the trial took, which counts against a budget of time
	PluginSHA     string        `json:"plugin_sha256"`
	DataSHA       string        `json:"data_sha256"`
	TokenizerSHA  string        `json:"tokenizer_sha256,omitempty"`
	CheckpointSHA string        `json:"checkpoint_sha256,omitempty"` // of the first weights
}

// warmupShare is the share of the updates that warm up, and mostWarmup their largest number, unless the user says otherwise.
const (
	warmupShare = 20 // one in so many
	mostWarmup  = 1000
)

// file is the contents of training.json.
type file struct {
	Source     json.RawMessage  `json:"source"`     // what the caller opens the data from
	Companions []string         `json:"companions"` // names of files that every checkpoint has from the caller
	Training   *record.Training `json:"training"`
	Plan       *Plan            `json:"plan"`
}

// fix computes the parts of a plan that follow from the pace.
func (p *Plan) fix(every int64) (err error) {
	budget := p.Budget
	if budget.Time > 0 {
		if budget.Time -= p.Trial; budget.Time <= 0 {
			return wrong{ErrRequest, fmt.Errorf("a budget of %s is too short: to measure what an update takes took %s; give more, or lower --batch or --length", p.Budget.Time, p.Trial.Round(time.Millisecond))}
		}
	}
	if p.Updates, p.EvalEvery, err = budget.updates(p.Pace, every); err != nil {
		return wrong{ErrRequest, err}
	}
	if p.Schedule.Warmup < 0 {
		p.Schedule.Warmup = min(mostWarmup, (p.Updates+warmupShare-1)/warmupShare)
	}
	if p.Schedule.Kind == "constant" {
		p.Schedule.Floor = 1
	}
	return nil
}

// json is the plan as it is stored.
func (p *Plan) json() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("train: encode a plan: %v", err)) // cannot fail: strings and finite numbers
	}
	return string(text)
}
