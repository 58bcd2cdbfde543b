package probe

import (
	"cmp"
	"slices"

	"github.com/archbench/archbench/harness/internal/record"
)

// Metric describes what the samples of one name are. A probe emits none but those that it declares.
type Metric struct {
	Name   string
	Unit   string // s, B, FLOP, nat, 1, token
	Better int    // -1: lower is better, +1: higher, 0: neither
	Title  string // as one says what a cell lacks
	With   string // the metric without which this one is not measured either; ""
	Bench  string // the name of a time in Go's benchmark format; ""
}

// Quantity is a number that a cell gives, and how it is shown: a table, where it has more to say one of its growth, and a
// figure.
type Quantity struct {
	Name   string // as in compare --quantity
	Title  string
	Metric string
	Unit   string // "": unit and direction are those of the metric
	Better int
	Exact  bool   // has no noise: counted or computed
	Main   string // axis of the grid that it is usually read along
	Absent string // why a cell lacks it that does not tell
	// Documents says that it is derived from what a model pays for documents, and compared over them.
	Documents bool
	Optional  bool    // is shown only where a cell has it
	Growth    string  // title of the table of exponents: how the metric grows along the main axis; "": none
	Figure    *Figure // along the main axis; nil: none
	// derive turns a value of the metric into this quantity; nil leaves it as it is.
	derive func(p record.Point, v float64) float64
}

// Figure says how a quantity is drawn.
type Figure struct {
	Title   string // "": that of the quantity
	Label   string // of the axis; "": made of the title
	Log     int    // base of the axis; 0: linear
	Caption string
}

// Tail is a time whose percentiles are told beside its median: what most users wait at least, and a few at most.
type Tail struct{ Metric, Title, Caption string }

// Of turns a value of the metric into the quantity.
func (q *Quantity) Of(p record.Point, v float64) float64 {
	if q.derive == nil {
		return v
	}
	return q.derive(p, v)
}

// noCeiling is why a cell has no share of one.
const noCeiling = "no ceiling was measured"

// batchOf is the number of documents of a point, 1 where the probe has no such axis.
func batchOf(p record.Point) float64 { return float64(max(number(p, "batch"), 1)) }

// Lacking says why a cell has no sample of a metric, "" if the cell does not tell.
func Lacking(c *record.Cell, metric string) string {
	for _, missing := range c.Missing {
		if missing.Metric == metric || missing.Metric == Lookup(metric).With {
			return missing.Reason
		}
	}
	return ""
}

// Caveats are what a reader of a cell must know: its warnings, and what it lacks.
func Caveats(c *record.Cell) []string {
	all := slices.Clone(c.Warnings)
	for _, missing := range c.Missing {
		all = append(all, cmp.Or(Lookup(missing.Metric).Title, missing.Metric)+" "+record.NA(missing.Reason))
	}
	return all
}

// Lookup finds a metric by name; one that no probe declares is blank.
func Lookup(name string) Metric {
	for _, p := range Table {
		for _, m := range p.Metrics {
			if m.Name == name {
				return m
			}
		}
	}
	return Metric{}
}
