// Package suite reads suites: YAML files that say which probes to run over which grid. Parsing is strict; errors name
// file, line and column and show the line. [Load] finds built-in suites by name and others by path.
package suite

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
)

// Suite is a list of probes with their grids.
type Suite struct {
	Name    string
	Version int
	Summary string
	Budget  time.Duration // for the whole run; 0: none
	Parts   []Part
}

// Part is one probe over one grid.
type Part struct {
	Suite      string // the suite that defines the part, even if included by another
	File       string // that suite's file, absolute; "" if built in
	Probe      *probe.Probe
	Grid       []Axis // all axes of the probe, in the probe's order
	Params     record.Point
	Repeats    int           // blocks of a timing probe; 1 for others
	Span       time.Duration // least time of the calls that make a sample of a timing probe
	Precisions []string      // precisions for models given without one; nil: f32
	Asked      bool          // the user chose the precisions, not the suite
}

// Axis is one dimension of a grid.
type Axis struct {
	Name   string
	Values []string
}

// DefaultRepeats is the number of blocks of a timing probe unless its suite says otherwise.
const DefaultRepeats = 10

// DefaultSpan is the least time of the calls of a sample unless the user says otherwise.
const DefaultSpan = 250 * time.Millisecond

// Points returns all combinations of the axes; the last axis varies fastest.
func (p Part) Points() []record.Point {
	points := []record.Point{nil}
	for _, axis := range p.Grid {
		var next []record.Point
		for _, point := range points {
			for _, v := range axis.Values {
				next = append(next, append(slices.Clone(point), record.Coordinate{Name: axis.Name, Value: v}))
			}
		}
		points = next
	}
	return points
}

// Set overrides the values of a key throughout the suite: an axis or parameter, alone or as probe.key, "repeats" and
// "span" of timing probes, or "precision" of every model. values are comma-separated and may contain ranges like 1024..65536*4.
// Set acts for the user: precisions set this way count as models that the user asked for.
func (s *Suite) Set(key, values string) error {
	if err := s.assign(key, values); err != nil {
		return err
	}
	for i := range s.Parts {
		name := strings.TrimPrefix(key, s.Parts[i].Probe.Name+".")
		s.Parts[i].Asked = s.Parts[i].Asked || name == "precision"
	}
	return nil
}

func (s *Suite) assign(key, values string) error {
	found := false
	for i := range s.Parts {
		p := &s.Parts[i]
		name, matches := strings.CutPrefix(key, p.Probe.Name+".")
		if !matches && strings.Contains(key, ".") {
			continue
		}
		done, err := p.set(name, strings.Split(values, ","))
		if err != nil {
			return fmt.Errorf("set %s=%s: %s: %w", key, values, p.Probe.Name, err)
		}
		found = found || done
	}
	if !found {
		return fmt.Errorf("set %s=%s: no probe of suite %s has this key; it has %s", key, values, s.Name, strings.Join(s.keys(), ", "))
	}
	return nil
}

// set changes one key of a part and reports whether the part has it.
func (p *Part) set(key string, values []string) (bool, error) {
	values, err := expand(values)
	if err != nil {
		return true, err
	}
	switch {
	case key == "precision":
		p.Precisions = values
		return true, nil
	case key == "repeats" && p.Probe.Timing:
		if len(values) > 1 {
			return true, fmt.Errorf("repeats is one whole number, not %q", strings.Join(values, ","))
		}
		p.Repeats, _ = strconv.Atoi(values[0]) // 0 if it is not a number, which the check rejects
		return true, probe.Setting{Name: key, Min: 1}.Check(values[0])
	case key == "span" && p.Probe.Timing:
		p.Span, err = span(values)
		return true, err
	}
	for i, s := range p.Probe.Axes {
		if s.Name == key {
			p.Grid[i].Values = values
			return true, checkAll(s, values)
		}
	}
	for i, s := range p.Probe.Params {
		if s.Name == key {
			p.Params[i].Value = values[0]
			if len(values) > 1 {
				return true, fmt.Errorf("%s is a parameter and takes one value", key)
			}
			return true, checkAll(s, values)
		}
	}
	return false, nil
}

// checkAll checks every value of a setting.
func checkAll(s probe.Setting, values []string) error {
	for _, v := range values {
		if err := s.Check(v); err != nil {
			return err
		}
	}
	return nil
}

// keys lists what Set can change, for messages.
func (s *Suite) keys() []string {
	all := []string{"precision"}
	for _, p := range s.Parts {
		for _, k := range slices.Concat(p.Probe.Axes, p.Probe.Params) {
			all = append(all, p.Probe.Name+"."+k.Name)
		}
		if p.Probe.Timing {
			all = append(all, "repeats", "span")
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Probes names the parts' probes, without duplicates.
func (s *Suite) Probes() []string {
	var names []string
	for _, p := range s.Parts {
		if !slices.Contains(names, p.Probe.Name) {
			names = append(names, p.Probe.Name)
		}
	}
	return names
}

// Only keeps the parts of the named probes. It fails if the suite lacks one of them.
func (s *Suite) Only(probes ...string) error {
	for _, name := range probes {
		if !slices.ContainsFunc(s.Parts, func(p Part) bool { return p.Probe.Name == name }) {
			return fmt.Errorf("suite %s has no probe %q; it has %s", s.Name, name, strings.Join(s.Probes(), ", "))
		}
	}
	s.Parts = slices.DeleteFunc(s.Parts, func(p Part) bool { return !slices.Contains(probes, p.Probe.Name) })
	return nil
}

// Default returns a probe with default settings, as a part of the named suite.
func Default(suite string, p *probe.Probe) Part {
	part := Part{Suite: suite, Probe: p, Repeats: 1}
	if p.Timing {
		part.Repeats, part.Span = DefaultRepeats, DefaultSpan
	}
	for _, s := range p.Axes {
		part.Grid = append(part.Grid, Axis{s.Name, []string{s.Default}})
	}
	for _, s := range p.Params {
		part.Params = append(part.Params, record.Coordinate{Name: s.Name, Value: s.Default})
	}
	return part
}

// clone returns an independent copy.
func (p Part) clone() Part {
	p.Params, p.Precisions = slices.Clone(p.Params), slices.Clone(p.Precisions)
	p.Grid = slices.Clone(p.Grid)
	for i := range p.Grid {
		p.Grid[i].Values = slices.Clone(p.Grid[i].Values)
	}
	return p
}

// longestSpan bounds the calls of a sample.
const longestSpan = time.Minute

// span reads the least time of the calls of a sample.
func span(values []string) (time.Duration, error) {
	d, err := time.ParseDuration(values[0])
	if err != nil || len(values) != 1 || d < 0 || d > longestSpan {
		return 0, fmt.Errorf("span is one time between 0s and %v, like 100ms, not %q", longestSpan, strings.Join(values, ","))
	}
	return d, nil
}
