// Command slowed serves the models of another plugin, each call a known share slower: it spins inside the plugin's clock.
// Between two such plugins the true difference is known, so runs show which differences a method finds.
//
//	slowed -percent 5 -plugin bin/archbench-plugin-mistral
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

func main() {
	percent := flag.Float64("percent", 0, "share of its own time by which each call is slower")
	path := flag.String("plugin", "", "file of the plugin that computes")
	flag.Parse()
	inner, err := lmplugin.Launch(context.Background(), lmplugin.Options{Path: *path, Stderr: os.Stderr})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lmplugin.Serve(slowed{inner, *percent / 100})
}

// slowed is an architecture whose timed calls take longer than those of another.
type slowed struct {
	lm.Architecture
	share float64
}

// Load implements [lm.Architecture].
func (s slowed) Load(ctx context.Context, req lm.LoadRequest) (lm.Model, error) {
	m, err := s.Architecture.Load(ctx, req)
	if err != nil {
		return nil, err
	}
	stepper, steps := lm.As[lm.Stepper](m)
	generator, generates := lm.As[lm.Generator](m)
	coster, costs := lm.As[lm.Coster](m)
	if !steps || !generates || !costs {
		m.Close()
		return nil, lm.Errorf(lm.Unsupported, "load", "the model does not step, generate and tell its cost")
	}
	return model{m, stepper, generator, coster, s.share}, nil
}

type model struct {
	lm.Model
	lm.Stepper
	generator lm.Generator
	lm.Coster
	share float64
}

// Info implements [lm.Model]: the abilities are those that this process passes on.
func (m model) Info() lm.ModelInfo {
	info := m.Model.Info()
	info.Abilities = []lm.Ability{lm.AbilityStep, lm.AbilityGenerate, lm.AbilityCost}
	return info
}

// Step implements [lm.Stepper].
func (m model) Step(ctx context.Context, req lm.StepRequest) (lm.StepReply, error) {
	reply, err := m.Stepper.Step(ctx, req)
	reply.Compute += m.spin(reply.Compute)
	return reply, err
}

// Generate implements [lm.Generator].
func (m model) Generate(ctx context.Context, req lm.GenerateRequest, emit func(lm.GenerateChunk) bool) error {
	return m.generator.Generate(ctx, req, func(c lm.GenerateChunk) bool {
		c.Prefill += m.spin(c.Prefill)
		c.Compute += m.spin(c.Compute)
		for i := range c.Steps {
			c.Steps[i] += time.Duration(float64(c.Steps[i]) * m.share)
		}
		return emit(c)
	})
}

// spin keeps a core busy for the model's share of a time, and returns how long that was.
func (m model) spin(of time.Duration) time.Duration {
	start, want := time.Now(), time.Duration(float64(of)*m.share)
	for time.Since(start) < want {
	}
	if want == 0 {
		return 0
	}
	return time.Since(start)
}
