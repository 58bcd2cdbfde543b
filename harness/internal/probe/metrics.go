package probe

// Metric describes one measured quantity. The table is closed: a probe emits no other, a report knows all of them.
type Metric struct {
	Name   string
	Unit   string // s, B, FLOP, bit/B, nat, 1, token
	Better int    // -1: lower is better, +1: higher, 0: neither
	Title  string
}

// The metrics, with the labels that their samples carry.
const (
	// Probe "cost": point phase=prefill|decode|train len batch; label: component. The sum over labels is the total.
	AnalyticFLOPs  = "flops_analytic"
	CountedFLOPs   = "flops_counted"
	AnalyticBytes  = "bytes_analytic"
	CountedBytes   = "bytes_counted"
	ReferenceFLOPs = "flops_reference_counter" // the published project's own counter

	// Probe "memory": point len.
	WeightBytes         = "weight_bytes"        // label: class
	StateBytes          = "state_bytes"         // live, measured after len tokens
	StateBytesFormula   = "state_bytes_formula" //
	ActivationPeakBytes = "activation_peak_bytes"
	ProcessPeakBytes    = "process_peak_bytes" // VmHWM of the plugin process
	ProcessRSSBytes     = "process_rss_bytes"

	// Probe "prefill": point len batch. Probe "ttft": point len. Probe "decode": point depth batch.
	PrefillSeconds = "prefill_seconds"          // one prefill of batch × len tokens
	TTFTSeconds    = "ttft_seconds"             // prompt of len tokens to the first new token
	DecodeSeconds  = "decode_seconds_per_token" // per step; one step makes batch tokens
	RooflineShare  = "roofline_share"           // 0..1 of the ceiling that binds; label: the ceiling

	// Probe "stream": point len. Labels are positions (tokens seen so far).
	StreamSeconds    = "stream_seconds"     // cumulative, at geometric positions
	StreamStateBytes = "stream_state_bytes" //
	StreamNLL        = "stream_nll"         // mean nats per token between the previous label and this
	StreamFinite     = "stream_finite"      // 1 if all outputs were finite
	StreamChunkDiff  = "stream_chunk_diff"  // max |Δ nll| of chunked against one shot on a prefix
	StreamPeakBytes  = "stream_process_peak_bytes"

	// Probe "quality": point context stride. Label: document (or part of the text).
	DocumentNats   = "document_nats"  //
	DocumentBytes  = "document_bytes" // UTF-8 bytes that the nats were spent on
	DocumentKL     = "document_kl"    // mean KL(f32 || model) per token, nats
	DocumentTop1   = "document_top1"  // share of positions where the first choice is that of f32
	DocumentTokens = "document_tokens"

	// Probe "causality".
	SuffixDiff    = "suffix_max_diff" // change of earlier predictions when later tokens change
	PrefixDiff    = "prefix_max_diff" // of a prefix's predictions against those of the whole
	BatchDiff     = "batch_max_diff"  // when other documents join the batch
	CausalVerdict = "causal"          // 1: no leak found, 0: sees the future
)
