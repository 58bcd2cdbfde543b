package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/archbench/archbench/harness/internal/run"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/internal/tokenizer"
	"github.com/archbench/archbench/lm"
)

// opened is a model that a command loaded into its own process, with its tokenizer.
type opened struct {
	spec      run.ModelSpec
	session   *session.Session
	model     lm.Model
	info      lm.ModelInfo
	tokenizer tokenizer.Tokenizer
}

// open loads the model named on the command line and prints its plugin's warnings. A folder without a checkpoint or
// tokenizer is a usage error; a checkpoint that the plugin rejects is a modelError.
func (a *app) open(ctx context.Context, what string, f *modelFlags) (o *opened, err error) {
	o = &opened{}
	if o.spec, err = f.one(ctx, what, a.warn); err != nil {
		return nil, err
	}
	plugin, err := session.Find(session.Installed{Paths: f.pluginPaths()}, o.spec.Architecture, session.Limits{Threads: f.threads})
	if err != nil {
		return nil, usageError{err}
	}
	if err := isCheckpoint(o.spec.Checkpoint); err != nil {
		return nil, asUsageUnlessDone(ctx, fmt.Errorf("model %s: %w", o.spec.Name, err))
	}
	s, err := plugin.Start(ctx)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err != nil {
		return nil, ofModel(err)
	}
	m, err := s.Load(ctx, o.spec.Request())
	if err != nil {
		return nil, ofModel(err)
	}
	if o.tokenizer, err = m.Tokenizer(o.spec.Tokenizer); err != nil {
		return nil, asUsageUnlessDone(ctx, err)
	}
	o.session, o.model, o.info = s, m.Model, m.Info
	a.warnOf(o.spec.Name, o.info.Warnings)
	return o, nil
}
