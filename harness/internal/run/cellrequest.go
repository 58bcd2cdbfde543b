package run

import (
	"fmt"
	"slices"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/suite"
)

// cellRequest is a cell that a suite requests, before it is known whether it can be measured.
type cellRequest struct {
	part  suite.Part
	point record.Point
	spec  ModelSpec
	spare bool // needed only if no other cell compares the model with f32
}

// settings returns the point and the parameters.
func (r cellRequest) settings() record.Point { return slices.Concat(r.point, r.part.Params) }

// readsText reports whether the cell reads text.
func (r cellRequest) readsText() bool { return r.part.Probe.Text != probe.NoText }

// expand crosses suites, points, models and precisions. A model with language-model cells also gets a causality cell,
// whatever it declares, and one that is timed in a low precision a cell that says what the precision costs.
func expand(o Options) ([]cellRequest, error) {
	if err := distinct(o.Models); err != nil {
		return nil, err
	}
	var requests []cellRequest
	named := map[string]string{}
	for _, s := range o.Suites {
		for _, part := range s.Parts {
			for _, point := range part.Points() {
				if err := part.Probe.Check(slices.Concat(point, part.Params)); err != nil {
					return nil, fmt.Errorf("suite %s: %r", s.Name, err)
				}
				for _, spec := range specs(o.Models, part) {
					if id, ok := named[spec.Name]; ok && id != spec.identity() {
						return nil, calledTwice(spec.Name)
					}
					named[spec.Name] = spec.identity()
					requests = append(requests, cellRequest{part: part, point: point, spec: spec})
				}
			}
		}
	}
	return slices.Concat(guards(requests), requests, divergences(requests)), nil
}

// distinct rejects two models with one name. Two names for one model are legal: it is measured under each.
func distinct(models []ModelSpec) error {
	seen := map[string]bool{}
	for _, m := range models {
		name := m.normal().Name
		if seen[name] {
			return calledTwice(name)
		}
		seen[name] = true
	}
	return nil
}

func calledTwice(name string) error {
	return fmt.Errorf("two models are called %q: give them distinct names with --model NAME=ARCH:DIR", name)
}

// specs returns the models of a part: each of the user's models in its own precision and in those of the part. The same
// weights in the same precision appear once, unless the user named them twice.
func specs(models []ModelSpec, part suite.Part) []ModelSpec {
	asked := map[string]bool{}
	for _, m := range models {
		if slices.Contains(precisionsOf(m, part), m.normal().Precision) {
			asked[m.normal().identity()] = true
		}
	}
	var all []ModelSpec
	from := map[string]string{} // identity of a derived spec -> identity of its origin
	for _, m := range models {
		own := m.normal()
		for _, precision := range precisionsOf(m, part) {
			s := own.at(precision)
			if s.Name == own.Name {
				all = append(all, s)
				continue
			}
			first, again := from[s.identity()]
			if asked[s.identity()] || again && first != own.identity() {
				continue
			}
			from[s.identity()] = own.identity()
			if !part.Asked {
				s.Family = own.Name
			}
			all = append(all, s)
		}
	}
	return all
}

// precisionsOf returns the distinct precisions in which a part measures a model.
func precisionsOf(m ModelSpec, part suite.Part) []string {
	all := part.Precisions
	if m.Precision != "" || len(all) == 0 {
		all = append([]string{m.normal().Precision}, all...)
	}
	return addNew(nil, all)
}

// guards returns causality cells for the models that have language-model cells but no causality cell.
func guards(requests []cellRequest) []cellRequest {
	causality := probe.Find("causality")
	guarded := map[string]bool{}
	for _, r := range requests {
		if r.part.Probe == causality {
			guarded[r.spec.Name] = true
		}
	}
	var all []cellRequest
	for _, r := range requests {
		if r.part.Probe.Language && !guarded[r.spec.Name] {
			guarded[r.spec.Name] = true
			part := suite.Default("causality", causality)
			all = append(all, cellRequest{part: part, point: part.Points()[0], spec: r.spec})
		}
	}
	return all
}

// divergences returns a divergence cell for each model that is timed in a lower precision than f32: a speed alone is not valid.
func divergences(requests []cellRequest) (all []cellRequest) {
	part := suite.Default("divergence", probe.Find("divergence"))
	known := map[string]bool{}
	for _, r := range requests {
		if r.part.Probe.Clocked() && r.spec.reduced() && !known[r.spec.Name] {
			known[r.spec.Name] = true
			all = append(all, cellRequest{part: part, point: part.Points()[0], spec: r.spec, spare: true})
		}
	}
	return all
}

// works returns the work of all requests, never nil.
func works(requests []cellRequest) []probe.Work {
	all := []probe.Work{}
	for _, r := range requests {
		all = append(all, r.part.Probe.Work(r.settings())...)
	}
	return all
}
