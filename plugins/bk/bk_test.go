package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/nn"
)

// loadNetwork loads a checkpoint folder without the engine around it.
func loadNetwork(t *testing.T, dir string) engine.Network {
	t.Helper()
	folder, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	ps := nn.NewParams(folder, 0, nn.Precision{})
	net, _, err := Family{}.New(folder.Config(), nil, ps)
	if err != nil {
		t.Fatal(err)
	}
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	return net
}

// newNetwork makes a new model.
func newNetwork(t *testing.T, config string, seed uint64) (engine.Network, *nn.Params) {
	t.Helper()
	ps := nn.NewParams(nil, seed, nn.Precision{})
	net, _, err := Family{}.New([]byte(config), nil, ps)
	if err != nil {
		t.Fatal(err)
	}
	return net, ps
}

// readFile reads a file in testdata.
func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// logSumExp returns the logarithm of the softmax's denominator.
func logSumExp(logits []float32) float64 {
	top, sum := slices.Max(logits), 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v - top))
	}
	return float64(top) + math.Log(sum)
}

// largest returns the largest absolute difference.
func largest(a, b []float32) (worst float64) {
	for i := range a {
		worst = max(worst, math.Abs(float64(a[i])-float64(b[i])))
	}
	return worst
}

func newPass() *nn.Pass { return &nn.Pass{} }
