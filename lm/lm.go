// Package lm is the contract between archbench and a language model.
//
// A plugin implements [Architecture]: it says what it is and loads models. A [Model] can be scored; everything else is an
// optional interface: carry state ([Stepper]), generate ([Generator]), count its cost ([Coster]), report its memory
// ([MemoryReporter]), save itself ([Saver]), be trained ([Trainer]). [As] says whether a model has one. What it lacks is
// reported as "n/a (no ability X)", never as zero.
//
// The package imports the standard library only. The same interfaces are implemented by the models inside a plugin
// and by the proxies that lmplugin hands to the harness, so code written against lm runs on either side.
package lm

import (
	"context"
	"slices"
	"time"
)

// Architecture is what one plugin serves: a family of models, for example "mamba".
type Architecture interface {
	// Describe says what the plugin is and what its models are able to do.
	Describe(ctx context.Context) (Description, error)
	// Load makes a model from a checkpoint folder or from a seed. The model is released by its Close.
	Load(ctx context.Context, req LoadRequest) (Model, error)
}

// Model is one loaded model: an architecture, a config, weights and a precision. Its methods may be called
// concurrently.
type Model interface {
	// Info says what was loaded.
	Info() ModelInfo
	// Score returns the negative log-likelihood of exactly the requested positions.
	Score(ctx context.Context, req ScoreRequest) (ScoreReply, error)
	// Close waits for calls in progress and releases the weights and the states. Calls after it fail with kind
	// Invalid; a second Close does nothing.
	Close() error
}

// Stepper is the ability "step": feeding a document piece by piece while the model carries its state.
type Stepper interface {
	// NewState returns the state of an empty document.
	NewState(ctx context.Context) (State, error)
	// Step appends tokens to one or several different states at once (batched decoding). A request of kind Invalid
	// leaves the states as they were; after any other error only Reset and Close make sense.
	Step(ctx context.Context, req StepRequest) (StepReply, error)
}

// State is what a model carries between the tokens of one document. It belongs to the model that made it and
// must not be used by two calls at the same time.
type State interface {
	// Len is the number of tokens that the state has seen.
	Len() int
	// Bytes is the memory that the architecture holds for this document right now.
	Bytes() int64
	// Fork returns an independent copy.
	Fork(ctx context.Context) (State, error)
	// Reset makes it the state of an empty document again.
	Reset(ctx context.Context) error
	// Close releases the state; a second Close does nothing.
	Close() error
}

// Generator is the ability "generate".
type Generator interface {
	// Generate continues documents and hands over tokens as they come, the last ones with Done set. It stops early,
	// without error, when emit returns false. The states end having seen the prompts and every new token but the
	// last, which nothing has been predicted from yet; after an early stop in another process they may be further,
	// and their Len says how far.
	Generate(ctx context.Context, req GenerateRequest, emit func(GenerateChunk) bool) error
}

// Coster is the ability "cost": FLOPs and bytes by component, by formula and by counting a real execution.
type Coster interface {
	// Cost returns what a piece of work costs; nothing is executed unless counts are asked for.
	Cost(ctx context.Context, req CostRequest) (CostReply, error)
}

// MemoryReporter is the ability "memory".
type MemoryReporter interface {
	// Memory reports live and peak bytes of the model by class; reset starts a new peak.
	Memory(ctx context.Context, reset bool) (Memory, error)
}

// Saver is the ability "save".
type Saver interface {
	// Save writes config.json and model.safetensors into dir, each by a temporary name and a rename.
	Save(ctx context.Context, dir string) error
}

// Calibrator is the ability "calibrate" of an Architecture.
type Calibrator interface {
	// Calibrate measures the ceilings of the host on a number of threads, 0 for all.
	Calibrate(ctx context.Context, threads int) (Roofline, error)
}

// LoadRequest says which model to make. Exactly one of Checkpoint, Config and Variant is set; the last two make
// a model with seeded initial weights.
type LoadRequest struct {
	Checkpoint string // folder with config.json and model.safetensors (single or sharded)
	Config     string // JSON, the contents of config.json
	Variant    string // name of one of Description.Variants
	Seed       uint64 // of the initial weights, with Config or Variant

	Precision string // of the block linears: f32, bf16, int8, int4, ...; "" is f32
	Head      string // of the output matrix: "" follows the rule that heads stay in at least bf16
	Threads   int    // 0: all
	// Options are keys of config.json that override it, for example use_flash_attention=false.
	Options map[string]string
	// Device is the name of one of Description.Devices; "": the default.
	Device string
	// DeviceMemory bounds the bytes of the device's own memory that everything of the model may take; 0: what there is.
	DeviceMemory int64
}

// ModelInfo says what was loaded.
type ModelInfo struct {
	Architecture  string
	Mode          string // variant of the mathematics, for example causal-row
	Config        string // JSON of the effective config
	Parameters    int64
	Bytes         []ByteClass // memory of the weights by class
	Vocab         int
	BOS           int32   // token that starts a document; -1: none
	EOS           []int32 // tokens that end one
	ContextLimit  int     // hard limit in tokens; 0: none
	Causal        bool    // as declared; the causality suite checks it
	StateKind     string  // for example "kv ring 128", "constant"
	Precision     string
	HeadPrecision string
	Kernels       string
	Threads       int
	Initialised   bool     // weights come from a seed: quality says nothing about the architecture
	Warnings      []string // for example unknown tensors in the checkpoint
	LoadTime      time.Duration
	Device        Device // where it computes; no name: it does not say
	// Abilities of this model, some or all of those of the Description; nil: it does not say, see [ModelInfo.Of].
	Abilities []Ability
}

// ByteClass is an amount of memory and what it is for.
type ByteClass struct {
	Class  string
	Bytes  int64
	Device string // whose own memory it is; "": the host's
}

// Sequence is one independent document of a ScoreRequest.
type Sequence struct {
	Tokens []int32
	// From is the first position that is scored, from 1 to len(Tokens): position p is predicted from Tokens[:p].
	// At len(Tokens) nothing is scored, and the logits are those that predict the token after the last.
	From int
	// Targets, if not nil, are scored in place of tokens, and From is 0 (ability "answers"): Targets[i] is predicted from
	// Tokens[:i+1], and -1 is no target.
	Targets []int32
}

// Scored are the tokens that a reply has values for, in its order: Tokens[From:], or the targets.
func (s Sequence) Scored() []int32 {
	if s.Targets == nil {
		return s.Tokens[min(max(0, s.From), len(s.Tokens)):]
	}
	return slices.DeleteFunc(slices.Clone(s.Targets), func(t int32) bool { return t < 0 })
}

// Check returns an error of kind Invalid for a sequence that no model of vocab tokens can score.
func (s Sequence) Check(vocab int) error {
	switch {
	case s.Targets == nil && (s.From < 1 || s.From > len(s.Tokens)):
		return Errorf(Invalid, "", "from %d is outside [1, %d]: a position is predicted from those before it", s.From, len(s.Tokens))
	case s.Targets != nil && s.From != 0:
		return Errorf(Invalid, "", "from is %d beside targets, which say themselves what is scored: it is 0", s.From)
	case s.Targets != nil && (len(s.Tokens) == 0 || len(s.Targets) != len(s.Tokens)):
		return Errorf(Invalid, "", "%d targets for %d tokens: there is one for each, -1 where nothing is scored", len(s.Targets), len(s.Tokens))
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

// ScoreRequest asks for the negative log-likelihood of Tokens[From:] or of the targets of each sequence.
type ScoreRequest struct {
	Sequences []Sequence
	// Logits asks for the full logits too: of position p, those that predict Tokens[p+1], for every p from
	// From-1 to the last position; with targets, those that predict them.
	Logits bool
	// Ranks asks for Best and Rank (ability "answers").
	Ranks bool
	// Versus is another model of the same plugin process; the reply then carries the divergence of this model's
	// predictions from those of Versus, computed in the plugin.
	Versus Model
}

// ScoreReply holds one Scores per sequence.
type ScoreReply struct {
	Scores  []Scores
	Compute time.Duration // measured inside the plugin
}

// Scores of one sequence. They belong to [Sequence.Scored].
type Scores struct {
	NLL    []float64 // nats
	Logits []float32 // [len(Tokens)-From+1 or number of targets, vocab], if asked for
	KL     []float64 // nats, KL(versus || model), if Versus was set
	Top1   []bool    // whether both models rank the same token first, if Versus was set
	// Best is the token that the model ranks first, the lowest id on ties, and Rank how many it ranks before the one that
	// is scored: 0 is a right answer. If asked for.
	Best []int32
	Rank []int32
}

// Want says what a Step returns about the tokens that it appends.
type Want int

// What a Step may return.
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
	// Sample asks a Step for the token that the state's sampler chooses after the last one appended, of which there is at
	// least one (ability "sample"). It is not appended itself: the next step does that.
	Sample bool
	// Sampler, if not nil, becomes the state's when the step has succeeded in appending; its penalty counts these tokens. A
	// new state samples greedily, a fork draws what its original does, and Reset takes the sampler away.
	Sampler *Sampler
}

// Sampler chooses the tokens of one document as Generate does, with the repetition penalty over the tokens that were
// appended since the state has it. Steps that append prompt i with Stream i, and then each token that they return,
// continue it as a Generate of all prompts does; and documents can join and leave between any two steps.
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

// StepOutput is what was asked for about one input.
type StepOutput struct {
	// NLL belongs to the last len(NLL) appended tokens: the first token of a document has no prediction, so on an
	// empty state there is one value less than there are tokens.
	NLL     []float64
	Logits  []float32 // [1 or len(Tokens), vocab]
	Sampled []int32   // one token, if asked for
}

// Sampling says how the next token is chosen: repetition penalty, then temperature, top-k, top-p, softmax, draw.
type Sampling struct {
	Temperature       float64 // 0: greedy, the lowest id on ties
	TopK              int     // 0: off
	TopP              float64 // 0 or 1: off
	RepetitionPenalty float64 // 0 or 1: off; over the distinct tokens of prompt and output
	Seed              uint64  // input i draws from stream i of this seed
}

// GenerateRequest continues documents.
type GenerateRequest struct {
	// Inputs are appended to their states first, as prompts; each needs at least one token. Their samplers are none of this
	// call's, and stay as they are.
	Inputs   []StepInput
	MaxNew   int // tokens per input
	Sampling Sampling
	Stop     []int32 // tokens that end an input's continuation; they are not emitted
	// Every is the number of tokens per emitted chunk; 0 is 1. Timing runs ask for all in one chunk.
	Every int
}

// GenerateChunk is a piece of each input's continuation.
type GenerateChunk struct {
	Tokens  [][]int32     // per input, new since the last chunk
	Done    bool          // the last chunk
	Compute time.Duration // spent on this chunk; the first one's excludes Prefill
	Prefill time.Duration // spent on the prompts up to the first token, in the first chunk
	// Steps are, of Compute, the times of the steps after the first token, one for all inputs each; nil: not measured.
	Steps []time.Duration
}

// Phase is the kind of work that a cost belongs to.
type Phase string

// The phases of CostRequest.
const (
	Prefill Phase = "prefill" // Length tokens from an empty state, logits of the last one
	Scoring Phase = "score"   // the same with logits of all
	Decode  Phase = "decode"  // one token after Length others
	Train   Phase = "train"   // forward and backward over Length tokens; by formula only
)

// CostRequest asks what a piece of work costs.
type CostRequest struct {
	Phase  Phase
	Batch  int
	Length int
	Count  bool // execute it for real with counters on (ability "count")
}

// CostReply gives FLOPs and bytes by component. One rule for every architecture: a multiply-add is 2 FLOPs, any
// other arithmetic operation, division or transcendental 1 (docs/counting.md has the table).
type CostReply struct {
	Analytic []CostItem
	Counted  []CostItem // empty unless asked for
	// Reference is the count by the architecture's published reference counter where that differs, labelled.
	Reference []CostItem
	// StateBytes is the memory that one document needs after Length tokens, by formula; State.Bytes is what it
	// holds. -1: there is no formula, or no state.
	StateBytes int64
	// Least and Most bound the components whose cost depends on the data (experts, early exits). Analytic has their expected
	// cost and Counted that of one input; both lie between.
	Least, Most []CostItem
	Compute     time.Duration
}

// CostItem is the cost of one component of the model.
type CostItem struct {
	Component string
	FLOPs     int64
	Bytes     int64 // weights, activations and state, read or written once by each operation
}

// Memory of a model: what it holds now, and what it has needed in passing.
type Memory struct {
	Live []ByteClass // the weights by the classes of ModelInfo, and the "state" of all documents
	Peak []ByteClass // the most that "activations" have taken since the last reset
}

// Roofline holds measured ceilings of a host. A missing ceiling is absent, not zero.
type Roofline struct {
	Threads  int
	Ceilings []Ceiling
}

// Ceiling is one measured limit of a host.
type Ceiling struct {
	Name      string // for people: fma.f32, read.16MiB, ...
	Operation Operation
	// Precisions whose products the arithmetic computes, without groups: int8, not int8-g64; none: all that no other names.
	Precisions []string
	Footprint  int64  // bytes that were read over and over
	Unit       string // FLOP/s, OP/s, B/s
	Value      float64
	Kernels    string
}

// Operation is what a ceiling limits. One of no kind that the harness knows bounds nothing.
type Operation string

// The operations that work is made of.
const (
	Arithmetic Operation = "arithmetic"
	Reading    Operation = "reading" // memory
)
