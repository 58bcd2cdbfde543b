package run

import (
	"fmt"
	"slices"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/suite"
)

// wish is a cell that a suite asks for, before it is known whether it can be measured.
type wish struct {
	part  suite.Part
	point store.Point
	spec  ModelSpec
}

// settings is the point with the parameters.
func (w wish) settings() store.Point { return slices.Concat(w.point, w.part.Params) }

// expand crosses suites, points, models and precisions. Models whose language-model cells are asked for get a
// causality cell too, whatever they declare.
func expand(o Options) ([]wish, error) {
	var wanted []wish
	named := map[string]string{}
	for _, s := range o.Suites {
		for _, part := range s.Parts {
			for _, point := range part.Points() {
				if err := part.Probe.Check(slices.Concat(point, part.Params)); err != nil {
					return nil, fmt.Errorf("suite %s: %w", s.Name, err)
				}
				for _, spec := range specs(o.Models, part.Precisions) {
					if id, ok := named[spec.Name]; ok && id != spec.identity() {
						return nil, fmt.Errorf("two models are called %q: name them apart with --model NAME=ARCH:DIR", spec.Name)
					}
					named[spec.Name] = spec.identity()
					wanted = append(wanted, wish{part, point, spec})
				}
			}
		}
	}
	return append(guards(wanted), wanted...), nil
}

// specs are the models of a part: those of the user, in the part's precisions if it names any. The same model stands
// once, under the name that the user gave it if there is one.
func specs(models []ModelSpec, precisions []string) []ModelSpec {
	var all []ModelSpec
	seen := map[string]bool{}
	own := map[string]ModelSpec{}
	for _, m := range models {
		m = m.normal()
		own[m.identity()] = m
	}
	for _, m := range models {
		m = m.normal()
		at := precisions
		if at == nil {
			at = []string{m.Precision}
		}
		for _, precision := range at {
			s := m.at(precision)
			if named, ok := own[s.identity()]; ok {
				s = named
			}
			if !seen[s.identity()] {
				seen[s.identity()] = true
				all = append(all, s)
			}
		}
	}
	return all
}

// guards are causality cells for models that have language-model cells and no causality cell.
func guards(wanted []wish) []wish {
	causality := probe.Find("causality")
	guarded := map[string]bool{}
	for _, w := range wanted {
		if w.part.Probe == causality {
			guarded[w.spec.Name] = true
		}
	}
	var all []wish
	for _, w := range wanted {
		if w.part.Probe.Language && !guarded[w.spec.Name] {
			guarded[w.spec.Name] = true
			part := suite.Default("causality", causality)
			all = append(all, wish{part, part.Points()[0], w.spec})
		}
	}
	return all
}

// works lists all work to be priced, never nil.
func works(wanted []wish) []probe.Work {
	all := []probe.Work{}
	for _, w := range wanted {
		all = append(all, w.part.Probe.Work(w.settings())...)
	}
	return all
}
