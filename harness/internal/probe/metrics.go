package probe

import (
	"cmp"
	"slices"

	"github.com/archbench/archbench/harness/internal/record"
)

// Metric describes one measured quantity. The table is closed: a probe emits no other, a report knows all of them.
type Metric struct {
	Name   string
	Unit   string // s, B, FLOP, bit/B, nat, 1, token
	Better int    // -1: lower is better, +1: higher, 0: neither
	Title  string // as one says what a cell lacks
	With   string // the metric without which this one is not measured either; ""
}

// The metrics of probe "cost", at points phase=prefill|score|decode|train len batch. Labels are components; the sum over
// them is the total.
const (
	AnalyticFLOPs  = "flops_analytic"
	CountedFLOPs   = "flops_counted"
	AnalyticBytes  = "bytes_analytic"
	CountedBytes   = "bytes_counted"
	ReferenceFLOPs = "flops_reference_counter" // the published project's own counter
)

// The metrics of probe "memory", at points len.
const (
	WeightBytes         = "weight_bytes" // label: class
	StateBytes          = "state_bytes"  // live, measured after len tokens
	StateBytesFormula   = "state_bytes_formula"
	ActivationPeakBytes = "activation_peak_bytes"
	ProcessPeakBytes    = "process_peak_bytes" // VmHWM of the plugin process
	ProcessRSSBytes     = "process_rss_bytes"
)

// The metrics of probes "prefill" at points len batch, "ttft" at points len, and "decode" at points depth batch.
const (
	PrefillSeconds = "prefill_seconds"          // one prefill of batch × len tokens
	TTFTSeconds    = "ttft_seconds"             // prompt of len tokens to the first new token
	DecodeSeconds  = "decode_seconds_per_token" // per step; one step makes batch tokens
	StepSeconds    = "decode_step_seconds"      // each step by itself; label: its number
	RooflineShare  = "roofline_share"           // 0..1 of the ceiling that binds; label: the ceiling
)

// The metrics of probe "stream", at points len. Labels are positions (tokens seen so far).
const (
	StreamSeconds    = "stream_seconds" // cumulative, at geometric positions
	StreamStateBytes = "stream_state_bytes"
	StreamNLL        = "stream_nll"        // mean nats per token between the previous label and this
	StreamFinite     = "stream_finite"     // 1 if all outputs were finite
	StreamChunkDiff  = "stream_chunk_diff" // max |Δ nll| of chunked against one shot on a prefix
	StreamPeakBytes  = "stream_process_peak_bytes"
)

// The metrics of probe "quality", at points context stride. Labels are documents (or parts of the text).
const (
	DocumentNats   = "document_nats"
	DocumentBytes  = "document_bytes" // UTF-8 bytes that the nats were spent on
	DocumentKL     = "document_kl"    // mean KL(f32 || model) per token, nats
	DocumentTop1   = "document_top1"  // share of positions where the first choice is that of f32
	DocumentTokens = "document_tokens"
)

// The metrics of probe "causality".
const (
	SuffixDiff    = "suffix_max_diff" // change of earlier predictions when later tokens change
	PrefixDiff    = "prefix_max_diff" // of a prefix's predictions against those of the whole
	BatchDiff     = "batch_max_diff"  // when other documents join the batch
	CausalVerdict = "causal"          // 1: no leak found, 0: sees the future
)

// Metrics describes every metric, in the order in which a report shows them.
var Metrics = []Metric{
	{AnalyticFLOPs, "FLOP", -1, "FLOPs by formula", ""},
	{CountedFLOPs, "FLOP", -1, "counted values", ""},
	{AnalyticBytes, "B", -1, "bytes moved by formula", ""},
	{CountedBytes, "B", -1, "counted bytes", CountedFLOPs},
	{ReferenceFLOPs, "FLOP", 0, "FLOPs by the published project's counter", ""},
	{WeightBytes, "B", -1, "weights", ""},
	{StateBytes, "B", -1, "state", ""},
	{StateBytesFormula, "B", -1, "state by formula", StateBytes},
	{ActivationPeakBytes, "B", -1, "activations", ""},
	{ProcessPeakBytes, "B", -1, "process memory", ""},
	{ProcessRSSBytes, "B", -1, "resident memory of the process", ProcessPeakBytes},
	{PrefillSeconds, "s", -1, "prefill", ""},
	{TTFTSeconds, "s", -1, "time to first token", ""},
	{DecodeSeconds, "s", -1, "decode step", ""},
	{StepSeconds, "s", -1, "time between tokens", ""},
	{RooflineShare, "1", +1, "share of the ceiling", ""},
	{StreamSeconds, "s", -1, "time since the start of the stream", ""},
	{StreamStateBytes, "B", -1, "state along the stream", ""},
	{StreamNLL, "nat", -1, "losses", ""},
	{StreamFinite, "1", +1, "all outputs finite", ""},
	{StreamChunkDiff, "nat", -1, "largest difference of chunked and one-shot losses", ""},
	{StreamPeakBytes, "B", -1, "process memory", ""},
	{DocumentNats, "nat", -1, "loss of the document", ""},
	{DocumentBytes, "B", 0, "bytes of the document", ""},
	{DocumentKL, "nat", -1, "mean divergence from f32 per token", ""},
	{DocumentTop1, "1", +1, "first choice as in f32", ""},
	{DocumentTokens, "token", 0, "tokens of the document", ""},
	{SuffixDiff, "1", -1, "change of earlier logits when later tokens change", ""},
	{PrefixDiff, "1", -1, "change of a prefix's logits when text follows", ""},
	{BatchDiff, "1", -1, "change of logits when the batch grows", ""},
	{CausalVerdict, "1", +1, "no look into the future found", ""},
}

// Lacking says why a cell has no sample of a metric, "" if the cell does not tell.
func Lacking(c *record.Cell, metric string) string {
	m, _ := Lookup(metric)
	for _, missing := range c.Missing {
		if missing.Metric == metric || missing.Metric == m.With {
			return missing.Reason
		}
	}
	return ""
}

// Caveats are what a reader of a cell must know: its warnings, and what it lacks.
func Caveats(c *record.Cell) []string {
	all := slices.Clone(c.Warnings)
	for _, missing := range c.Missing {
		m, _ := Lookup(missing.Metric)
		all = append(all, cmp.Or(m.Title, missing.Metric)+" "+record.NA(missing.Reason))
	}
	return all
}

// Lookup finds a metric by name.
func Lookup(name string) (Metric, bool) {
	for _, m := range Metrics {
		if m.Name == name {
			return m, true
		}
	}
	return Metric{}, false
}
