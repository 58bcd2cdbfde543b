// Package engine implements the contract of package lm on top of an architecture's Forward: scoring in chunks, documents
// with carried state, generation, counted and analytic cost, memory and saving. All architectures share it, so they are
// measured alike.
package engine

import (
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
	"github.com/archbench/archbench/lm"
)

// Network is what an architecture implements: parameters and one Forward.
type Network interface {
	// Forward returns the final hidden state of each token, [len(b.Tokens), dim], after the last norm. Layers advance their
	// states of b's spans; the engine counts the tokens. Tokens are known to be in the vocabulary. Errors are of kind
	// Invalid, for example for a position beyond the context limit.
	Forward(p *nn.Pass, b nn.Batch) (nn.Mat, error)
	// Output is the layer that computes logits from hidden states. Its cost component is "head".
	Output() *nn.Linear
	// NewState returns the state of an empty document, or nil if the architecture has no state (it is not causal).
	NewState() *state.Document
	// Cost returns the analytic cost by component, from formulas alone. Components are those that Forward names with
	// Pass.Component, and the head.
	Cost(req lm.CostRequest) (analytic, reference []lm.CostItem, err error)
	// StateBytes is the memory of a document's state after the given number of tokens, by formula; -1 without state.
	StateBytes(tokens int) int64
	// Info fills in what only the architecture knows: Mode, Vocab, BOS, EOS, ContextLimit, Causal, StateKind.
	Info() lm.ModelInfo
	// Config is the effective config.json.
	Config() []byte
}

// Bounded is a Network whose cost depends on the data.
type Bounded interface {
	// CostBounds bounds the components of Cost that depend on the data, if any do. It is called with requests that Cost accepts.
	CostBounds(req lm.CostRequest) (least, most []lm.CostItem)
}

// Family is an architecture before a model is loaded.
type Family interface {
	// Describe fills in Name, Summary, Variants and ConfigSchema.
	Describe() lm.Description
	// New validates the config, whose keys options override, and declares the parameters. Warnings are problems that do not
	// prevent loading, for example an unknown key.
	New(config []byte, options map[string]string, ps *nn.Params) (net Network, warnings []string, err error)
}

// TrainingChecker is implemented by a network that some settings keep from training.
type TrainingChecker interface {
	// CheckTraining says what prevents training, or returns nil.
	CheckTraining() error
}
