package result

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// Quantity is a quantity derived from a probe's metric, with unit and direction.
type Quantity struct {
	probe.Quantity
	Probe string
}

// Quantities returns the quantities of all probes.
func Quantities() (all []*Quantity) {
	for _, p := range probe.All() {
		for _, own := range p.Quantities {
			q := &Quantity{own, p.Name}
			if m := probe.Lookup(q.Metric); q.Unit == "" {
				q.Unit, q.Better = m.Unit, m.Better
			}
			all = append(all, q)
		}
	}
	return all
}

// QuantitiesOf returns the quantities of one probe, in report order.
func QuantitiesOf(probe string) []*Quantity {
	return slices.DeleteFunc(Quantities(), func(q *Quantity) bool { return q.Probe != probe })
}

// shortNames are what people call quantities elsewhere.
var shortNames = map[string]string{"bpb": "bits-per-byte", "pp": "prefill", "tg": "decode-speed", "tpot": "decode"}

// Named returns the quantity with a name or short name, nil if there is none.
func Named(name string) *Quantity {
	name = cmp.Or(shortNames[name], name)
	for _, q := range Quantities() {
		if q.Name == name {
			return q
		}
	}
	return nil
}

// Quantities with views of their own.
var (
	PrefillSpeed, DecodeLatency, DecodeSpeed   = Named("prefill"), Named("decode"), Named("decode-speed")
	AnalyticFLOPs, CountedFLOPs, FLOPsPerToken = Named("flops"), Named("flops-counted"), Named("flops-per-token")
	WeightBytes, StateBytes, StateFormula      = Named("weights"), Named("state"), Named("state-formula")
	BitsPerByte                                = Named("bits-per-byte")
	TaskTime                                   = Named("task-time")
)

// timed reports whether the quantity is a speed or a time.
func (q *Quantity) timed() bool { return q.Unit == unit.Second || q.Unit == unit.TokensPerSec }

// Blocks returns one value per block.
func (q *Quantity) Blocks(c *record.Cell) map[int]float64 {
	out := q.raw(c)
	for block, v := range out {
		out[block] = q.Of(c.Point, v)
	}
	return out
}

// Calls returns the values of all calls that count.
func (q *Quantity) Calls(c *record.Cell) (all []float64) {
	for s := range c.Each(q.Metric) {
		for _, v := range s.Values() {
			all = append(all, q.Of(c.Point, v))
		}
	}
	return all
}

// raw returns the metric of each block. Parts (labels) are summed. Repeats within a block come from one process and count
// once, by their median.
func (q *Quantity) raw(c *record.Cell) map[int]float64 {
	out := make(map[int]float64, c.Repeats)
	for s := range c.Each(q.Metric) {
		if _, known := out[s.Block]; known {
			return q.summed(c)
		}
		out[s.Block] = s.Value
	}
	return out
}

// summed is raw for a cell with several samples in a block.
func (q *Quantity) summed(c *record.Cell) map[int]float64 {
	parts := map[int]map[string][]float64{}
	for s := range c.Each(q.Metric) {
		if parts[s.Block] == nil {
			parts[s.Block] = map[string][]float64{}
		}
		parts[s.Block][s.Label] = append(parts[s.Block][s.Label], s.Value)
	}
	out := make(map[int]float64, len(parts))
	for block, labels := range parts {
		for _, label := range slices.Sorted(maps.Keys(labels)) {
			out[block] += stat.MedianOf(labels[label])
		}
	}
	return out
}

// Estimate summarises a cell over its blocks. Derived quantities are computed from the metric's median, so a time per step and
// a speed from the same samples are inverse to each other.
func (q *Quantity) Estimate(c *record.Cell) stat.Estimate {
	switch {
	case q.Documents:
		return stat.BitsPerByte(Documents(c))
	case q.PerToken:
		return PerToken(c, q.Metric)
	}
	byBlock := values(q.raw(c))
	e := stat.Median(byBlock)
	if q.Exact {
		e = stat.Exact(byBlock)
	}
	return e.Map(func(v float64) float64 { return q.Of(c.Point, v) })
}

// values returns the values of blocks in block order.
func values(byBlock map[int]float64) []float64 {
	out := make([]float64, 0, len(byBlock))
	for _, block := range slices.Sorted(maps.Keys(byBlock)) {
		out = append(out, byBlock[block])
	}
	return out
}

// Value is the table entry of a cell as its validity allows; losses of a model that sees the future are unavailable.
func (ix *Index) Value(q *Quantity, c *record.Cell) table.Value {
	if q.Documents && SeesFuture(ix.ByName[c.Model]) {
		v := table.Unavailable("sees the future")
		v.Cells = []string{c.ID}
		return v
	}
	return ix.Judged(c, q.Value(c))
}

// Value is the table entry of a cell.
func (q *Quantity) Value(c *record.Cell) table.Value {
	if c.Status != record.OK {
		return Missing(c)
	}
	e := q.Estimate(c)
	if e.N == 0 {
		v := table.Unavailable(q.lacking(c))
		v.Cells = []string{c.ID}
		return v
	}
	var v table.Value
	switch {
	case q.Unit == unit.One:
		v = table.Ranged(e, unit.Percent, c.ID)
	case q.Exact || e.N == 1:
		v = table.Exact(e, q.Unit, c.ID)
	default:
		v = table.Measured(e, q.Unit, c.ID)
	}
	v.Notes = append(v.Notes, c.Warnings...)
	return v
}

// lacking returns why a measured cell has no sample of the metric.
func (q *Quantity) lacking(c *record.Cell) string {
	return cmp.Or(probe.Lacking(c, q.Metric), q.Absent, NotReported)
}

// NotReported is the reason when a plugin reports neither a metric nor why it is missing.
const NotReported = "not reported by the plugin"

// Reading is one position of a stream.
type Reading struct {
	Position float64
	Value    float64
}

// Readings returns a metric of a stream by position.
func Readings(c *record.Cell, metric string) (all []Reading) {
	for _, s := range c.Of(metric) {
		if at, err := strconv.ParseFloat(s.Label, 64); err == nil {
			all = append(all, Reading{at, s.Value})
		}
	}
	return all
}

// byLabel returns the labels of a metric in order, and the values by label.
func byLabel(c *record.Cell, metric string) (labels []string, values map[string]float64) {
	values = map[string]float64{}
	for _, s := range c.Of(metric) {
		values[s.Label] = s.Value
	}
	return Distinct(c.Of(metric), func(s record.Sample) string { return s.Label }), values
}

// Documents returns the scores of a quality cell by document.
func Documents(c *record.Cell) (docs []stat.Document) {
	names, nats := byLabel(c, probe.DocumentNats)
	_, bytes := byLabel(c, probe.DocumentBytes)
	for _, n := range names {
		docs = append(docs, stat.Document{Name: n, Nats: nats[n], Bytes: bytes[n]})
	}
	return docs
}

// perDocument returns a mean per token of each document, as if it were its loss and tokens its bytes, so that ratios compare alike.
func perDocument(c *record.Cell, metric string) (docs []stat.Document) {
	names, value := byLabel(c, metric)
	_, tokens := byLabel(c, probe.DocumentTokens)
	for _, n := range names {
		docs = append(docs, stat.Document{Name: n, Nats: value[n] * tokens[n], Bytes: tokens[n]})
	}
	return docs
}

// PerToken averages a per-document mean over tokens, with an interval over documents.
func PerToken(c *record.Cell, metric string) stat.Estimate {
	names, value := byLabel(c, metric)
	_, tokens := byLabel(c, probe.DocumentTokens)
	var weighted []stat.Weighted
	for _, n := range names {
		weighted = append(weighted, stat.Weighted{Value: value[n], Weight: tokens[n]})
	}
	return stat.WeightedMean(weighted)
}

// Only returns the single value of a metric.
func Only(c *record.Cell, metric string) (float64, bool) {
	if all := c.Of(metric); len(all) > 0 {
		return all[0].Value, true
	}
	return 0, false
}
