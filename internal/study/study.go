// Package study analyses the weights of a checkpoint as tensors: their range, the rounding error of each precision, and
// their singular values. It needs no architecture and loads no model.
package study

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/safetensors"
)

// Settings select the tensors and the figures.
type Settings struct {
	Names      []string // patterns of path.Match; none: every tensor
	Precisions []string // names of precisions
	Spectrum   bool     // singular values
	Ranks      []int    // of low-rank factorisations; the slowest, because they need singular vectors
}

// Study is an open checkpoint and the figures to compute.
type Study struct {
	folder    *checkpoint.Folder
	modelType string
	tensors   []safetensors.Info
	settings  Settings
	plan      []planned
}

// Figure is one number about a tensor.
type Figure struct {
	Quantity  string
	Precision string // of rounding-error
	Rank      int    // of low-rank-error
	Value     float64
	Reason    string // why there is no value
}

// NotMatrix is the reason for missing figures that only matrices have.
const NotMatrix = "not a matrix"

// planned is a figure and the function that computes it.
type planned struct {
	Figure
	of func(w *weights) (float64, error)
}

// Tensor is a stored tensor with its figures, which are the same, in the same order, for all tensors.
type Tensor struct {
	Name    string
	DType   safetensors.DType
	Shape   []int
	Figures []Figure
}

// Open opens a checkpoint. It checks both the folder and the settings.
func Open(dir string, s Settings) (*Study, error) {
	plan, err := s.figures()
	if err != nil {
		return nil, err
	}
	if err := kernel.Available(); err != nil {
		return nil, err
	}
	folder, err := checkpoint.Open(dir)
	if err != nil {
		return nil, err
	}
	tensors, err := choose(folder, s.Names)
	if err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	var config struct {
		ModelType string `json:"model_type"`
	}
	_ = json.Unmarshal(folder.Config(), &config) // without a model_type tensors are stored the usual way
	return &Study{folder, config.ModelType, tensors, s, plan}, nil
}

// Close closes the checkpoint.
func (s *Study) Close() error { return s.folder.Close() }

// choose returns the tensors that match a pattern.
func choose(f *checkpoint.Folder, patterns []string) (list []safetensors.Info, err error) {
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
	}
	for _, name := range f.Names() {
		matches := func(pattern string) bool { ok, _ := path.Match(pattern, name); return ok }
		if info, _ := f.Info(name); len(patterns) == 0 || slices.ContainsFunc(patterns, matches) {
			list = append(list, info)
		}
	}
	if len(list) == 0 && len(patterns) > 0 {
		return nil, fmt.Errorf("no tensor of %s matches %s: a pattern must match the whole name; * stands for any characters, as in '*.weight'", f.Dir(), strings.Join(patterns, " "))
	}
	return list, nil
}

// figures plans the figures of every tensor.
func (s Settings) figures() ([]planned, error) {
	list := []planned{
		{Figure{Quantity: "min"}, func(w *weights) (float64, error) { return w.min, nil }},
		{Figure{Quantity: "max"}, func(w *weights) (float64, error) { return w.max, nil }},
		{Figure{Quantity: "outliers"}, func(w *weights) (float64, error) { return w.outliers(), nil }},
	}
	for _, name := range s.Precisions {
		f, err := kernel.ParseFormat(name)
		if err != nil || name == "" {
			return nil, fmt.Errorf("precision %q is not one of %s", name, strings.Join(kernel.FormatNames, ", "))
		}
		list = append(list, planned{Figure{Quantity: "rounding-error", Precision: name}, ofMatrix(func(w *weights) (float64, error) { return w.roundingError(f) })})
	}
	if !s.Spectrum && len(s.Ranks) == 0 {
		return list, nil
	}
	list = append(list,
		planned{Figure{Quantity: "effective-rank"}, s.ofSpectrum(effectiveRank)},
		planned{Figure{Quantity: "rank-90"}, s.ofSpectrum(func(sigma []float64) float64 { return energyRank(sigma, .90) })},
		planned{Figure{Quantity: "rank-99"}, s.ofSpectrum(func(sigma []float64) float64 { return energyRank(sigma, .99) })})
	for _, rank := range s.Ranks {
		if rank < 1 {
			return nil, fmt.Errorf("rank %d must be at least 1", rank)
		}
		list = append(list, planned{Figure{Quantity: "low-rank-error", Rank: rank}, ofMatrix(func(w *weights) (float64, error) { return w.lowRankError(rank) })})
	}
	return list, nil
}

// ofMatrix restricts a figure to matrices with a non-zero element.
func ofMatrix(of func(w *weights) (float64, error)) func(w *weights) (float64, error) {
	return func(w *weights) (float64, error) {
		switch {
		case w.in == 0:
			return 0, errors.New(NotMatrix)
		case w.norm == 0:
			return 0, errors.New("all zero")
		}
		return of(w)
	}
}

// ofSpectrum computes a figure from the singular values.
func (s Settings) ofSpectrum(of func(sigma []float64) float64) func(w *weights) (float64, error) {
	return ofMatrix(func(w *weights) (float64, error) {
		if err := w.decompose(len(s.Ranks) > 0); err != nil {
			return 0, err
		}
		return of(w.sigma), nil
	})
}

// work estimates the number of operations for a matrix, to predict the remaining time.
func (s Settings) work(elements, long, short float64) float64 {
	work := elements * float64(30+30*len(s.Precisions))
	if s.Spectrum || len(s.Ranks) > 0 {
		work += 2*long*short*short + 3*short*short*short
	}
	if len(s.Ranks) > 0 {
		work += 12 * short * short * short
	}
	return work
}

// Tensors yields each tensor, and the share of the work that is done. Only one tensor is in memory at a time.
func (s *Study) Tensors() iter.Seq2[Tensor, float64] {
	return func(yield func(Tensor, float64) bool) {
		var done, total float64
		for _, info := range s.tensors {
			total += s.workOf(info)
		}
		for _, info := range s.tensors {
			t := Tensor{Name: info.Name, DType: info.DType, Shape: info.Shape, Figures: s.compute(info)}
			s.folder.ReleasePages(info.Name)
			if done += s.workOf(info); !yield(t, done/total) {
				return
			}
		}
	}
}

func (s *Study) workOf(info safetensors.Info) float64 {
	if len(info.Shape) != 2 {
		return 1 + 30*float64(info.Elements())
	}
	rows, cols := float64(info.Shape[0]), float64(info.Shape[1])
	return 1 + s.settings.work(rows*cols, max(rows, cols), min(rows, cols))
}

// compute reads a tensor and returns its figures.
func (s *Study) compute(info safetensors.Info) []Figure {
	w, err := s.read(info)
	list := make([]Figure, len(s.plan))
	for i, p := range s.plan {
		list[i] = p.Figure
		if err == nil {
			list[i].set(p.of(w))
		} else {
			list[i].set(0, err)
		}
	}
	return list
}

func (f *Figure) set(value float64, err error) {
	switch {
	case err != nil:
		f.Reason = err.Error()
	case math.IsInf(value, 0) || math.IsNaN(value):
		f.Reason = "overflows"
	default:
		f.Value = value
	}
}

// read reads a tensor as a model would, a matrix as [out, in].
func (s *Study) read(info safetensors.Info) (*weights, error) {
	switch {
	case !info.DType.Float():
		return nil, fmt.Errorf("%s is not read as weights", info.DType)
	case info.Elements() == 0:
		return nil, errors.New("empty")
	}
	ps := nn.NewParams(single{s.folder, info.Name}, 0, nn.Precision{})
	var p *nn.Param
	if layer, ok := strings.CutSuffix(info.Name, ".weight"); ok && len(info.Shape) == 2 && InputFirst(s.modelType, info.Name) {
		p = ps.In("").Linear(layer, info.Shape[1], info.Shape[0], false, nil, nn.Transposed).Weight
	} else {
		p = ps.Tensor(info.Name, nil, info.Shape...)
	}
	if err := ps.Err(); err != nil {
		return nil, err
	}
	return newWeights(p.Dense()), nil
}

// single is a source restricted to one tensor, so that other tensors' names do not affect how it is found.
type single struct {
	nn.Source
	name string
}

// Names implements nn.Source.
func (s single) Names() []string { return []string{s.name} }

// conv1D are the matrices that GPT-2 stores as [in, out].
var conv1D = []string{"attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight"}

// InputFirst reports whether a checkpoint of the given type stores a matrix as [in, out]. It matters because the groups of
// a precision are along the input.
func InputFirst(modelType, name string) bool {
	return modelType == "gpt2" && slices.ContainsFunc(conv1D, func(end string) bool { return strings.HasSuffix(name, end) })
}
