package run

import (
	"context"
	"fmt"
	"slices"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/lm"
)

// worker is a plugin process in which a model is measured.
type worker struct {
	*session.Session
	of        *loadedModel
	model     lm.Model
	reference lm.Model
	info      lm.ModelInfo
	warm      map[string]bool // probes for which the process is warmed up
}

// start starts a plugin and loads the model, and with versus also the f32 model of the same weights. The worker is never
// nil; the caller kills it even after an error.
func (m *loadedModel) start(ctx context.Context, versus bool) (*worker, error) {
	s, err := m.plugin.Start(ctx)
	w := &worker{Session: s, of: m, warm: map[string]bool{}}
	if err != nil {
		return w, err
	}
	loaded, err := s.Load(ctx, m.request)
	if err != nil {
		return w, err
	}
	w.model, w.info = loaded.Model, loaded.Info
	if versus && specOf(m.record).reduced() && s.Description.Offers("f32") {
		full := m.request
		full.Precision, full.Head = "f32", ""
		if loaded, err = s.Load(ctx, full); err != nil {
			return w, fmt.Errorf("load the f32 model to compare with: %w", err)
		}
		w.reference = loaded.Model
	}
	return w, nil
}

// subject returns the input of a probe for a cell in a block.
func (w *worker) subject(r *runner, c *record.Cell, block int) *probe.Subject {
	m := w.of
	return &probe.Subject{
		Model: w.model, Reference: w.reference, Info: w.info, PID: w.PID(),
		Stream: m.ids(probe.Find(c.Probe)), HeldOut: m.inputs.heldOut, Roofline: r.roofline, Boundary: r.boundary, Unfit: m.unfit(),
		Seed: r.run.Seed, Block: block, Settings: slices.Concat(c.Point, c.Params),
	}
}
