// Package probe holds the ways of measuring a model: one file each, and one line in [Table]. A probe takes a loaded model
// and one point of its grid, and returns raw samples of the metrics that it declares. What cannot be measured is
// [Unavailable] with a reason, never zero. A probe also declares the quantities derived from its samples and how they are
// compared and shown.
package probe

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/lm"
)

// Table lists the probes in the order in which a run measures them. Causality comes first because others depend on it.
var Table = []*Probe{
	causalityProbe, costProbe, memoryProbe, qualityProbe, divergenceProbe, streamProbe,
	prefillProbe, ttftProbe, decodeProbe,
}

// Find returns the probe of that name, or nil. It may be one of [Imported].
func Find(name string) *Probe {
	for _, p := range All() {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Probe is one way to measure.
type Probe struct {
	Name    string
	Summary string // one line
	// Version is part of a cell's identity: raise it when the probe's numbers change.
	Version int
	// Timing probes are repeated in interleaved blocks. Others run once, in a process of their own.
	Timing bool
	// Text is the text that the probe reads.
	Text TextKind
	// Language probes judge a language model, so they exclude models that see the future.
	Language bool
	// Versus probes compare a model of low precision with the f32 model of the same weights.
	Versus bool
	Axes   []Setting // of the grid
	Params []Setting // the same for all points
	Needs  []lm.Ability
	Budget Rank

	Metrics    []Metric
	Quantities []Quantity // in the order of a report
	Tails      []Tail
	Report     Shown

	// refuse rejects combinations of settings that are each valid; nil: all are allowed.
	refuse func(record.Point) error
	// context returns the longest context of a point, in tokens.
	context func(record.Point) int
	// work returns the work of a point, for estimates.
	work func(record.Point) []Work
	// measure takes one measurement.
	measure func(context.Context, *Subject) (Result, error)
}

// Shown says how a section of a report shows a probe. The zero value shows the probe's quantities, after all other probes.
type Shown struct {
	Place         int // among the probes of a section, from 1; 0: last
	View          View
	WithPrecision bool // in a section that compares precisions, part of that table instead
}

// View is the form in which a report shows what a probe measured.
type View int

// The views.
const (
	QuantityView View = iota // tables, exponents and figures of the probe's quantities
	CausalityView
	CostView
	MemoryView
	StreamView
	QualityView
)

// Rank is a probe's priority when a budget is filled.
type Rank int

// The ranks, from low to high.
const (
	ByPrice Rank = iota // after the others, in order of estimated time
	First               // measures how good a model is
	Always              // guards others, so it is never left out
)

// TextKind is the text that a probe reads.
type TextKind int

// The kinds of text.
const (
	NoText     TextKind = iota
	StreamText          // any real text, for work in which only speed and length matter
	HeldOut             // text on which the models were not trained
)

// Setting is an axis of a probe's grid or one of its parameters.
type Setting struct {
	Name    string
	Doc     string
	Default string
	Words   []string // the allowed values; nil: integers from Min
	Min     int
}

// Check returns an error if a value is not allowed.
func (s Setting) Check(value string) error {
	if s.Words != nil {
		if !slices.Contains(s.Words, value) {
			return fmt.Errorf("%s is one of %q, not %q", s.Name, s.Words, value)
		}
		return nil
	}
	if n, err := strconv.Atoi(value); err != nil || n < s.Min || strconv.Itoa(n) != value {
		return fmt.Errorf("%s is a whole number of at least %d, not %q", s.Name, s.Min, value)
	} else if n > mostOfAll {
		return fmt.Errorf("%s is at most %d, not %d", s.Name, mostOfAll, n)
	}
	return nil
}

// Bounds of settings: sums of settings and products with model sizes cannot overflow, and the tokens of a cell fit into
// half a gigabyte of memory.
const (
	mostOfAll  = 1 << 30 // for any setting
	mostTokens = 1 << 27 // for the tokens of a cell
)

// Result is one measurement.
type Result struct {
	Samples  []record.Sample
	Warnings []string
	Missing  []record.Missing
}

// add appends a sample that is not a timing.
func (r *Result) add(metric, label string, value float64) {
	r.Samples = append(r.Samples, record.Sample{Metric: metric, Label: label, Value: value})
}

// lack says why a metric has no sample.
func (r *Result) lack(metric, reason string) {
	r.Missing = append(r.Missing, record.Missing{Metric: metric, Reason: reason})
}

// Work is a piece of work whose cost a model can state by formula.
type Work struct {
	Phase  lm.Phase
	Batch  int
	Length int
	Times  int
}

// Work returns the work of a point.
func (p *Probe) Work(settings record.Point) []Work { return p.work(settings) }

// Unavailable says why something cannot be measured.
type Unavailable struct{ Reason string } //nolint:errname // "n/a (reason)" is an answer more than an error

// Error returns "n/a (reason)".
func (u *Unavailable) Error() string { return record.NA(u.Reason) }

// Available returns an [*Unavailable] if a model cannot be measured at a point, without measuring it.
func (p *Probe) Available(info lm.ModelInfo, settings record.Point) error {
	for _, a := range p.Needs {
		if !info.Has(a) {
			return &Unavailable{"no ability " + string(a)}
		}
	}
	if limit := info.ContextLimit; limit > 0 && p.context(settings) > limit {
		return &Unavailable{fmt.Sprintf("context limit %d", limit)}
	}
	return nil
}

// Warnings returns the warnings that a cell has before it is measured.
func (p *Probe) Warnings(trainedTo int, settings record.Point) []string {
	if p.Language && trainedTo > 0 && p.context(settings) > trainedTo {
		return []string{fmt.Sprintf("beyond the trained context of %d", trainedTo)}
	}
	return nil
}

// Clocked reports whether any metric of the probe is a time.
func (p *Probe) Clocked() bool {
	return slices.ContainsFunc(p.Metrics, func(m Metric) bool { return m.Unit == unit.Second })
}

// Measure takes one measurement of a point.
func (p *Probe) Measure(ctx context.Context, s *Subject) (Result, error) {
	if err := p.Check(s.Settings); err != nil {
		return Result{}, err
	}
	if err := p.Available(s.Info, s.Settings); err != nil {
		return Result{}, err
	}
	r, err := p.measure(ctx, s)
	if err != nil {
		return Result{}, err
	}
	for i := range r.Samples {
		sample := &r.Samples[i]
		if math.IsNaN(sample.Value) || math.IsInf(sample.Value, 0) {
			return Result{}, lm.Faultf(lm.NonFinite, "%s %s is not finite", sample.Metric, sample.Label)
		}
		sample.Block = s.Block
		sample.Unit = Lookup(sample.Metric).Unit
	}
	return r, nil
}

// Check returns an error if a point or its parameters are invalid.
func (p *Probe) Check(settings record.Point) error {
	for _, known := range slices.Concat(p.Axes, p.Params) {
		if err := known.Check(settings.Get(known.Name)); err != nil {
			return fmt.Errorf("probe %s: %w", p.Name, err)
		}
	}
	if n, batch := p.context(settings), max(1, number(settings, "batch")); n > mostTokens/batch {
		return fmt.Errorf("probe %s: batch %d with a context of %d has more than %d tokens", p.Name, batch, n, mostTokens)
	}
	if p.refuse == nil {
		return nil
	}
	if err := p.refuse(settings); err != nil {
		return fmt.Errorf("probe %s: %w", p.Name, err)
	}
	return nil
}

// number returns an integer setting, or 0 if the probe has no setting of that name.
func number(settings record.Point, name string) int {
	n, _ := strconv.Atoi(settings.Get(name)) // Check has validated it
	return n
}

// lengthOf returns a context function for probes whose longest context is one axis.
func lengthOf(axis string) func(record.Point) int {
	return func(p record.Point) int { return number(p, axis) }
}
