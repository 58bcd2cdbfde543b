// Package session is a plugin's process with the models in it. [Find] looks for a plugin once, and each [Plugin.Start]
// makes a session, since who measures renews its processes. Models are loaded beside each other, for example one
// precision to hold against another. [Session.Close] releases them and ends the process, [Session.Kill] ends it at once,
// and [Failure] says how it failed.
package session

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/archbench/archbench/internal/tokenizer"
	"github.com/archbench/archbench/lm"
)

// Session is a process of a plugin with the models that were loaded into it. Nil is a process that did not start: it has
// printed nothing and can be ended like any other.
type Session struct {
	Process
	Description lm.Description
	threads     int
	models      []*Model
}

// Model is a loaded model and what it was loaded from. What the plugin warned of stands in Info.
type Model struct {
	Model   lm.Model
	Info    lm.ModelInfo
	Request lm.LoadRequest // complete
}

// Complete returns a request with what it leaves open: the threads of the process, and the plugin's first variant where
// neither a checkpoint nor a config is named.
func (s *Session) Complete(req lm.LoadRequest) (lm.LoadRequest, error) {
	req.Threads = s.threads
	if req.Checkpoint != "" || req.Config != "" || req.Variant != "" {
		return req, nil
	}
	if len(s.Description.Variants) == 0 {
		return req, fmt.Errorf("plugin %s has no variants to initialise: name a checkpoint folder", s.Description.Name)
	}
	req.Variant = s.Description.Variants[0].Name
	return req, nil
}

// Load completes a request and loads the model, beside those that are there.
func (s *Session) Load(ctx context.Context, req lm.LoadRequest) (*Model, error) {
	req, err := s.Complete(req)
	if err != nil {
		return nil, err
	}
	m, err := s.Process.Load(ctx, req)
	if err != nil {
		return nil, err
	}
	loaded := &Model{Model: m, Info: m.Info(), Request: req}
	s.models = append(s.models, loaded)
	return loaded, nil
}

// Tokenizer is the one asked for, else that of the model's folder, see [tokenizer.Choose].
func (m *Model) Tokenizer(asked string) (tokenizer.Tokenizer, error) {
	return tokenizer.Choose(asked, m.Request.Checkpoint, m.Info.Vocab)
}

// Calibrate measures the ceilings of the host on the threads of the process.
func (s *Session) Calibrate(ctx context.Context) (lm.Roofline, error) {
	c, ok := s.Process.(lm.Calibrator)
	if !ok {
		return lm.Roofline{}, lm.Errorf(lm.Unsupported, "calibrate", "n/a (no ability %s)", lm.AbilityCalibrate)
	}
	return c.Calibrate(ctx, s.threads)
}

// Stderr is what the plugin printed last.
func (s *Session) Stderr() string {
	if s == nil {
		return ""
	}
	return s.Process.Stderr()
}

// Close releases the models, the last one first, and ends the process.
func (s *Session) Close() error {
	if s == nil {
		return nil
	}
	var errs []error
	for _, m := range slices.Backward(s.models) {
		errs = append(errs, m.Model.Close())
	}
	return errors.Join(append(errs, s.Process.Close())...)
}

// Kill ends the process at once, for when nothing in it is worth waiting for.
func (s *Session) Kill() {
	if s != nil {
		s.Process.Kill()
		_ = s.Process.Close() // the process is gone either way
	}
}
