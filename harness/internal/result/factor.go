package result

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
)

// factor is a property in which cells may differ: of the run, the model, or the point of the grid.
type factor struct {
	name string
	of   func(side) string // its value; "": none
	// explains lists the factors that naturally differ when this one does. Two architectures have different checkpoints;
	// different thread counts would spoil the comparison.
	explains []string
	axis     bool // of a grid: cells of other grids do not have it
}

// identity lists the factors that make up a model, beside its name and precision.
var identity = []string{"architecture", "mode", "checkpoint", "weights", "variant", "tokenizer", "plugin", "kernels", "options"}

// factors are those of every cell. Each axis of a grid and each option of a plugin is a factor too, by its own name.
var factors = []factor{
	{name: "quantity", of: func(s side) string { return s.q.Name }},
	{name: "run", of: func(s side) string { return s.ix.Run.ID }},
	{name: "version", of: func(s side) string { return s.ix.Run.Version }},
	{name: "host", of: func(s side) string { return s.ix.Run.Host.Fingerprint }},
	{name: "model", of: func(s side) string { return s.model }, explains: append([]string{"precision", "head"}, identity...)},
	{name: "family", of: func(s side) string { return s.ix.familyOf(s.model) }, explains: identity},
	ofModel("architecture", func(m *record.Model) string { return m.Architecture }, "mode", "checkpoint", "weights", "tokenizer", "plugin", "kernels", "options"),
	ofModel("mode", func(m *record.Model) string { return m.Mode }, "checkpoint", "weights", "options"),
	ofModel("checkpoint", func(m *record.Model) string { return m.Checkpoint }, "weights", "tokenizer"),
	ofModel("weights", func(m *record.Model) string { return shortHash(m.WeightsSHA) }, "checkpoint"),
	ofModel("variant", func(m *record.Model) string { return m.Variant }),
	ofModel("seed", seedOf),
	ofModel("precision", func(m *record.Model) string { return m.Precision }, "head", "kernels"),
	ofModel("head", func(m *record.Model) string { return m.Head }),
	ofModel("threads", func(m *record.Model) string { return strconv.Itoa(m.Threads) }),
	ofModel("device", func(m *record.Model) string { return m.Device }, "kernels"),
	ofModel("tokenizer", func(m *record.Model) string { return m.Tokenizer.Name }),
	ofModel("plugin", func(m *record.Model) string { return shortHash(m.PluginSHA) }, "kernels"),
	ofModel("kernels", func(m *record.Model) string { return m.Kernels }),
	ofModel("options", optionsOf),
}

// point names the factor of all grid axes that no projection names.
const point = "point"

func ofModel(name string, of func(*record.Model) string, explains ...string) factor {
	return factor{name: name, explains: explains, of: func(s side) string {
		if m := s.ix.ByName[s.model]; m != nil {
			return of(m)
		}
		return ""
	}}
}

// seedOf returns the seed of initialised weights; a checkpoint has none.
func seedOf(m *record.Model) string {
	if !m.Initialised {
		return ""
	}
	return strconv.FormatUint(m.Seed, 10)
}

func optionsOf(m *record.Model) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(m.Options)) {
		all = append(all, k+"="+m.Options[k])
	}
	return strings.Join(all, ",")
}

func shortHash(sha string) string { return sha[:min(len(sha), 12)] }

// factorNamed looks up a factor of every cell, an axis, or an option of the models.
func factorNamed(name string, options []string) (factor, error) {
	if i := slices.IndexFunc(factors, func(f factor) bool { return f.name == name }); i >= 0 {
		return factors[i], nil
	}
	axes := AxisKeys()
	switch {
	case slices.Contains(axes, name):
		return axis(name), nil
	case slices.Contains(options, name):
		return ofModel(name, func(m *record.Model) string { return m.Options[name] }, "options"), nil
	}
	return factor{}, fmt.Errorf("unknown factor %q; there are %s", name, strings.Join(slices.Concat(FactorNames(), options), ", "))
}

func axis(name string) factor {
	return factor{name: name, of: func(s side) string { return s.cell.Point.Get(name) }, axis: true}
}

// FactorNames returns the names of all factors but options of plugins.
func FactorNames() []string {
	names := Distinct(factors, func(f factor) string { return f.name })
	return slices.Concat(names, AxisKeys(), []string{point})
}

// projection is a list of factors that arrange cells.
type projection []factor

// names returns the names of its factors.
func (p projection) names() []string { return Distinct(p, func(f factor) string { return f.name }) }

// has reports whether it has any of the factors.
func (p projection) has(names ...string) bool {
	return slices.ContainsFunc(p, func(f factor) bool { return slices.Contains(names, f.name) })
}

// fits reports whether a cell has all axes of the projection.
func (p projection) fits(s side) bool {
	return !slices.ContainsFunc(p, func(f factor) bool { return f.axis && f.of(s) == "" })
}

// axes names the axes of the projection after " with an axis ", "" if there are none.
func (p projection) axes() string {
	all := slices.DeleteFunc(slices.Clone(p), func(f factor) bool { return !f.axis })
	if len(all) == 0 {
		return ""
	}
	return " with an axis " + strings.Join(all.names(), ", ")
}

// of returns the values of a cell.
func (p projection) of(s side) []string {
	values := make([]string, len(p))
	for i, f := range p {
		values[i] = f.of(s)
	}
	return values
}

// label joins the values of a cell: "gpt2 int8".
func (p projection) label(s side) string {
	values := p.of(s)
	for i, v := range values {
		if v == "" {
			values[i] = "-"
		}
	}
	return strings.Join(values, " ")
}

// unexplained returns the factors in which two cells differ and which the projection neither names nor explains.
func (p projection) unexplained(a, b side) (all []factor) {
	known := p.names()
	for _, f := range p {
		known = append(known, f.explains...)
	}
	candidates := slices.DeleteFunc(slices.Clone(factors), func(f factor) bool { return f.name == "model" || f.name == "family" })
	for _, c := range slices.Concat(a.cell.Point, b.cell.Point) {
		candidates = append(candidates, axis(c.Name))
	}
	for _, f := range candidates {
		if !slices.Contains(known, f.name) && f.of(a) != f.of(b) {
			known, all = append(known, f.name), append(all, f)
		}
	}
	return all
}
