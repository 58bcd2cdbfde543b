package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/lm"
)

func TestCostEqualsCount(t *testing.T) {
	for name, config := range configs {
		for _, precision := range []string{"f32", "int4-g32", "int8+ffn.int4+output_proj.bf16"} {
			t.Run(name+"/"+precision, func(t *testing.T) {
				m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Config: config, Seed: 3, Precision: precision})
				if strings.Contains(config, "num_experts") {
					mixtureCost(t, m)
				} else {
					modeltest.Cost(t, m, 1, 40)
				}
			})
		}
	}
}

// mixtureCost is modeltest.Cost for a mixture of experts, whose bytes depend on which experts are used: the prediction is
// exact for one token and an upper bound for more.
func mixtureCost(t *testing.T, m lm.Model) {
	t.Helper()
	for _, phase := range []lm.Phase{lm.Prefill, lm.Scoring, lm.Decode} {
		for _, req := range []lm.CostRequest{{Batch: 1, Length: 1}, {Batch: 1, Length: 40}, {Batch: 3, Length: 40}} {
			req.Phase, req.Count = phase, true
			analytic, counted := modeltest.Costs(t, m, req)
			if req.Batch*req.Length > 1 {
				boundBytes(t, analytic, counted)
			}
			if diff := cmp.Diff(analytic, counted); diff != "" {
				t.Errorf("%s of %d x %d: costs differ (-analytic +counted):\n%s", phase, req.Batch, req.Length, diff)
			}
		}
	}
}

// boundBytes checks that the experts' bytes do not exceed the prediction, and then sets them equal.
func boundBytes(t *testing.T, analytic, counted map[string]lm.CostItem) {
	t.Helper()
	item := analytic["ffn"]
	if item.Bytes < counted["ffn"].Bytes {
		t.Errorf("experts moved %d bytes, at most %d were predicted", counted["ffn"].Bytes, item.Bytes)
	}
	item.Bytes = counted["ffn"].Bytes
	analytic["ffn"] = item
}

func TestPublishedCostEqualsCount(t *testing.T) {
	for _, name := range []string{"top1", "top2", "allexperts", "router"} {
		t.Run(name, func(t *testing.T) {
			m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Checkpoint: "testdata/bk-seed-" + name})
			for _, phase := range []lm.Phase{lm.Prefill, lm.Scoring} {
				analytic, counted := modeltest.Costs(t, m, lm.CostRequest{Phase: phase, Batch: 2, Length: 48, Count: true})
				if name != "allexperts" {
					boundBytes(t, analytic, counted)
				}
				if diff := cmp.Diff(analytic, counted); diff != "" {
					t.Errorf("%s: costs differ (-analytic +counted):\n%s", phase, diff)
				}
			}
			if _, err := m.(lm.Coster).Cost(context.Background(), lm.CostRequest{Phase: lm.Decode, Batch: 1, Length: 4}); lm.KindOf(err) != lm.Unsupported {
				t.Errorf("decoding: error %v, want kind unsupported", err)
			}
		})
	}
}

func TestCostCatchesPlantedProduct(t *testing.T) {
	req := lm.LoadRequest{Config: configs["row"], Seed: 1}
	modeltest.PlantedProduct(t, Family{}, req, "v_proj", 2*32*4+4, func(net engine.Network, p *nn.Pass, x nn.Mat) {
		net.(*Model).Blocks[0].Core.(*Row).V.Forward(p, x)
	})
}

// TestReferenceCounter compares with the totals that the reference project's counter gives for its own configuration.
func TestReferenceCounter(t *testing.T) {
	c := referenceCounter{&Config{Dim: 64, Layers: 4, MoE: MoEConfig{Experts: 4, TopK: 1}, Vocab: 30000}}
	for batch, want := range map[int][2]int64{32: {16287760384, 32568016896}, 16: {8143880192, 16284008448}} {
		forward := total(c.items(lm.CostRequest{Phase: lm.Scoring, Batch: batch, Length: 128}))
		train := total(c.items(lm.CostRequest{Phase: lm.Train, Batch: batch, Length: 128}))
		if got := [2]int64{forward, train - forward}; got != want {
			t.Errorf("batch %d: forward and backward %v, want %v", batch, got, want)
		}
	}
	if items := c.items(lm.CostRequest{Phase: lm.Decode, Batch: 1, Length: 9}); items != nil {
		t.Errorf("the counter does not cover decoding, got %v", items)
	}
}

func total(items []lm.CostItem) (flops int64) {
	for _, item := range items {
		flops += item.FLOPs
	}
	return flops
}

// TestCostPerToken compares the recursion with the published estimate of 10 + 10 v FLOPs per head and token, to which the
// norm of the rows adds 2 + 2 v.
func TestCostPerToken(t *testing.T) {
	m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Variant: "bk-row-3m", Seed: 1})
	analytic, _ := modeltest.Costs(t, m, lm.CostRequest{Phase: lm.Decode, Batch: 1, Length: 1000})
	if got, want := analytic["recursion"].FLOPs, int64(7*12*(10+10*16+2+2*16)); got != want {
		t.Errorf("the recursions of a token cost %d FLOPs, want %d", got, want)
	}
}

// TestCostBounds counts the work of mixtures with different weights, whose tokens choose different experts: each count lies within the
// bounds, which only the experts have, and only if there is a choice.
func TestCostBounds(t *testing.T) {
	for name, config := range configs {
		if !strings.Contains(config, "num_experts") {
			continue
		}
		saved := false // a mixture that reads fewer experts than it could
		for seed := range uint64(8) {
			m := modeltest.Load(t, engine.New(Family{}), lm.LoadRequest{Config: config, Seed: seed})
			for _, length := range []int{1, 2, 5, 40} {
				reply, err := m.(lm.Coster).Cost(t.Context(), lm.CostRequest{Phase: lm.Prefill, Batch: 1, Length: length, Count: true})
				if err == nil {
					err = reply.Check()
				}
				choice := length > 1 && name != "all experts, gelu"
				if err != nil || (len(reply.Least) > 0) != choice {
					t.Fatalf("%s, %d tokens: bounds %v, %v; error %v", name, length, reply.Least, reply.Most, err)
				}
				for i, most := range reply.Most {
					if reply.Least[i].Component != "ffn" || reply.Least[i].Bytes >= most.Bytes || reply.Least[i].FLOPs != most.FLOPs {
						t.Errorf("%s, %d tokens: bounds %v, %v", name, length, reply.Least[i], most)
					}
					saved = saved || slices.ContainsFunc(reply.Counted, func(it lm.CostItem) bool { return it.Component == "ffn" && it.Bytes < most.Bytes })
				}
			}
		}
		if saved == (name == "all experts, gelu") {
			t.Errorf("%s: an expert was not read: %v", name, saved)
		}
	}
}
