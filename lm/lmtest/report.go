package lmtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/archbench/archbench/lm"
)

// checkVersus checks that a model does not diverge from itself, and does from another.
func checkVersus(ctx context.Context, k *kit) (figure, error) {
	req := lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: k.text, From: 1}}, Versus: k.model}
	reply, err := k.checkedScore(ctx, k.model, req)
	if err != nil {
		return figure{}, err
	}
	f := figure{unit: "nats KL to itself", limit: 1e-9}
	for i, kl := range reply.Scores[0].KL {
		f.value = max(f.value, math.Abs(kl))
		if !reply.Scores[0].Top1[i] {
			return f, fmt.Errorf("position %d: the model disagrees with itself about the most likely token", i)
		}
	}
	if k.options.Checkpoint != "" || k.info.Parameters == 0 {
		return f, nil
	}
	other, err := k.arch.Load(ctx, k.request(2))
	if err != nil {
		return f, err
	}
	defer other.Close()
	req.Versus = other
	if reply, err = k.checkedScore(ctx, k.model, req); err != nil {
		return f, err
	}
	var sum float64
	for _, kl := range reply.Scores[0].KL {
		sum += kl
	}
	return f, expect(sum > 0, "the divergence from a model with another seed sums to %g", sum)
}

// cost returns the cost of a piece of work.
func (k *kit) cost(ctx context.Context, req lm.CostRequest) (lm.CostReply, error) {
	coster, ok := lm.As[lm.Coster](k.model)
	if !ok {
		return lm.CostReply{}, notImplemented(lm.AbilityCost)
	}
	reply, err := coster.Cost(ctx, req)
	if err != nil {
		return reply, err
	}
	return reply, reply.Check()
}

func flops(items []lm.CostItem) (sum int64) {
	for _, item := range items {
		sum += item.FLOPs
	}
	return sum
}

// checkCost checks that there is a formula for every phase, and that it grows with the batch.
func checkCost(ctx context.Context, k *kit) (figure, error) {
	var errs []error
	var perToken float64
	for _, phase := range []lm.Phase{lm.Prefill, lm.Scoring, lm.Decode} {
		short, err := k.cost(ctx, lm.CostRequest{Phase: phase, Batch: 1, Length: 4})
		if lm.KindOf(err) == lm.Unsupported && !k.info.Causal {
			continue // a model that sees the future does not decode
		}
		if err != nil {
			return figure{}, err
		}
		double, err := k.cost(ctx, lm.CostRequest{Phase: phase, Batch: 2, Length: 4})
		if err != nil {
			return figure{}, err
		}
		one, two := flops(short.Analytic), flops(double.Analytic)
		errs = append(errs, expect(one > 0 && two == 2*one, "%s: %d FLOPs for one document, %d for two", phase, one, two))
		for _, item := range short.Analytic {
			errs = append(errs, expect(item.Component != "" && item.FLOPs >= 0 && item.Bytes >= 0, "%s: component %+v", phase, item))
		}
		perToken = float64(one)
	}
	_, err := k.cost(ctx, lm.CostRequest{Phase: lm.Prefill, Batch: 0, Length: 0})
	errs = append(errs, kindError("cost of nothing", err, lm.Invalid))
	return figure{value: perToken, unit: "FLOP per decoded token"}, errors.Join(errs...)
}

// checkCountedCost checks that the counts of a real execution equal the formula, component by component. Where a router
// chooses experts, the bytes may be fewer, because the weights that are read depend on the data.
func checkCountedCost(ctx context.Context, k *kit) (figure, error) {
	f := figure{unit: "FLOPs compared"}
	length := min(9, len(k.text)-1)
	for _, phase := range []lm.Phase{lm.Prefill, lm.Scoring, lm.Decode} {
		reply, err := k.cost(ctx, lm.CostRequest{Phase: phase, Batch: 2, Length: length, Count: true})
		if lm.KindOf(err) == lm.Unsupported && !k.info.Causal {
			continue // a model that sees the future does not decode
		}
		if err != nil {
			return f, err
		}
		counted := map[string]lm.CostItem{}
		for _, item := range reply.Counted {
			counted[item.Component] = item
		}
		for _, want := range reply.Analytic {
			got := counted[want.Component]
			if slices.ContainsFunc(reply.Least, func(it lm.CostItem) bool { return it.Component == want.Component }) {
				continue // its cost depends on the data; CostReply.Check has checked its bounds
			}
			fewer := got.Bytes < want.Bytes && routes(reply.Analytic)
			if got.FLOPs != want.FLOPs || got.Bytes != want.Bytes && !fewer {
				return f, fmt.Errorf("%s, component %s: counted %d FLOPs and %d bytes, the formula says %d and %d",
					phase, want.Component, got.FLOPs, got.Bytes, want.FLOPs, want.Bytes)
			}
		}
		if len(reply.Least) == 0 && flops(reply.Counted) != flops(reply.Analytic) {
			return f, fmt.Errorf("%s: counted %d FLOPs, the formula says %d", phase, flops(reply.Counted), flops(reply.Analytic))
		}
		f.value += float64(flops(reply.Counted))
	}
	return f, nil
}

// routes reports whether a model chooses experts for its tokens.
func routes(items []lm.CostItem) bool {
	return slices.ContainsFunc(items, func(item lm.CostItem) bool { return item.Component == "router" })
}

func sumBytes(classes []lm.ByteClass) (sum int64) {
	for _, c := range classes {
		sum += c.Bytes
	}
	return sum
}

// checkMemory checks that live memory is at least the weights, and that they are plausible for the number of parameters.
func checkMemory(ctx context.Context, k *kit) (figure, error) {
	reporter, ok := lm.As[lm.MemoryReporter](k.model)
	if !ok {
		return figure{}, notImplemented(lm.AbilityMemory)
	}
	if _, err := reporter.Memory(ctx, true); err != nil {
		return figure{}, err
	}
	if _, err := k.score(ctx, false, k.text); err != nil {
		return figure{}, err
	}
	memory, err := reporter.Memory(ctx, false)
	if err != nil {
		return figure{}, err
	}
	weights, live := sumBytes(k.info.Bytes), sumBytes(memory.Live)
	f := figure{value: float64(live), unit: "live bytes"}
	errs := []error{
		expect(weights >= k.info.Parameters/2 && weights <= 16*k.info.Parameters+1<<20, "%d parameters in %d bytes", k.info.Parameters, weights),
		expect(live >= weights && len(memory.Live) > 0 && len(memory.Peak) > 0,
			"%d live bytes in %d classes (%d classes at the peak), the weights alone take %d", live, len(memory.Live), len(memory.Peak), weights),
	}
	for _, c := range append(memory.Live, memory.Peak...) {
		errs = append(errs, expect(c.Class != "" && c.Bytes >= 0, "class %q has %d bytes", c.Class, c.Bytes))
	}
	return f, errors.Join(errs...)
}

// checkSave checks that a saved model loads as the same model, and that damage to it is detected.
func checkSave(ctx context.Context, k *kit) (figure, error) {
	saver, ok := lm.As[lm.Saver](k.model)
	if !ok {
		return figure{}, notImplemented(lm.AbilitySave)
	}
	dir, err := os.MkdirTemp(k.options.TempDir, "lmtest")
	if err != nil {
		return figure{}, err
	}
	defer os.RemoveAll(dir)
	if err := saver.Save(ctx, dir); lm.KindOf(err) == lm.Unsupported && k.info.Precision != "f32" {
		return figure{}, unavailable("not saved in this precision: " + err.Error())
	} else if err != nil {
		return figure{}, err
	}
	req := k.request(0)
	req.Checkpoint, req.Config, req.Variant, req.Options = dir, "", "", nil
	f, err := k.compareLoaded(ctx, req, k.options.Tolerance)
	if err != nil || f.value > f.limit {
		return f, err
	}
	return f, k.damage(ctx, dir, req)
}

// damage truncates the weights, then removes them, and checks that neither loads.
func (k *kit) damage(ctx context.Context, dir string, req lm.LoadRequest) error {
	weights := filepath.Join(dir, "model.safetensors")
	info, err := os.Stat(weights)
	if err != nil {
		return fmt.Errorf("saved model: %w", err)
	}
	if err := os.Truncate(weights, info.Size()-1); err != nil {
		return err
	}
	truncated := k.refusedLoad(ctx, "weights one byte short", req, lm.Corrupt)
	if err := os.Remove(weights); err != nil {
		return err
	}
	return errors.Join(truncated, k.refusedLoad(ctx, "a folder without weights", req, lm.NotFound))
}
