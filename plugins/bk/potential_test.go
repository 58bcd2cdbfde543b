package main

import (
	"testing"

	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/safetensors"
)

func TestPrimeBumpGolden(t *testing.T) {
	for epsilon, want := range map[float64][]float64{
		1:   {0.00986026, 0.01696868, 0.01389583, 0.00597999, 0.00133251, 0.00013772, 0.00000596, 0.00000010},
		0.5: {0.01616920, 0.04343688, 0.03873675, 0.01484719, 0.00146643, 0.00002478, 0.00000006},
	} {
		want = append(want, make([]float64, 16-len(want))...)
		modeltest.Near(t, "potential", PrimeBump(16, epsilon, 0.02, 3), want, 5e-9)
	}
}

func TestPrimeBumpFixture(t *testing.T) {
	f, err := safetensors.Open("testdata/prime_bump.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, epsilon := range map[string]float64{"eps1.0": 1, "eps0.75": 0.75, "eps0.5": 0.5} {
		modeltest.Near(t, name, PrimeBump(64, epsilon, 0.02, 3), widen(t, f, name), 1e-6)
	}
}

// TestPositionBump checks the bump that is added to every channel of a new position table.
func TestPositionBump(t *testing.T) {
	c := defaultBidirectional(0).Position.BumpConfig
	modeltest.Near(t, "plain core", c.bump(16), []float64{0, 0, .02, .02, 0, .02, 0, .02, 0, 0, 0, .02, 0, .02, 0, 0}, 0)
	c.Potential = true
	modeltest.Near(t, "Birman-Schwinger core", c.bump(16), PrimeBump(16, 1, 0.02, 3), 0)
}
