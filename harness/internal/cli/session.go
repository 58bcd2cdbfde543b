package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/archbench/archbench/harness/internal/run"
	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/internal/tokenizer"
	"github.com/archbench/archbench/lm"
)

// session is one loaded model in its plugin, with the tokenizer of its folder.
type session struct {
	process   run.Process
	model     lm.Model
	tokenizer tokenizer.Tokenizer
}

// start loads a model in a new plugin process. A folder without a checkpoint or tokenizer is a usage error; a checkpoint
// that the plugin refuses is a failure of the model.
func (m *modelFlags) start(ctx context.Context, spec run.ModelSpec) (s *session, err error) {
	plugins := run.Installed{Paths: m.pluginPaths()}
	path, _, err := plugins.Find(spec.Architecture)
	if err != nil {
		return nil, usageError{err}
	}
	if err := isCheckpoint(spec.Checkpoint); err != nil {
		return nil, asUsageUnlessDone(ctx, fmt.Errorf("model %s: %w", spec.Name, err))
	}
	s = &session{}
	process, err := plugins.Start(ctx, path, threads(m.threads), 0)
	if err != nil {
		return nil, ofModel(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, process.Close())
		}
	}()
	s.process = process
	if spec.Checkpoint == "" && spec.Variant == "" {
		if spec.Variant, err = firstVariant(ctx, s.process); err != nil {
			return nil, ofModel(err)
		}
	}
	s.model, err = s.process.Load(ctx, lm.LoadRequest{
		Checkpoint: spec.Checkpoint, Variant: spec.Variant, Seed: spec.Seed, Precision: spec.Precision, Head: spec.Head,
		Threads: threads(m.threads), Options: spec.Options,
	})
	if err != nil {
		return nil, ofModel(err)
	}
	if s.tokenizer, err = tokenizer.Choose(spec.Tokenizer, spec.Checkpoint, s.model.Info().Vocab); err != nil {
		return nil, asUsageUnlessDone(ctx, err)
	}
	return s, nil
}

// isCheckpoint reads what every checkpoint has, if a folder is named.
func isCheckpoint(dir string) error {
	if dir == "" {
		return nil
	}
	c, err := checkpoint.Open(dir)
	if err != nil {
		return err
	}
	return c.Close()
}

func firstVariant(ctx context.Context, p run.Process) (string, error) {
	d, err := p.Describe(ctx)
	if err != nil {
		return "", err
	}
	if len(d.Variants) == 0 {
		return "", fmt.Errorf("plugin %s has no variants to initialise: name a checkpoint", d.Name)
	}
	return d.Variants[0].Name, nil
}

// close ends the model and its plugin.
func (s *session) close() error { return errors.Join(s.model.Close(), s.process.Close()) }
