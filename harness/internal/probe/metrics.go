package probe

import (
	"cmp"
	"slices"

	"github.com/archbench/archbench/harness/internal/record"
)

// Metric describes the samples of one name. A probe emits only metrics that it declares.
type Metric struct {
	Name   string
	Unit   string // s, B, FLOP, nat, 1, token
	Better int    // -1: lower is better, +1: higher, 0: neither
	Title  string // for a note that the metric is missing
	With   string // a metric whose absence implies the absence of this one, or ""
	Bench  string // name of a time in Go's benchmark format, or ""
}

// Quantity is a number derived from a cell, and how a report shows it: as a table, and optionally a table of its growth
// and a figure.
type Quantity struct {
	Name   string // as in compare --quantity
	Title  string
	Metric string
	Unit   string // "": unit and direction of the metric
	Better int
	Exact  bool   // counted or computed, without noise
	Main   string // the axis along which it is usually read
	Absent string // why it is absent, if the cell gives no reason
	// Documents says that it is derived from the losses of documents, and that models are compared document by document.
	Documents bool
	PerToken  bool    // a mean over the tokens of documents, compared document by document
	Optional  bool    // shown only if a cell has it
	Growth    string  // title of the table of growth exponents along the main axis; "": none
	Figure    *Figure // along the main axis; nil: none
	// derive turns a value of the metric into this quantity; nil leaves it as it is.
	derive func(p record.Point, v float64) float64
}

// Figure says how a quantity is drawn.
type Figure struct {
	Title   string // "": the quantity's
	Label   string // of the axis; "": made from the title
	Log     int    // base of the axis; 0: linear
	Caption string
}

// Tail is a time that is reported with percentiles.
type Tail struct{ Metric, Title, Caption string }

// Of turns a value of the metric into the quantity.
func (q *Quantity) Of(p record.Point, v float64) float64 {
	if q.derive == nil {
		return v
	}
	return q.derive(p, v)
}

// noCeiling is the reason for a missing roofline share.
const noCeiling = "no ceiling was measured"

// batchOf returns the number of documents of a point, 1 if the probe has no batch axis.
func batchOf(p record.Point) float64 { return float64(max(number(p, "batch"), 1)) }

// Lacking returns why a cell has no sample of a metric, or "" if the cell gives no reason.
func Lacking(c *record.Cell, metric string) string {
	for _, missing := range c.Missing {
		if missing.Metric == metric || missing.Metric == Lookup(metric).With {
			return missing.Reason
		}
	}
	return ""
}

// Caveats returns the warnings of a cell and what it lacks.
func Caveats(c *record.Cell) []string {
	all := slices.Clone(c.Warnings)
	for _, missing := range c.Missing {
		all = append(all, cmp.Or(Lookup(missing.Metric).Title, missing.Metric)+" "+record.NA(missing.Reason))
	}
	return all
}

// Lookup returns the metric of that name, or a zero Metric if no probe declares it.
func Lookup(name string) Metric {
	for _, p := range All() {
		for _, m := range p.Metrics {
			if m.Name == name {
				return m
			}
		}
	}
	return Metric{}
}
