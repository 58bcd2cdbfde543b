// Package session manages plugin processes and the models in them. [Find] finds a plugin once; each [Plugin.Start] starts a
// fresh process. A session can hold several models, for example to compare two precisions. [Session.Close] releases them
// and ends the process, [Session.Kill] ends it at once, and [Failure] classifies a failure.
package session

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/archbench/archbench/internal/tokenizer"
	"github.com/archbench/archbench/lm"
)

// Session is a plugin process with its loaded models. A nil Session is a process that did not start: it has no output and
// can be ended like any other.
type Session struct {
	Process
	Description lm.Description
	threads     int
	models      []*Model
}

// Model is a loaded model.
type Model struct {
	Model   lm.Model
	Info    lm.ModelInfo   // including the plugin's warnings
	Request lm.LoadRequest // as completed by the session
}

// Complete fills in the defaults of a request: the threads of the process, and the plugin's first variant if the request
// has no checkpoint, config or variant.
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

// Load completes a request and loads the model. Models that are already loaded stay.
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

// Tokenizer returns the requested tokenizer, or that of the model's folder if asked is "", see [tokenizer.Choose].
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

// Stderr returns the plugin's last output.
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

// Kill ends the process at once, without releasing the models.
func (s *Session) Kill() {
	if s != nil {
		s.Process.Kill()
		_ = s.Process.Close() // the process is gone either way
	}
}
