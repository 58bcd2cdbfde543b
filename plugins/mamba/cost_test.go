package main

import (
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/lm"
)

// smallConfig has a different size for every dimension, and every optional bias.
const smallConfig = `{"vocab_size": 37, "hidden_size": 12, "expand": 3, "state_size": 5, "conv_kernel": 3, "time_step_rank": 7,
	"num_hidden_layers": 2, "use_bias": true, "tie_word_embeddings": false}`

// smallConfig2 is the same for Mamba-2.
const smallConfig2 = `{"model_type": "mamba2", "vocab_size": 37, "hidden_size": 10, "expand": 3, "num_heads": 6, "head_dim": 5,
	"n_groups": 2, "state_size": 7, "conv_kernel": 3, "num_hidden_layers": 2, "use_bias": true, "eos_token_id": 3}`

func TestCostEqualsCount(t *testing.T) {
	for _, req := range []lm.LoadRequest{
		{Checkpoint: "testdata/mamba-tiny"},
		{Checkpoint: "testdata/mamba2-tiny"},
		{Config: smallConfig2, Precision: "int8"},
		{Config: smallConfig},
		{Config: smallConfig, Options: map[string]string{"use_conv_bias": "false", "tie_word_embeddings": "true"}},
		{Config: smallConfig, Precision: "bf16"},
		{Config: smallConfig, Precision: "int8", Head: "int8"},
		{Config: smallConfig, Precision: "int4-g32"},
	} {
		t.Run(req.Precision, func(t *testing.T) {
			modeltest.Cost(t, modeltest.Load(t, engine.New(Family{}), req), 1, 9)
		})
	}
}

func TestCostCatchesPlantedProduct(t *testing.T) {
	req := lm.LoadRequest{Config: smallConfig}
	modeltest.PlantedProduct(t, Family{}, req, "in_proj", 2*12*72+72, func(net engine.Network, p *nn.Pass, x nn.Mat) {
		net.(*Model).Blocks[0].mixer.(*Block).In.Forward(p, x)
	})
}

// TestCostOfPublishedShapes compares with the published products of one layer of mamba-130m and of all of mamba-3m. The
// rest is what Block.cost counts beyond them.
func TestCostOfPublishedShapes(t *testing.T) {
	layer := load(t, lm.LoadRequest{
		Config: `{"vocab_size": 8, "hidden_size": 768, "num_hidden_layers": 1}`,
	})
	req := lm.CostRequest{Phase: lm.Decode, Batch: 1, Length: 1000}
	items, _ := modeltest.Costs(t, layer, req)
	const channels = 1536
	for component, want := range map[string]int64{
		"in_proj": 4_718_592, "conv": 12_288 + 5*channels, "x_proj": 245_760, "dt_proj": 147_456 + 4*channels,
		"scan": 172_032 + 3*channels, "out_proj": 2_359_296, "gate": 5 * channels, "residual": 768,
	} {
		if got := items[component].FLOPs; got != want {
			t.Errorf("%s: %d FLOPs a token, want %d", component, got, want)
		}
	}

	small := load(t, lm.LoadRequest{Variant: "3m"})
	items, _ = modeltest.Costs(t, small, req)
	const extra = 8 * (5 + 4 + 3) * 368
	products := items["in_proj"].FLOPs + items["conv"].FLOPs + items["x_proj"].FLOPs + items["dt_proj"].FLOPs +
		items["scan"].FLOPs + items["out_proj"].FLOPs - extra
	if products != 3_933_184 {
		t.Errorf("products and scan of mamba-3m take %d FLOPs a token, want 3933184", products)
	}
	if got := items["head"].FLOPs; got != 1_507_328 {
		t.Errorf("head of mamba-3m takes %d FLOPs, want 1507328", got)
	}
}

func TestTrainingCost(t *testing.T) {
	m := load(t, lm.LoadRequest{Config: smallConfig})
	forward, _ := modeltest.Costs(t, m, lm.CostRequest{Phase: lm.Scoring, Batch: 2, Length: 3})
	train, _ := modeltest.Costs(t, m, lm.CostRequest{Phase: lm.Train, Batch: 2, Length: 3})
	for component, f := range forward {
		want := 3 * f.FLOPs
		if component == "scan" {
			want = f.FLOPs + 2*6*36*(21*5+10) // layers, tokens, channels
		}
		if got := train[component].FLOPs; got != want {
			t.Errorf("%s: training takes %d FLOPs, want %d", component, got, want)
		}
	}
	m2 := load(t, lm.LoadRequest{Config: smallConfig2})
	forward, _ = modeltest.Costs(t, m2, lm.CostRequest{Phase: lm.Scoring, Batch: 2, Length: 3})
	train, _ = modeltest.Costs(t, m2, lm.CostRequest{Phase: lm.Train, Batch: 2, Length: 3})
	if got, want := train["scan"].FLOPs-forward["scan"].FLOPs, int64(2*6*(30*(16*7+8)+9*6)); got != want {
		t.Errorf("backward through the recurrence of Mamba-2 takes %d FLOPs, want %d", got, want)
	}
	if _, err := m.(lm.Coster).Cost(t.Context(), lm.CostRequest{Phase: "dream", Batch: 1, Length: 1}); lm.KindOf(err) != lm.Invalid {
		t.Errorf("an unknown phase gives %v, want an error of kind invalid", err)
	}
}
