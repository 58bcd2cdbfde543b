// Package lm is the contract between archbench and a language model.
//
// A plugin implements [Architecture]: it describes itself and loads models. Every [Model] can be scored; everything else
// is an optional interface: carry state ([Stepper]), generate ([Generator]), count cost ([Coster]), report memory
// ([MemoryReporter]), save ([Saver]) and train ([Trainer]). Use [As] to get one. A missing ability is reported as
// "n/a (no ability X)", never as zero.
//
// The package imports only the standard library. Models inside a plugin and lmplugin's proxies in the harness implement
// the same interfaces, so code written against lm runs on either side.
package lm

import (
	"context"
	"slices"
	"time"
)

// Architecture is what one plugin serves: a family of models, for example "mamba".
type Architecture interface {
	// Describe describes the plugin and the abilities of its models.
	Describe(ctx context.Context) (Description, error)
	// Load makes a model from a checkpoint folder or from a seed. The caller must close it.
	Load(ctx context.Context, req LoadRequest) (Model, error)
}

// Model is one loaded model: an architecture, a config, weights and a precision. Its methods may be called
// concurrently.
type Model interface {
	// Info describes what was loaded.
	Info() ModelInfo
	// Score returns the negative log-likelihood of exactly the requested positions.
	Score(ctx context.Context, req ScoreRequest) (ScoreReply, error)
	// Close waits for calls in progress, then releases the weights and states. Later calls fail with kind Invalid; a
	// second Close does nothing.
	Close() error
}

// Stepper is the ability "step": feeding a document piece by piece while the model carries its state.
type Stepper interface {
	// NewState returns the state of an empty document.
	NewState(ctx context.Context) (State, error)
	// Step appends tokens to one or several distinct states at once (batched decoding). An error of kind Invalid leaves
	// the states unchanged; after any other error only Reset and Close are allowed.
	Step(ctx context.Context, req StepRequest) (StepReply, error)
}

// State is what a model carries between the tokens of one document. It belongs to the model that made it and must not
// be used concurrently.
type State interface {
	// Len is the number of tokens that the state has seen.
	Len() int
	// Bytes is the memory that the architecture currently holds for this document.
	Bytes() int64
	// Fork returns an independent copy.
	Fork(ctx context.Context) (State, error)
	// Reset returns it to the state of an empty document.
	Reset(ctx context.Context) error
	// Close releases the state; a second Close does nothing.
	Close() error
}

// Generator is the ability "generate".
type Generator interface {
	// Generate continues documents and emits tokens as they come; Done marks the last chunk. It stops early, without
	// error, when emit returns false. At the end the states have seen the prompts and all new tokens but the last. After
	// an early stop a model in another process may have gone further; Len says how far.
	Generate(ctx context.Context, req GenerateRequest, emit func(GenerateChunk) bool) error
}

// Coster is the ability "cost": FLOPs and bytes by component, by formula and by counting a real execution.
type Coster interface {
	// Cost returns the cost of a piece of work. It executes the work only if req.Count is set.
	Cost(ctx context.Context, req CostRequest) (CostReply, error)
}

// MemoryReporter is the ability "memory".
type MemoryReporter interface {
	// Memory reports the model's live and peak bytes by class; reset starts a new peak.
	Memory(ctx context.Context, reset bool) (Memory, error)
}

// Saver is the ability "save".
type Saver interface {
	// Save writes config.json and model.safetensors into dir, each under a temporary name and then renamed.
	Save(ctx context.Context, dir string) error
}

// Calibrator is the ability "calibrate" of an Architecture.
type Calibrator interface {
	// Calibrate measures the ceilings of the host with that many threads, 0 for all.
	Calibrate(ctx context.Context, threads int) (Roofline, error)
}

// LoadRequest says which model to make. Exactly one of Checkpoint, Config and Variant is set; the last two initialise
// the weights from Seed.
type LoadRequest struct {
	Checkpoint string // folder with config.json and model.safetensors (single or sharded)
	Config     string // JSON, the contents of config.json
	Variant    string // name of one of Description.Variants
	Seed       uint64 // of the initial weights, with Config or Variant

	Precision string // of the linear layers: f32, bf16, int8, int4, ...; "" is f32
	Head      string // precision of the output matrix; "": by the rule, at least bf16
	Threads   int    // 0: all
	// Options override keys of config.json, for example use_flash_attention=false.
	Options map[string]string
	// Device is the name of one of Description.Devices; "": the default.
	Device string
	// DeviceMemory limits the bytes of the device's own memory that the model may use in all; 0: no limit.
	DeviceMemory int64
}

// ModelInfo describes a loaded model.
type ModelInfo struct {
	Architecture  string
	Mode          string // variant of the mathematics, for example causal-row
	Config        string // JSON of the effective config
	Parameters    int64
	Bytes         []ByteClass // memory of the weights by class
	Vocab         int
	BOS           int32   // token that starts a document; -1: none
	EOS           []int32 // tokens that end a document
	ContextLimit  int     // hard limit in tokens; 0: none
	Causal        bool    // as declared; the causality suite checks it
	StateKind     string  // for example "kv ring 128", "constant"
	Precision     string
	HeadPrecision string
	Kernels       string
	Threads       int
	Initialised   bool     // weights come from a seed, so quality says nothing about the architecture
	Warnings      []string // for example unknown tensors in the checkpoint
	LoadTime      time.Duration
	Device        Device // where it computes; no name: unknown
	// Abilities of this model, a subset of the Description's; nil: not reported, see [ModelInfo.Of].
	Abilities []Ability
}

// ByteClass is the memory used for one purpose.
type ByteClass struct {
	Class  string
	Bytes  int64
	Device string // whose memory it is; "": the host's
}

// Sequence is one independent document of a ScoreRequest.
type Sequence struct {
	Tokens []int32
	// From is the first position to score, from 1 to len(Tokens): position p is predicted from Tokens[:p]. With
	// From == len(Tokens) nothing is scored and only the logits after the last token are available.
	From int
	// Targets, if not nil, are scored in place of the tokens, and From is 0 (ability "answers"): Targets[i] is predicted
	// from Tokens[:i+1]; -1 means no target.
	Targets []int32
}

// Scored returns the scored tokens in the order of the reply: Tokens[From:] or the targets.
func (s Sequence) Scored() []int32 {
	if s.Targets == nil {
		return s.Tokens[min(max(0, s.From), len(s.Tokens)):]
	}
	return slices.DeleteFunc(slices.Clone(s.Targets), func(t int32) bool { return t < 0 })
}

// Check returns an error of kind Invalid for a sequence that no model with this vocabulary can score.
func (s Sequence) Check(vocab int) error {
	switch {
	case s.Targets == nil && (s.From < 1 || s.From > len(s.Tokens)):
		return Errorf(Invalid, "", "from is %d, want 1 to %d: a position is predicted from those before it", s.From, len(s.Tokens))
	case s.Targets != nil && s.From != 0:
		return Errorf(Invalid, "", "from is %d, want 0 with targets", s.From)
	case s.Targets != nil && (len(s.Tokens) == 0 || len(s.Targets) != len(s.Tokens)):
		return Errorf(Invalid, "", "%d targets for %d tokens, want one per token (-1: not scored)", len(s.Targets), len(s.Tokens))
	}
	for i, t := range s.Tokens {
		if t < 0 || int(t) >= vocab {
			return Errorf(Invalid, "", "token %d at position %d is outside the vocabulary of %d", t, i, vocab)
		}
	}
	for i, t := range s.Targets {
		if t < -1 || int(t) >= vocab {
			return Errorf(Invalid, "", "target %d at position %d is neither -1 nor in the vocabulary of %d", t, i, vocab)
		}
	}
	return nil
}

// ScoreRequest asks for the negative log-likelihood of each sequence's Tokens[From:] or targets.
type ScoreRequest struct {
	Sequences []Sequence
	// Logits asks for full logits too: those that predict Tokens[p+1], for every p from From-1 to the last position, or
	// those that predict the targets.
	Logits bool
	// Ranks asks for Best and Rank (ability "answers").
	Ranks bool
	// Versus is another model in the same plugin process. The reply then has the divergence of this model's predictions
	// from those of Versus, computed in the plugin.
	Versus Model
}

// ScoreReply holds one Scores per sequence.
type ScoreReply struct {
	Scores  []Scores
	Compute time.Duration // measured inside the plugin
}

// Scores holds the scores of one sequence, one for each token of [Sequence.Scored].
type Scores struct {
	NLL    []float64 // nats
	Logits []float32 // [len(Tokens)-From+1 or number of targets, vocab], if requested
	KL     []float64 // nats, KL(versus || model), if Versus was set
	Top1   []bool    // whether both models rank the same token first, if Versus was set
	// Best is the top-ranked token, the lowest id on ties, and Rank the number of tokens ranked above the scored one: 0 is
	// a right answer. Set if requested.
	Best []int32
	Rank []int32
}

// Want says what a Step returns for the tokens that it appends.
type Want int

// The values that a Step can return.
const (
	WantNothing    Want = iota
	WantNLL             // negative log-likelihood of each appended token given all before it
	WantLastLogits      // logits after the last appended token
	WantAllLogits       // logits after each appended token
)

// StepInput is a state and the tokens to append to it.
type StepInput struct {
	State  State
	Tokens []int32
	// Sample asks a Step to draw the token after the last one appended, with the state's sampler (ability "sample").
	// Tokens must not be empty. The drawn token is not appended; the next step does that.
	Sample bool
	// Sampler, if not nil, replaces the state's sampler once the step has appended its tokens, which its penalty counts. A
	// new state samples greedily, a fork draws what its original draws, and Reset removes the sampler.
	Sampler *Sampler
}

// Sampler chooses the tokens of one document as Generate does. Its repetition penalty covers the tokens appended since
// the state received it. Appending prompt i with Stream i and then each sampled token gives the same continuation as a
// Generate of all prompts, and documents can join and leave the batch between any two steps.
type Sampler struct {
	Sampling
	Stream uint64 // of the seed
}

// StepRequest advances one or several documents of the same model.
type StepRequest struct {
	Inputs []StepInput
	Want   Want
}

// StepReply holds one StepOutput per input.
type StepReply struct {
	Outputs []StepOutput
	Compute time.Duration
}

// StepOutput holds the requested values of one input.
type StepOutput struct {
	// NLL is that of the last len(NLL) appended tokens. The first token of a document has no prediction, so an empty
	// state gives one value fewer than tokens.
	NLL     []float64
	Logits  []float32 // [1 or len(Tokens), vocab]
	Sampled []int32   // one token, if requested
}

// Sampling says how to choose the next token: repetition penalty, then temperature, top-k, top-p, softmax, draw.
type Sampling struct {
	Temperature       float64 // 0: greedy, the lowest id on ties
	TopK              int     // 0: off
	TopP              float64 // 0 or 1: off
	RepetitionPenalty float64 // 0 or 1: off; over the distinct tokens of prompt and output
	Seed              uint64  // input i draws from stream i of this seed
}

// GenerateRequest continues documents.
type GenerateRequest struct {
	// Inputs are prompts that are appended to their states first; each needs at least one token. Generate neither uses nor
	// changes their samplers.
	Inputs   []StepInput
	MaxNew   int // tokens per input
	Sampling Sampling
	Stop     []int32 // tokens that end an input's continuation; they are not emitted
	// Every is the number of tokens per emitted chunk; 0 is 1. Timed runs request a single chunk.
	Every int
}

// GenerateChunk is a piece of each input's continuation.
type GenerateChunk struct {
	Tokens  [][]int32     // per input, new since the last chunk
	Done    bool          // the last chunk
	Compute time.Duration // time for this chunk, without Prefill
	Prefill time.Duration // time from the prompts to the first token, in the first chunk
	// Steps splits Compute into the steps after the first token, each for all inputs; nil: not measured.
	Steps []time.Duration
}

// Phase is the kind of work that a cost belongs to.
type Phase string

// The phases of CostRequest.
const (
	Prefill Phase = "prefill" // Length tokens from an empty state, logits of the last one
	Scoring Phase = "score"   // the same with logits of all tokens
	Decode  Phase = "decode"  // one token after Length others
	Train   Phase = "train"   // forward and backward over Length tokens; by formula only
)

// CostRequest asks for the cost of a piece of work.
type CostRequest struct {
	Phase  Phase
	Batch  int
	Length int
	Count  bool // also execute it and count (ability "count")
}

// CostReply gives FLOPs and bytes by component. For every architecture a multiply-add is 2 FLOPs and any other
// arithmetic operation, division or transcendental is 1 (docs/counting.md has the table).
type CostReply struct {
	Analytic []CostItem
	Counted  []CostItem // empty unless requested
	// Reference is the count by the architecture's published reference counter where that differs.
	Reference []CostItem
	// StateBytes is the memory of one document after Length tokens by formula, as opposed to the measured State.Bytes;
	// -1: no formula, or no state.
	StateBytes int64
	// Least and Most bound the components whose cost depends on the data (experts, early exits). Their expected cost in
	// Analytic and their cost for one input in Counted both lie in between.
	Least, Most []CostItem
	Compute     time.Duration
}

// CostItem is the cost of one component of the model.
type CostItem struct {
	Component string
	FLOPs     int64
	Bytes     int64 // of weights, activations and state, each read or written once per operation
}

// Memory is the memory of a model.
type Memory struct {
	Live []ByteClass // currently held: weights by the classes of ModelInfo, and the "state" of all documents
	Peak []ByteClass // most that "activations" have taken since the last reset
}

// Roofline holds measured ceilings of a host. A missing ceiling is absent, not zero.
type Roofline struct {
	Threads  int
	Ceilings []Ceiling
}

// Ceiling is one measured limit of a host.
type Ceiling struct {
	Name      string // display name: fma.f32, read.16MiB, ...
	Operation Operation
	// Precisions whose products the arithmetic computes, without groups: int8, not int8-g64; empty: every precision that no
	// other ceiling names.
	Precisions []string
	Footprint  int64  // bytes read repeatedly
	Unit       string // FLOP/s, OP/s, B/s
	Value      float64
	Kernels    string
}

// Operation is what a ceiling limits. A ceiling with an operation unknown to the harness limits nothing.
type Operation string

// The operations that a ceiling may limit.
const (
	Arithmetic Operation = "arithmetic"
	Reading    Operation = "reading" // memory
)
