package nn

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/internal/kernel"
)

// holding returns a source with tensors of one element.
func holding(names ...string) *memory {
	m := &memory{shapes: map[string][]int{}, data: map[string][]float32{}, absence: map[string]string{}}
	for _, name := range names {
		m.add(name, 1)
	}
	return m
}

// small are the tensors that a model asks for: a body and a head.
var small = []string{"model.embed.weight", "model.layers.0.q.weight", "model.norm.weight", "lm_head.weight"}

// under returns the small model's names, renamed.
func under(rename func(name string) string) []string {
	var names []string
	for _, name := range small {
		names = append(names, rename(name))
	}
	return names
}

func TestNamed(t *testing.T) {
	inside := strings.NewReplacer("layers.0.", "layers.0._orig_mod.")
	for what, names := range map[string][]string{
		"as they are":        small,
		"compiled":           under(func(name string) string { return "_orig_mod." + name }),
		"parallel":           under(func(name string) string { return "module." + name }),
		"both":               under(func(name string) string { return "module._orig_mod." + name }),
		"in a class":         under(func(name string) string { return "model." + name }),
		"layers compiled":    under(inside.Replace),
		"layers sharded":     under(strings.NewReplacer(".q.", "._fsdp_wrapped_module._checkpoint_wrapped_module.q.").Replace),
		"body alone":         under(func(name string) string { return strings.TrimPrefix(name, "model.") }),
		"compiled body":      under(func(name string) string { return "_orig_mod." + strings.TrimPrefix(name, "model.") }),
		"body, head outside": under(func(name string) string { return strings.Replace(name, "model.", "transformer.", 1) }),
	} {
		src := holding(names...)
		ps := NewParams(src, 0, Precision{})
		if ps.Ignore("model.layers.*.inv"); !ps.Stored("lm_head.weight") {
			t.Errorf("%s: no head", what)
		}
		src.add(strings.Replace(names[1], "q.weight", "inv", 1), 1)
		for i, name := range small {
			if p := ps.Tensor(name, nil, 1); ps.Err() == nil && !slices.Equal(p.W, src.data[names[i]]) {
				t.Errorf("%s: %s is %v", what, name, p.W)
			}
		}
		if err := ps.Err(); err != nil || ps.Warnings() != nil {
			t.Errorf("%s: %v, warnings %q", what, err, ps.Warnings())
		}
	}
}

// TestNamedRefuses asks for tensors that are missing or ambiguous.
func TestNamedRefuses(t *testing.T) {
	promised := holding("_orig_mod.model.embed.weight")
	promised.absence["_orig_mod.model.norm.weight"] = "the index names it in a file that does not hold it"
	for want, c := range map[string]struct {
		src   *memory
		names []string
	}{
		`tensor "model.q.weight" of shape [1] is missing from the checkpoint: the file has "model.q.qweight"`: {holding("model.q.qweight", "z"), []string{"model.q.weight"}},
		`the file has "a", "b", "c" and 2 more`:                                    {holding("a", "b", "c", "d", "e"), []string{"model.layers.0.weight"}},
		`the file has "language_model.model.x.weight"`:                             {holding("model.y.weight", "language_model.model.x.weight"), []string{"model.x.weight"}},
		`tensor "x" of shape [1] is missing from the checkpoint`:                   {holding(""), []string{"x"}},
		`the file has no tensors`:                                                  {holding(), []string{"x"}},
		`the file has "_orig_mod.x.weight", "module.x.weight", which is ambiguous`: {holding("module.x.weight", "_orig_mod.x.weight"), []string{"x.weight"}},
		`the file has "module.y", but other tensors have the prefix "_orig_mod"`:   {holding("_orig_mod.x", "module.y"), []string{"x", "y"}},
		`tensor "model.norm.weight" of shape [1] is missing from the checkpoint: the index names it in a file that does not hold it`: {promised, []string{"model.embed.weight", "model.norm.weight"}},
	} {
		ps := NewParams(c.src, 0, Precision{})
		for _, name := range c.names {
			ps.Tensor(name, nil, 1)
		}
		if err := ps.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// TestNamedPrefersTheSameName has a source with a tensor and its copy under a compiled name.
func TestNamedPrefersTheSameName(t *testing.T) {
	ps := NewParams(holding("x", "_orig_mod.x"), 0, Precision{})
	ps.Tensor("x", nil, 1)
	if diff := cmp.Diff([]string{`tensor "_orig_mod.x" of the checkpoint is unknown to the model and was not loaded`}, ps.Warnings()); ps.Err() != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", ps.Err(), diff)
	}
}

func TestNonFinite(t *testing.T) {
	for _, f := range []kernel.Format{kernel.F32, kernel.BF16} {
		src := newMemory()
		src.data["a.weight"][7], src.data["a.weight"][14] = float32(math.Inf(1)), float32(math.NaN())
		ps := NewParams(src, 0, Precision{Blocks: f, Head: f})
		ps.On(kernel.NewPool(3))
		ps.In("").Linear("a", 3, 5, false, nil)
		want := `tensor "a.weight" holds non-finite values, read as float32: 2 of 15, the first in row 1, column 2 (counted from 0)`
		if err := ps.Err(); err == nil || err.Error() != want {
			t.Errorf("%v: error %v, want %q", f, err, want)
		}
	}
}

// FuzzNamed checks that find returns one of the source's names.
func FuzzNamed(f *testing.F) {
	f.Add("model.x.weight", "_orig_mod.model.x.weight", "x.weight")
	f.Add("x", "module..x", "model")
	f.Fuzz(func(t *testing.T, name, a, b string) {
		n := newNamed(holding(a, b))
		if got := n.find(name); got != "" && got != a && got != b {
			t.Errorf("%q is found as %q", name, got)
		}
		if n.find(a) != a || a != "" && n.why(name) == "" {
			t.Errorf("%q is not itself, or nothing is said of %q", a, name)
		}
	})
}
