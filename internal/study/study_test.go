package study

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/safetensors"
)

// stored returns a float32 tensor for a checkpoint.
func stored(name string, w []float32, shape ...int) safetensors.Tensor {
	cols := 1
	for _, n := range shape[min(1, len(shape)):] {
		cols *= n
	}
	return safetensors.Tensor{Name: name, Shape: shape, DType: safetensors.F32, ReadRows: func(lo, hi int, dst []float32) error {
		copy(dst, w[lo*cols:hi*cols])
		return nil
	}}
}

// folder writes a checkpoint.
func folder(t *testing.T, modelType string, tensors ...safetensors.Tensor) string {
	t.Helper()
	dir := t.TempDir()
	config, _ := json.Marshal(map[string]string{"model_type": modelType})
	if err := checkpoint.Save(dir, config, tensors); err != nil {
		t.Fatal(err)
	}
	return dir
}

// studied returns the figures of each tensor by "quantity precision" or "quantity rank".
func studied(t *testing.T, dir string, s Settings) map[string]map[string]Figure {
	t.Helper()
	opened, err := Open(dir, s)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	all, last := map[string]map[string]Figure{}, 0.
	for tensor, share := range opened.Tensors() {
		all[tensor.Name] = map[string]Figure{}
		for _, f := range tensor.Figures {
			key := f.Quantity + f.Precision
			if f.Rank > 0 {
				key += string(rune('0' + f.Rank))
			}
			all[tensor.Name][key] = f
		}
		if share <= last || share > 1+1e-9 {
			t.Errorf("after %s the share of work is %g, before it %g", tensor.Name, share, last)
		}
		last = share
	}
	return all
}

func near(got, want, within float64) bool { return math.Abs(got-want) <= within }

// random returns a matrix with columns of decreasing norm.
func random(out, in int) []float32 {
	r, w := rand.New(rand.NewPCG(1, 2)), make([]float32, out*in)
	for i := range w {
		w[i] = float32(r.NormFloat64() / float64(1+i%in))
	}
	return w
}

// TestByHand checks figures that can be computed by hand.
func TestByHand(t *testing.T) {
	spike := make([]float32, 21)
	spike[4] = 100
	dir := folder(t, "", stored("diagonal", []float32{3, 0, 0, 4, 0, 0}, 3, 2), stored("halves", []float32{1, .5}, 1, 2),
		stored("spike", spike, 21), stored("scalar", []float32{-2}))
	got := studied(t, dir, Settings{Precisions: []string{"f32", "bf16", "int8"}, Ranks: []int{1, 2}})
	for tensor, wants := range map[string]map[string]float64{
		"diagonal": {"min": 0, "max": 4, "outliers": 0, "rounding-errorf32": 0, "rounding-errorint8": 0, "rank-90": 2, "rank-99": 2,
			"effective-rank": math.Exp(-4./7*math.Log(4./7) - 3./7*math.Log(3./7)), "low-rank-error1": .6, "low-rank-error2": 0},
		// 0.5 is 63.5/127, which int8 rounds to 64/127.
		"halves": {"rounding-errorbf16": 0, "rounding-errorint8": .5 / 127 / math.Sqrt(1.25), "effective-rank": 1, "rank-90": 1, "low-rank-error1": 0},
		"spike":  {"min": 0, "max": 100, "outliers": 1. / 21},
		"scalar": {"min": -2, "max": -2, "outliers": 0},
	} {
		for key, want := range wants {
			if f, ok := got[tensor][key]; !ok || f.Reason != "" || !near(f.Value, want, 1e-6) {
				t.Errorf("%s: %s is %+v, want %g", tensor, key, f, want)
			}
		}
	}
	if f := got["halves"]["low-rank-error2"]; f.Reason != "at most rank 1" {
		t.Errorf("rank 2 of a row: %+v", f)
	}
}

// TestSpectrum compares matrices of every form, factorised in blocks or at once, with gonum's decomposition of the whole.
func TestSpectrum(t *testing.T) {
	for _, c := range []struct{ out, in int }{{200, 7}, {7, 200}, {29, 7}, {28, 7}, {64, 64}, {40, 1}, {1, 40}, {1, 1}, {33, 61}} {
		data := random(c.out, c.in)
		whole := mat.NewDense(c.out, c.in, nil)
		for i, v := range data {
			whole.RawMatrix().Data[i] = float64(v)
		}
		var svd mat.SVD
		if !svd.Factorize(whole, mat.SVDNone) {
			t.Fatal("no convergence")
		}
		sigma := svd.Values(nil)
		norm := floats.Norm(sigma, 2)
		w := newWeights(nn.Dense(data, c.out, c.in))
		if err := w.decompose(true); err != nil || !floats.EqualApprox(w.sigma, sigma, 1e-9*norm) {
			t.Errorf("%dx%d: singular values %v, %v; want %v", c.out, c.in, w.sigma, err, sigma)
		}
		for _, rank := range []int{1, 3, len(sigma)} {
			if rank > len(sigma) {
				continue
			}
			got, err := w.lowRankError(rank)
			if want := floats.Norm(sigma[rank:], 2) / norm; err != nil || !near(got, want, 1e-6) {
				t.Errorf("%dx%d: error at rank %d is %g, %v; want %g, what is left of the singular values", c.out, c.in, rank, got, err, want)
			}
		}
	}
}

// TestAsLoaded checks that rounding errors are those of a loaded model's matrices, transposed in the file or not.
func TestAsLoaded(t *testing.T) {
	const out, in = 70, 150
	dir := folder(t, "gpt2", stored("h.0.attn.c_attn.weight", random(in, out), in, out), stored("lm_head.weight", random(out, in), out, in))
	f, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := studied(t, dir, Settings{Precisions: kernel.FormatNames})
	for _, name := range kernel.FormatNames {
		format, err := kernel.ParseFormat(name)
		if err != nil {
			t.Fatal(err)
		}
		ps, exact := nn.NewParams(f, 0, nn.Precision{Blocks: format, Head: format}), nn.NewParams(f, 0, nn.Precision{})
		for layer, load := range map[string]func(ps *nn.Params) *nn.Linear{
			"h.0.attn.c_attn": func(ps *nn.Params) *nn.Linear {
				return ps.In("").Linear("h.0.attn.c_attn", out, in, false, nil, nn.Transposed)
			},
			"lm_head": func(ps *nn.Params) *nn.Linear { return ps.Head("lm_head", out, in, nil) },
		} {
			held, whole := load(ps).W, load(exact).W
			if ps.Err() != nil || exact.Err() != nil {
				t.Fatal(ps.Err(), exact.Err())
			}
			if want, f := rounded(held, whole), got[layer+".weight"]["rounding-error"+name]; f.Reason != "" || !near(f.Value, want, 1e-12) {
				t.Errorf("%s of %s: %+v, a model has %g", name, layer, f, want)
			}
		}
	}
}

// rounded returns the relative error of one matrix with respect to another.
func rounded(held, whole kernel.Matrix) float64 {
	out, in := whole.Shape()
	a, b, squares, all := make([]float32, in), make([]float32, in), 0., 0.
	for o := range out {
		held.Row(o, a)
		whole.Row(o, b)
		for i := range a {
			d := float64(a[i]) - float64(b[i])
			squares, all = squares+d*d, all+float64(b[i])*float64(b[i])
		}
	}
	return math.Sqrt(squares) / math.Sqrt(all)
}

// TestNoFigure checks that a missing figure has a reason, and that other tensors have theirs.
func TestNoFigure(t *testing.T) {
	nan := float32(math.NaN())
	dir := folder(t, "", stored("nan", []float32{1, nan, 2, 3}, 2, 2), stored("zero", make([]float32, 4), 2, 2), stored("empty", nil, 0, 3),
		stored("filter", make([]float32, 8), 2, 1, 4), stored("huge", []float32{math.MaxFloat32, 1}, 1, 2), stored("sound", []float32{1, 2}, 1, 2))
	got := studied(t, dir, Settings{Precisions: []string{"int8", "bf16"}, Spectrum: true})
	for tensor, wants := range map[string]map[string]string{
		"nan":    {"min": "non-finite values", "rank-90": "non-finite values"},
		"zero":   {"max": "", "rounding-errorint8": "all zero", "effective-rank": "all zero"},
		"empty":  {"min": "empty"},
		"filter": {"min": "", "rounding-errorint8": NotMatrix, "rank-99": NotMatrix},
		"huge":   {"max": "", "rounding-errorbf16": "overflows"},
		"sound":  {"min": "", "rounding-errorint8": "", "effective-rank": ""},
	} {
		for key, want := range wants {
			f, ok := got[tensor][key]
			if !ok || want == "" && f.Reason != "" || !strings.Contains(f.Reason, want) {
				t.Errorf("%s: %s is %+v, want the reason %q", tensor, key, f, want)
			}
		}
	}
}

func TestIntegers(t *testing.T) {
	s := &Study{plan: []planned{{Figure{Quantity: "min"}, nil}}}
	if f := s.compute(safetensors.Info{Name: "steps", DType: safetensors.I64, Shape: []int{1}}); f[0].Reason != "I64 is not read as weights" {
		t.Errorf("%+v", f)
	}
}

// TestNames selects tensors by patterns, even two that a model would take for the same.
func TestNames(t *testing.T) {
	dir := folder(t, "", stored("a.weight", []float32{1}, 1, 1), stored("model.a.weight", []float32{2}, 1, 1), stored("a.bias", []float32{3}, 1))
	got := studied(t, dir, Settings{Names: []string{"*.weight"}})
	if len(got) != 2 || got["a.weight"]["max"].Value != 1 || got["model.a.weight"]["max"].Value != 2 {
		t.Errorf("studied %v", got)
	}
}

func TestMistakes(t *testing.T) {
	dir := folder(t, "", stored("a", []float32{1}, 1))
	for want, c := range map[string]struct {
		dir string
		Settings
	}{
		`precision "int3" is not one of f32, bf16`: {dir, Settings{Precisions: []string{"int3"}}},
		`precision "" is not one of`:               {dir, Settings{Precisions: []string{""}}},
		"rank 0 must be at least 1":                {dir, Settings{Ranks: []int{0}}},
		"matches b*: a pattern must match":         {dir, Settings{Names: []string{"b*"}}},
		`pattern "[": syntax error`:                {dir, Settings{Names: []string{"["}}},
		"there is no such folder":                  {dir + "x", Settings{}},
	} {
		if s, err := Open(c.dir, c.Settings); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v, error %v; want %q", s, err, want)
		}
	}
}
