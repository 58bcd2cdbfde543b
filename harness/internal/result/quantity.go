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

// Quantity is one number that a cell gives. This table is the only place where numbers are derived from samples.
type Quantity struct {
	Name   string // as in compare --filter
	Title  string
	Unit   string
	Probe  string
	Metric string
	Better int
	Exact  bool // has no noise: counted or computed
	// documents says that it is derived from what a model pays for documents, and compared over them.
	documents bool
	Main      string // axis of the grid that it is usually read along
	// derive turns a value of the metric into this quantity; nil leaves it as it is.
	derive func(p record.Point, v float64) float64
	absent string // why a cell lacks it that does not tell
}

// Quantities lists them in the order of a report.
var Quantities = []*Quantity{
	PrefillSpeed, Ttft, DecodeLatency, DecodeSpeed, PrefillShare, DecodeShare,
	AnalyticFLOPs, FlopsPerToken, CountedFLOPs, ReferenceFLOPs, AnalyticBytes, CountedBytes,
	WeightBytes, StateBytes, StateFormula, ActivationBytes, ProcessPeak, BitsPerByte,
}

var (
	PrefillSpeed = &Quantity{
		Name: "prefill", Title: "Prefill speed", Unit: unit.TokensPerSec, Probe: "prefill", Metric: probe.PrefillSeconds,
		Better: +1, Main: "len",
		derive: func(p record.Point, seconds float64) float64 { return batchOf(p) * Number(p, "len") / seconds },
	}
	Ttft = &Quantity{
		Name: "ttft", Title: "Time to first token", Unit: unit.Second, Probe: "ttft", Metric: probe.TTFTSeconds,
		Better: -1, Main: "len",
	}
	DecodeLatency = &Quantity{
		Name: "decode", Title: "Decode time per step", Unit: unit.Second, Probe: "decode", Metric: probe.DecodeSeconds,
		Better: -1, Main: "depth",
	}
	DecodeSpeed = &Quantity{
		Name: "decode-speed", Title: "Decode speed", Unit: unit.TokensPerSec, Probe: "decode", Metric: probe.DecodeSeconds,
		Better: +1, Main: "depth",
		derive: func(p record.Point, seconds float64) float64 { return batchOf(p) / seconds },
	}
	PrefillShare = &Quantity{
		Name: "prefill-roofline", Title: "Prefill, share of the ceiling that binds", Unit: unit.One, Probe: "prefill",
		Metric: probe.RooflineShare, Better: +1, Main: "len", absent: "no ceiling was measured",
	}
	DecodeShare = &Quantity{
		Name: "decode-roofline", Title: "Decode, share of the ceiling that binds", Unit: unit.One, Probe: "decode",
		Metric: probe.RooflineShare, Better: +1, Main: "depth", absent: "no ceiling was measured",
	}
	AnalyticFLOPs = &Quantity{
		Name: "flops", Title: "FLOPs by formula", Unit: unit.FLOP, Probe: "cost", Metric: probe.AnalyticFLOPs,
		Better: -1, Exact: true, Main: "len",
	}
	FlopsPerToken = &Quantity{
		Name: "flops-per-token", Title: "FLOPs per token, by formula", Unit: unit.FLOP, Probe: "cost", Metric: probe.AnalyticFLOPs,
		Better: -1, Exact: true, Main: "len",
		derive: func(p record.Point, flops float64) float64 {
			tokens := batchOf(p)
			if p.Get("phase") != "decode" {
				tokens *= Number(p, "len")
			}
			return flops / tokens
		},
	}
	CountedFLOPs = &Quantity{
		Name: "flops-counted", Title: "FLOPs counted in an execution", Unit: unit.FLOP, Probe: "cost",
		Metric: probe.CountedFLOPs, Better: -1, Exact: true, Main: "len", absent: "by formula only",
	}
	ReferenceFLOPs = &Quantity{
		Name: "flops-reference", Title: "FLOPs by the published project's own counter", Unit: unit.FLOP, Probe: "cost",
		Metric: probe.ReferenceFLOPs, Exact: true, Main: "len", absent: "no published counter",
	}
	AnalyticBytes = &Quantity{
		Name: "traffic", Title: "Bytes moved, by formula", Unit: unit.Byte, Probe: "cost", Metric: probe.AnalyticBytes,
		Better: -1, Exact: true, Main: "len",
	}
	CountedBytes = &Quantity{
		Name: "traffic-counted", Title: "Bytes moved, counted", Unit: unit.Byte, Probe: "cost", Metric: probe.CountedBytes,
		Better: -1, Exact: true, Main: "len", absent: "by formula only",
	}
	WeightBytes = &Quantity{
		Name: "weights", Title: "Weights", Unit: unit.Byte, Probe: "memory", Metric: probe.WeightBytes,
		Better: -1, Exact: true, Main: "len",
	}
	StateBytes = &Quantity{
		Name: "state", Title: "State of one document", Unit: unit.Byte, Probe: "memory", Metric: probe.StateBytes,
		Better: -1, Exact: true, Main: "len",
	}
	StateFormula = &Quantity{
		Name: "state-formula", Title: "State of one document, by formula", Unit: unit.Byte, Probe: "memory",
		Metric: probe.StateBytesFormula, Better: -1, Exact: true, Main: "len",
	}
	ActivationBytes = &Quantity{
		Name: "activations", Title: "Peak of activations", Unit: unit.Byte, Probe: "memory",
		Metric: probe.ActivationPeakBytes, Better: -1, Main: "len",
	}
	ProcessPeak = &Quantity{
		Name: "process-peak", Title: "Peak of the plugin process", Unit: unit.Byte, Probe: "memory",
		Metric: probe.ProcessPeakBytes, Better: -1, Main: "len",
	}
)

// BitsPerByte is what a model pays for text.
var BitsPerByte = &Quantity{
	Name: "bits-per-byte", Title: "Bits per byte", Unit: unit.BitsPerByte, Probe: "quality", Better: -1, Main: "context",
	documents: true, absent: "no document was scored",
}

// timed reports whether the quantity is a speed or a time.
func (q *Quantity) timed() bool { return q.Unit == unit.Second || q.Unit == unit.TokensPerSec }

// batchOf is the number of documents of a point, 1 where the probe has no such axis.
func batchOf(p record.Point) float64 { return max(Number(p, "batch"), 1) }

// Blocks returns one value per block.
func (q *Quantity) Blocks(c *record.Cell) map[int]float64 {
	out := q.raw(c)
	for block, v := range out {
		out[block] = q.Of(c.Point, v)
	}
	return out
}

// raw returns the metric of each block: parts (labels) of a quantity are summed, repeats within a block are one
// process's and count once, by their median.
func (q *Quantity) raw(c *record.Cell) map[int]float64 {
	parts := map[int]map[string][]float64{}
	for _, s := range c.Samples {
		if s.Metric != q.Metric {
			continue
		}
		if parts[s.Block] == nil {
			parts[s.Block] = map[string][]float64{}
		}
		parts[s.Block][s.Label] = append(parts[s.Block][s.Label], s.Value)
	}
	out := make(map[int]float64, len(parts))
	for block, labels := range parts {
		for _, label := range slices.Sorted(maps.Keys(labels)) {
			out[block] += stat.Median(labels[label]).Value
		}
	}
	return out
}

// Of turns a value of the metric into the quantity.
func (q *Quantity) Of(p record.Point, v float64) float64 {
	if q.derive == nil {
		return v
	}
	return q.derive(p, v)
}

// Estimate summarises a cell over its blocks. What is derived from a metric is derived from its median: a time per step
// and a speed of the same samples are each other's inverse.
func (q *Quantity) Estimate(c *record.Cell) stat.Estimate {
	if q.documents {
		return stat.BitsPerByte(Documents(c))
	}
	byBlock := values(q.raw(c))
	e := stat.Median(byBlock)
	if q.Exact {
		e = stat.Exact(byBlock)
	}
	return e.Map(func(v float64) float64 { return q.Of(c.Point, v) })
}

// values lists the values of blocks in their order.
func values(byBlock map[int]float64) []float64 {
	out := make([]float64, 0, len(byBlock))
	for _, block := range slices.Sorted(maps.Keys(byBlock)) {
		out = append(out, byBlock[block])
	}
	return out
}

// Value is the value of a cell: none of a language model for what sees the future.
func (ix *Index) Value(q *Quantity, c *record.Cell) table.Value {
	if q.documents && SeesFuture(ix.ByName[c.Model]) {
		v := table.Unavailable("sees the future")
		v.Cells = IDOf(c)
		return v
	}
	return q.Value(c)
}

// Value is what a table shows of a cell.
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

// lacking says why a measured cell has no sample of the metric.
func (q *Quantity) lacking(c *record.Cell) string {
	return cmp.Or(probe.Lacking(c, q.Metric), q.absent, NotReported)
}

// NotReported is why a cell lacks what it does not tell about.
const NotReported = "not reported by the plugin"

// Reading is one position of a stream.
type Reading struct {
	Position float64
	Value    float64
}

// Readings returns a metric of a stream by position.
func Readings(c *record.Cell, metric string) []Reading {
	var out []Reading
	for _, s := range c.Samples {
		if s.Metric != metric {
			continue
		}
		if at, err := strconv.ParseFloat(s.Label, 64); err == nil {
			out = append(out, Reading{at, s.Value})
		}
	}
	return out
}

// Documents returns what a quality cell says about each text.
func Documents(c *record.Cell) []stat.Document {
	var names []string
	nats, bytes := map[string]float64{}, map[string]float64{}
	for _, s := range c.Samples {
		switch s.Metric {
		case probe.DocumentNats:
			if _, ok := nats[s.Label]; !ok {
				names = append(names, s.Label)
			}
			nats[s.Label] = s.Value
		case probe.DocumentBytes:
			bytes[s.Label] = s.Value
		}
	}
	docs := make([]stat.Document, len(names))
	for i, n := range names {
		docs[i] = stat.Document{Name: n, Nats: nats[n], Bytes: bytes[n]}
	}
	return docs
}

// PerToken averages a per-document mean over tokens, with an interval over documents.
func PerToken(c *record.Cell, metric string) stat.Estimate {
	tokens, value := map[string]float64{}, map[string]float64{}
	var names []string
	for _, s := range c.Samples {
		switch s.Metric {
		case probe.DocumentTokens:
			tokens[s.Label] = s.Value
		case metric:
			names = append(names, s.Label)
			value[s.Label] = s.Value
		}
	}
	weighted := make([]stat.Weighted, len(names))
	for i, n := range names {
		weighted[i] = stat.Weighted{Value: value[n], Weight: tokens[n]}
	}
	return stat.WeightedMean(weighted)
}

// Only returns the single value of a metric.
func Only(c *record.Cell, metric string) (float64, bool) {
	for _, s := range c.Samples {
		if s.Metric == metric {
			return s.Value, true
		}
	}
	return 0, false
}
