// Package experiment compares architectures that are trained alike: the same tokens in the same order, sizes that were measured to
// be equal, and the same budget for finding each one's learning rate.
//
// A [Spec] declares the comparison. [Solve] finds the widths of equal size, [Grid] says which trainings must follow from those that
// are done, and package stat compares the results over seeds.
package experiment

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/archbench/archbench/internal/spelling"
)

// Spec is an experiment's file.
type Spec struct {
	Name    string  `yaml:"name"`
	Summary string  `yaml:"summary"`
	Models  []Model `yaml:"models"`
	Match   *Match  `yaml:"match"` // nil: models keep the sizes of their configs
	Data    Data    `yaml:"data"`
	Train   Train   `yaml:"train"`
	Tuning  Tuning  `yaml:"tuning"`
	// Seeds are those of the comparison.
	Seeds []uint64 `yaml:"seeds"`
	// Suites run on the trained models.
	Suites []string `yaml:"suites"`
}

// Model is an architecture or a variant of it. The first one of an experiment is the base of comparisons.
type Model struct {
	Name    string            `yaml:"name"`
	Plugin  string            `yaml:"plugin"`
	Variant string            `yaml:"variant"` // "": the plugin's first
	Options map[string]string `yaml:"options"` // override config.json
	Width   *Width            `yaml:"width"`   // needed if the experiment matches sizes
}

// Width is the option that changes a model's size.
type Width struct {
	Option string `yaml:"option"`
	Step   int    `yaml:"step"` // the width is a multiple of it
	// Follow gives options that grow with the width by their ratio to it, for example intermediate_size: 2.67. They are
	// rounded to whole numbers.
	Follow map[string]float64 `yaml:"follow"`
}

// Match is the quantity that is equal for all models.
type Match struct {
	Quantity  string  `yaml:"quantity"` // one of Quantities
	Value     float64 `yaml:"value"`
	Tolerance float64 `yaml:"tolerance"` // relative; 0: DefaultTolerance
}

// Quantities are what models can be matched by, as the loaded model reports it: parameters, the FLOPs of a token of the training's
// length, and the bytes of a document's state after that many tokens.
var Quantities = []string{"parameters", "flops", "state"}

// DefaultTolerance is the largest relative distance from the value to match.
const DefaultTolerance = 0.03

// Data is what all models are trained on, in the same order: files and folders, or a task.
type Data struct {
	Corpus    []string `yaml:"corpus"`
	Task      string   `yaml:"task"`
	Tokenizer string   `yaml:"tokenizer"` // of a corpus
	Length    int      `yaml:"length"`    // tokens of a document
	// EvalTokens is about the number of tokens of an evaluation.
	EvalTokens int `yaml:"eval_tokens"`
}

// Train says how all models are trained.
type Train struct {
	Budget    string  `yaml:"budget"` // of one training: updates or tokens, so that all models read the same
	Batch     int     `yaml:"batch"`
	Schedule  string  `yaml:"schedule"`
	Warmup    int64   `yaml:"warmup"`
	Floor     float64 `yaml:"floor"`
	Optimizer string  `yaml:"optimizer"` // as archbench train --optimizer
	Clip      float64 `yaml:"clip"`
	Precision string  `yaml:"precision"`
}

// Tuning compares learning rates, with the same rates and seeds for all models.
type Tuning struct {
	Rates     []float64 `yaml:"rates"`
	Seeds     []uint64  `yaml:"seeds"`
	Widenings int       `yaml:"widenings"` // the most rates to add while a best rate is the first or last
}

// Most sizes of an experiment. They keep a slip of the pen from planning years of training.
const (
	mostModels = 64
	mostRates  = 64
	mostSeeds  = 100
	// MostSize bounds a file, in bytes.
	MostSize = 1 << 20
)

// Parse reads an experiment; file is its name in errors, which name the line or the key.
func Parse(file string, data []byte) (*Spec, error) {
	s := &Spec{
		Data:  Data{Length: 256, EvalTokens: 1 << 16},
		Train: Train{Batch: 64, Schedule: "cosine", Warmup: -1, Floor: 0.1, Clip: 1},
	}
	if err := yaml.UnmarshalWithOptions(data, s, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%s: %s", file, strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	if s.Match != nil && s.Match.Tolerance == 0 {
		s.Match.Tolerance = DefaultTolerance
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// Grid is what the experiment trains.
func (s *Spec) Grid() Grid {
	g := Grid{Rates: s.Tuning.Rates, Tuning: s.Tuning.Seeds, Seeds: s.Seeds, Widenings: s.Tuning.Widenings}
	for _, m := range s.Models {
		g.Models = append(g.Models, m.Name)
	}
	return g
}

// check reports the first thing that is wrong.
func (s *Spec) check() error {
	checks := []func() error{s.checkModels, s.checkMatch, s.checkData, s.checkTuning}
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Spec) checkModels() error {
	if s.Name == "" {
		return errors.New("name is missing")
	}
	if n := len(s.Models); n < 2 || n > mostModels {
		return fmt.Errorf("models: %d of them, want 2 to %d", n, mostModels)
	}
	seen := map[string]bool{}
	for i, m := range s.Models {
		switch {
		case m.Name == "" || m.Plugin == "":
			return fmt.Errorf("models: number %d needs a name and a plugin", i+1)
		case seen[m.Name]:
			return fmt.Errorf("models: %s is there twice", m.Name)
		}
		seen[m.Name] = true
		if err := m.Width.check(); err != nil {
			return fmt.Errorf("models: width of %s: %w", m.Name, err)
		}
	}
	return nil
}

func (w *Width) check() error {
	switch {
	case w == nil:
		return nil
	case w.Option == "":
		return errors.New("option is missing: the key of config.json that sets the width")
	case w.Step < 1 || w.Step > 1<<16:
		return fmt.Errorf("step is %d, want 1 to %d", w.Step, 1<<16)
	}
	for option, ratio := range w.Follow {
		if !(ratio > 0 && ratio <= 1000) {
			return fmt.Errorf("follow: the ratio of %s is %v, want above 0 and at most 1000", option, ratio)
		}
	}
	return nil
}

func (s *Spec) checkMatch() error {
	m := s.Match
	switch {
	case m == nil:
		return nil
	case !slices.Contains(Quantities, m.Quantity):
		return fmt.Errorf("match: no quantity %q: there are %s%s", m.Quantity, strings.Join(Quantities, ", "), meant(m.Quantity, Quantities))
	case !(m.Value > 0) || math.IsInf(m.Value, 0):
		return fmt.Errorf("match: value is %v, want a number above 0", m.Value)
	case !(m.Tolerance > 0 && m.Tolerance < 1):
		return fmt.Errorf("match: tolerance is %v, want above 0 and below 1", m.Tolerance)
	}
	for _, model := range s.Models {
		if model.Width == nil {
			return fmt.Errorf("match: %s has no width that could change its %s", model.Name, m.Quantity)
		}
	}
	return nil
}

func (s *Spec) checkData() error {
	d := s.Data
	switch {
	case (len(d.Corpus) > 0) == (d.Task != ""):
		return errors.New("data: give either corpus or task")
	case d.Task != "" && d.Tokenizer != "":
		return errors.New("data: a task has no tokenizer")
	case d.Length < 2 || d.EvalTokens < 1:
		return fmt.Errorf("data: length is %d and eval_tokens %d, want at least 2 and 1", d.Length, d.EvalTokens)
	case s.Train.Budget == "":
		return errors.New("train: budget is missing, for example 1000updates or 16Mtokens")
	case s.Train.Batch < 1:
		return fmt.Errorf("train: batch is %d, want at least 1", s.Train.Batch)
	case !(s.Train.Floor >= 0 && s.Train.Floor <= 1):
		return fmt.Errorf("train: floor is %v, want the share of the learning rate at the end, from 0 to 1", s.Train.Floor)
	}
	return nil
}

func (s *Spec) checkTuning() error {
	t := s.Tuning
	switch {
	case len(t.Rates) == 0 || len(t.Rates) > mostRates:
		return fmt.Errorf("tuning: %d rates, want 1 to %d", len(t.Rates), mostRates)
	case !slices.IsSorted(t.Rates) || len(slices.Compact(slices.Clone(t.Rates))) < len(t.Rates):
		return errors.New("tuning: rates must rise")
	case !(t.Rates[0] > 0) || math.IsInf(t.Rates[len(t.Rates)-1], 0):
		return errors.New("tuning: rates must be above 0 and finite")
	case t.Widenings < 0 || t.Widenings > mostRates:
		return fmt.Errorf("tuning: widenings is %d, want 0 to %d", t.Widenings, mostRates)
	case t.Widenings > 0 && len(t.Rates) < 2:
		return errors.New("tuning: one rate has no neighbours to widen by; give two or more rates")
	}
	for name, seeds := range map[string][]uint64{"tuning: seeds": t.Seeds, "seeds": s.Seeds} {
		if err := checkSeeds(seeds); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// checkSeeds requires different seeds, because equal ones would count one result twice.
func checkSeeds(seeds []uint64) error {
	if len(seeds) == 0 || len(seeds) > mostSeeds {
		return fmt.Errorf("%d of them, want 1 to %d", len(seeds), mostSeeds)
	}
	sorted := slices.Sorted(slices.Values(seeds))
	if len(slices.Compact(sorted)) < len(seeds) {
		return errors.New("a seed is there twice")
	}
	return nil
}

// meant suggests the known name nearest to an unknown one.
func meant(name string, known []string) string {
	if near := spelling.Nearest(name, known, 1); near != nil {
		return "; did you mean " + near[0] + "?"
	}
	return ""
}
