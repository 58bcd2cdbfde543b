package run

import (
	"context"
	"fmt"
	"slices"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/lm"
)

// session is a plugin process with a loaded model.
type session struct {
	entry     *entry
	process   Process
	model     lm.Model
	reference lm.Model
	info      lm.ModelInfo
	warm      map[string]bool // probes that the process has been warmed up with
}

// open starts a plugin and loads the model, with versus also the f32 model of the same weights. The session is never
// nil and is to be closed, whatever the error.
func (r *runner) open(ctx context.Context, e *entry, versus bool) (*session, error) {
	s := &session{entry: e, warm: map[string]bool{}}
	var err error
	if s.process, err = r.plugins.Start(ctx, e.model.PluginPath, e.load.Threads, r.memory); err != nil {
		return s, err
	}
	if s.model, err = s.process.Load(ctx, e.load); err != nil {
		return s, err
	}
	s.info = s.model.Info()
	if versus && e.model.Precision != "f32" && slices.Contains(e.description.Precisions, "f32") {
		full := e.load
		full.Precision, full.Head = "f32", ""
		if s.reference, err = s.process.Load(ctx, full); err != nil {
			return s, fmt.Errorf("load the f32 model to compare with: %w", err)
		}
	}
	return s, nil
}

// subject is what a probe gets to measure a cell in a block.
func (s *session) subject(r *runner, c *record.Cell, block int) *probe.Subject {
	e := s.entry
	return &probe.Subject{
		Model: s.model, Reference: s.reference, Description: e.description, Info: s.info, PID: s.process.PID(),
		Stream: e.ids(probe.Find(c.Probe)), HeldOut: e.reading.heldOut, Roofline: r.roofline, Boundary: r.boundary, Unfit: e.unfit(),
		Seed: r.run.Seed, Block: block, Settings: slices.Concat(c.Point, c.Params),
	}
}

// stderr is what the plugin printed last.
func (s *session) stderr() string {
	if s.process == nil {
		return ""
	}
	return s.process.Stderr()
}

// close ends the process at once: nothing in it is worth waiting for.
func (s *session) close() {
	if s.process != nil {
		s.process.Kill()
		_ = s.process.Close() // the process is gone either way
	}
}
