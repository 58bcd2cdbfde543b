package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

// warmups is the number of calls of a process that do not count.
const warmups = 3

// callsCommand starts a plugin, loads the model, calls it one time after the other and prints the microseconds of each call.
// It is the unit of work of the methods that measure one program after the other.
func callsCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("calls", flag.ExitOnError)
	path := flags.String("plugin", "", "file of the plugin")
	n := flags.Int("n", 0, "number of calls")
	limit := flags.Duration("for", 0, "time of the calls, instead of -n")
	flags.Parse(args)
	plugin, err := lmplugin.Launch(ctx, lmplugin.Options{Path: *path, Stderr: os.Stderr})
	if err != nil {
		return err
	}
	defer plugin.Close()
	model, err := plugin.Load(ctx, lm.LoadRequest{Variant: "3m", Seed: 1})
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(1, 0))
	for range warmups {
		if _, err := prefill(ctx, model, random); err != nil {
			return err
		}
	}
	for i, start := 0, time.Now(); i < *n || time.Since(start) < *limit; i++ {
		took, err := prefill(ctx, model, random)
		if err != nil {
			return err
		}
		fmt.Println(took.Microseconds())
	}
	return nil
}

// prefill returns the time of a prompt of 512 random tokens.
func prefill(ctx context.Context, model lm.Model, random *rand.Rand) (time.Duration, error) {
	tokens := make([]int32, 512)
	for i := range tokens {
		tokens[i] = random.Int32N(int32(model.Info().Vocab))
	}
	stepper, ok := lm.As[lm.Stepper](model)
	if !ok {
		return 0, fmt.Errorf("the model does not step")
	}
	state, err := stepper.NewState(ctx)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	_, err = stepper.Step(ctx, lm.StepRequest{Inputs: []lm.StepInput{{State: state, Tokens: tokens}}, Want: lm.WantLastLogits})
	took := time.Since(start)
	if err != nil {
		return 0, err
	}
	return took, state.Close()
}
