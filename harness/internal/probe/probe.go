// Package probe holds the ways of measuring a model: one file each, and one line in [Table]. A probe gets a loaded
// model and one point of its grid, and answers with raw samples of the metrics that it declares. What cannot be
// measured is [Unavailable] with a reason, never zero. What is derived from the samples, and how it is compared and
// shown, stands beside the measuring.
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

// Table lists the probes in the order in which a run takes them: what decides about others comes first.
var Table = []*Probe{
	causalityProbe, costProbe, memoryProbe, qualityProbe, streamProbe,
	prefillProbe, ttftProbe, decodeProbe,
}

// Find returns the probe of that name, or nil.
func Find(name string) *Probe {
	for _, p := range Table {
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
	// Version is part of every cell: raise it when the probe measures something else than before.
	Version int
	// Timing probes vary from call to call: they are repeated in interleaved blocks. Others run once, in a process of
	// their own.
	Timing bool
	// Text that the probe reads.
	Text TextKind
	// Language probes say something about a language model, which a model that sees the future is not.
	Language bool
	// Versus probes hold a model of low precision against the f32 one of the same weights.
	Versus bool
	Axes   []Setting // of the grid
	Params []Setting // what is the same for all points
	Needs  []lm.Ability
	Budget Rank

	Metrics    []Metric
	Quantities []Quantity // in the order of a report
	Tails      []Tail
	Report     Shown

	// refuse says what is wrong with settings that are each allowed; nil: nothing ever is.
	refuse func(record.Point) error
	// context is the longest context that a point makes, in tokens.
	context func(record.Point) int
	// work is what a point costs, in units that a model can put a price on.
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

// Rank is a probe's place when a budget is filled.
type Rank int

// The ranks, the last first.
const (
	ByPrice Rank = iota // after the others, from the cheapest point up
	First               // says whether a model is any good
	Always              // guards others, and is never left out
)

// TextKind is the text that a probe reads.
type TextKind int

// The kinds of text.
const (
	NoText     TextKind = iota
	StreamText          // any real text, for work in which only speed and length matter
	HeldOut             // text that the models have not seen
)

// Setting is an axis of a probe's grid or one of its parameters.
type Setting struct {
	Name    string
	Doc     string
	Default string
	Words   []string // the values to choose from; nil: whole numbers from Min
	Min     int
}

// Check says what is wrong with a value.
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

// Bounds of what a point may ask for. Sums of settings and products with sizes of models cannot overflow, and the tokens of
// a cell fit into memory: half a gigabyte.
const (
	mostOfAll  = 1 << 30
	mostTokens = 1 << 27
)

// Result is one measurement.
type Result struct {
	Samples  []record.Sample
	Warnings []string
	Missing  []record.Missing
}

// lack says why a metric has no sample.
func (r *Result) lack(metric, reason string) {
	r.Missing = append(r.Missing, record.Missing{Metric: metric, Reason: reason})
}

// Work is a piece of work whose cost the model knows by formula.
type Work struct {
	Phase  lm.Phase
	Batch  int
	Length int
	Times  int
}

// Work returns what a point costs.
func (p *Probe) Work(settings record.Point) []Work { return p.work(settings) }

// Unavailable says why something cannot be measured.
type Unavailable struct{ Reason string } //nolint:errname // "n/a (reason)" is an answer more than an error

// Error returns "n/a (reason)".
func (u *Unavailable) Error() string { return record.NA(u.Reason) }

// Available says, before anything is measured, whether a model can be: nil or an [*Unavailable].
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

// Warnings are what a reader of a cell must know before anything is measured.
func (p *Probe) Warnings(trainedTo int, settings record.Point) []string {
	if p.Language && trainedTo > 0 && p.context(settings) > trainedTo {
		return []string{fmt.Sprintf("beyond the trained context of %d", trainedTo)}
	}
	return nil
}

// Clocked reports whether any of its metrics is a time.
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

// Check says what is wrong with a point and its parameters.
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

// number is a setting that check has found to be a whole number.
func number(settings record.Point, name string) int {
	n, err := strconv.Atoi(settings.Get(name))
	if err != nil {
		return 0
	}
	return n
}

// lengthOf returns a context function for probes whose longest context is one axis.
func lengthOf(axis string) func(record.Point) int {
	return func(p record.Point) int { return number(p, axis) }
}
