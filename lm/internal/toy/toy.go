// Package toy is a minimal language model with every ability of package lm: a linear recurrence. Tests of the plugin boundary
// and of the conformance kit use it, intact or with one promise of the contract broken.
//
//	h_t = decay·h_{t-1} + E[x_t]      h, E[x]: hidden_size values
//	logits_t = U·h_t                  U: [vocab_size, hidden_size]
package toy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/archbench/archbench/internal/atomicfile"
	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/internal/safetensors"
	"github.com/archbench/archbench/internal/strictjson"
	"github.com/archbench/archbench/lm"
)

// Config is the model's config.json.
type Config struct {
	ModelType    string  `json:"model_type"`
	VocabSize    int     `json:"vocab_size"`
	HiddenSize   int     `json:"hidden_size"`
	Decay        float64 `json:"decay"`
	ContextLimit int     `json:"context_limit,omitempty"` // 0: none
}

// Default is a config that tests can load.
const Default = `{"model_type": "toy", "vocab_size": 23, "hidden_size": 6, "decay": 0.8}`

func (c Config) validate() error {
	switch {
	case c.ModelType != "toy":
		return fmt.Errorf("model_type is %q, not toy", c.ModelType)
	case c.VocabSize < 2 || c.VocabSize > 1<<20:
		return fmt.Errorf("vocab_size %d is not between 2 and 1048576", c.VocabSize)
	case c.HiddenSize < 1 || c.HiddenSize > 1<<12:
		return fmt.Errorf("hidden_size %d is not between 1 and 4096", c.HiddenSize)
	case c.Decay < 0 || c.Decay >= 1:
		return fmt.Errorf("decay %g is not in [0, 1)", c.Decay)
	}
	return nil
}

// Architecture loads toy models. Wrap, if set, replaces each loaded model, for tests that break a promise.
type Architecture struct {
	Wrap     func(variant string, m *Model) (lm.Model, error)
	Variants []lm.Variant // besides "default"
}

// Describe implements lm.Architecture.
func (a Architecture) Describe(context.Context) (lm.Description, error) {
	return lm.Description{
		Name:     "toy",
		Version:  "1",
		Language: "go",
		Summary:  "a linear recurrence, for tests",
		Variants: append([]lm.Variant{{Name: "default", Summary: "a few hundred parameters", Config: Default}}, a.Variants...),
		Abilities: []lm.Ability{
			lm.AbilityStep, lm.AbilityGenerate, lm.AbilityCost, lm.AbilityCount, lm.AbilityMemory, lm.AbilityVersus, lm.AbilitySave,
			lm.AbilityAnswers, lm.AbilitySample, lm.AbilityTrain,
		},
		Precisions:   []string{"f32"},
		ConfigSchema: `{"type": "object", "required": ["model_type", "vocab_size", "hidden_size", "decay"]}`,
		Kernels:      "reference",
		ModelTypes:   []string{"toy", "plaything"},
		MarkerKeys:   []string{"decay"},
		Devices:      []lm.Device{{Name: "cpu"}},
	}, nil
}

// Load implements lm.Architecture.
func (a Architecture) Load(ctx context.Context, req lm.LoadRequest) (lm.Model, error) {
	start := time.Now()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if req.Precision != "" && req.Precision != "f32" {
		return nil, lm.Errorf(lm.Invalid, "load", "unknown precision %q: use f32", req.Precision)
	}
	if req.Device != "" && req.Device != "cpu" || req.DeviceMemory != 0 {
		return nil, lm.Errorf(lm.Unsupported, "load", "the toy runs on the cpu, without a memory limit")
	}
	config, err := a.config(ctx, req)
	if err != nil {
		return nil, err
	}
	m := &Model{config: config, initialised: req.Checkpoint == ""}
	if req.Checkpoint != "" {
		err = m.read(filepath.Join(req.Checkpoint, "model.safetensors"))
	} else {
		m.initialise(req.Seed)
	}
	if err != nil {
		return nil, err
	}
	m.loadTime = time.Since(start)
	if a.Wrap != nil {
		return a.Wrap(req.Variant, m)
	}
	return m, nil
}

// config returns the config of a request.
func (a Architecture) config(ctx context.Context, req lm.LoadRequest) (Config, error) {
	text := req.Config
	switch {
	case req.Checkpoint != "":
		data, err := checkpoint.ReadConfig(req.Checkpoint)
		if err != nil {
			return Config{}, fileError("load", err)
		}
		text = string(data)
	case req.Variant != "":
		d, _ := a.Describe(ctx)
		for _, v := range d.Variants {
			if v.Name == req.Variant {
				text = v.Config
			}
		}
		if text == "" {
			return Config{}, lm.Errorf(lm.NotFound, "load", "no variant %q", req.Variant)
		}
	}
	var c Config
	if err := strictjson.Unmarshal([]byte(text), &c); err != nil {
		return Config{}, lm.Errorf(lm.Invalid, "load", "config: %w", err)
	}
	for key, value := range req.Options {
		if key != "decay" {
			return Config{}, lm.Errorf(lm.Invalid, "load", "unknown option %q: the only one is decay", key)
		}
		decay, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return Config{}, lm.Errorf(lm.Invalid, "load", "option decay: %w", err)
		}
		c.Decay = decay
	}
	if err := c.validate(); err != nil {
		return Config{}, lm.Errorf(lm.Invalid, "load", "config: %w", err)
	}
	return c, nil
}

// initialise draws random weights.
func (m *Model) initialise(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	draw := func() []float32 {
		w := make([]float32, m.config.VocabSize*m.config.HiddenSize)
		for i := range w {
			w[i] = float32(r.NormFloat64())
		}
		return w
	}
	m.embed, m.head = draw(), draw()
}

// read reads the weights from a file.
func (m *Model) read(path string) error {
	f, err := safetensors.Open(path)
	if err != nil {
		return fileError("load", err)
	}
	defer f.Close()
	want := []int{m.config.VocabSize, m.config.HiddenSize}
	for name, dst := range map[string]*[]float32{"embed": &m.embed, "head": &m.head} {
		info, ok := f.Info(name)
		if !ok || !slices.Equal(info.Shape, want) {
			return lm.Errorf(lm.Corrupt, "load", "%s: tensor %q has shape %v, want %v", path, name, info.Shape, want)
		}
		if *dst, err = f.Widen(name); err != nil {
			return lm.Errorf(lm.Corrupt, "load", "%w", err)
		}
	}
	return nil
}

// fileError classifies an error of reading a file.
func fileError(op string, err error) error {
	kind := lm.Corrupt
	if errors.Is(err, fs.ErrNotExist) {
		kind = lm.NotFound
	}
	return lm.Errorf(kind, op, "%w", err)
}

// Save implements lm.Saver.
func (m *Model) Save(ctx context.Context, dir string) error {
	if err := m.open(ctx, "save"); err != nil {
		return err
	}
	config, err := json.MarshalIndent(m.config, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(filepath.Join(dir, "config.json"), config); err != nil {
		return err
	}
	return safetensors.Write(filepath.Join(dir, "model.safetensors"), []safetensors.Tensor{
		m.tensor("embed", m.embed), m.tensor("head", m.head),
	}, nil)
}

func (m *Model) tensor(name string, w []float32) safetensors.Tensor {
	width := m.config.HiddenSize
	return safetensors.Tensor{
		Name:  name,
		DType: safetensors.F32,
		Shape: []int{m.config.VocabSize, width},
		ReadRows: func(lo, hi int, dst []float32) error {
			copy(dst, w[lo*width:hi*width])
			return nil
		},
	}
}
