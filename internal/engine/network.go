// Package engine turns an architecture's Forward into the contract of package lm: scoring in chunks, documents with
// carried state, generation, counted and analytic cost, memory and saving. It is the same for every architecture,
// so that none of them writes that plumbing and all are measured alike.
package engine

import (
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
	"github.com/archbench/archbench/lm"
)

// Network is what an architecture implements: parameters and one Forward.
type Network interface {
	// Forward returns the final hidden state of each token, [len(b.Tokens), dim], after the last norm. Each layer
	// advances its states of b's spans; the engine notes the number of tokens. Errors are of kind Invalid, for example a position beyond the context limit; tokens
	// have been checked to lie in the vocabulary.
	Forward(p *nn.Pass, b nn.Batch) (nn.Mat, error)
	// Output is the layer that makes logits of rows of the hidden state. Its component of the cost is "head".
	Output() *nn.Linear
	// NewState is that of an empty document; nil if the architecture cannot carry one (it is not causal).
	NewState() *state.Document
	// Cost gives the analytic cost by component, from formulas alone. Its components are those that Forward
	// names with Pass.Component, and the head.
	Cost(req lm.CostRequest) (analytic, reference []lm.CostItem, err error)
	// StateBytes is the memory that a document of that many tokens needs, by formula; -1 if none is carried.
	StateBytes(tokens int) int64
	// Info fills in what only the architecture knows: Mode, Vocab, BOS, EOS, ContextLimit, Causal, StateKind.
	Info() lm.ModelInfo
	// Config is the effective config.json.
	Config() []byte
}

// Family is an architecture as the engine needs it.
type Family interface {
	// Describe fills in Name, Summary, Variants and ConfigSchema.
	Describe() lm.Description
	// New validates the config (keys in options override it) and declares the parameters. Warnings are problems
	// that do not stop it, for example an unknown key.
	New(config []byte, options map[string]string, ps *nn.Params) (net Network, warnings []string, err error)
}
