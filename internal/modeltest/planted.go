package modeltest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/lm"
)

// PlantedProduct checks that the count catches a product that the formulas lack: plant executes one on the hidden state x,
// which must show in its component, with the given FLOPs per token, and in no other.
func PlantedProduct(
	t *testing.T, family engine.Family, req lm.LoadRequest, component string, flops int64,
	plant func(net engine.Network, p *nn.Pass, x nn.Mat),
) {
	t.Helper()
	const length = 5
	m := Load(t, engine.New(plantedFamily{family, component, plant}), req)
	analytic, counted := Costs(t, m, lm.CostRequest{Phase: lm.Prefill, Batch: 1, Length: length, Count: true})
	if got, want := counted[component].FLOPs-analytic[component].FLOPs, length*flops; got != want {
		t.Errorf("a planted product adds %d FLOPs to the count, want %d", got, want)
	}
	delete(analytic, component)
	delete(counted, component)
	if diff := cmp.Diff(analytic, counted); diff != "" {
		t.Errorf("other components differ:\n%s", diff)
	}
}

type plantedFamily struct {
	engine.Family
	component string
	plant     func(net engine.Network, p *nn.Pass, x nn.Mat)
}

// New implements engine.Family.
func (f plantedFamily) New(data []byte, options map[string]string, ps *nn.Params) (engine.Network, []string, error) {
	net, warnings, err := f.Family.New(data, options, ps)
	return planted{net, f}, warnings, err
}

type planted struct {
	engine.Network
	family plantedFamily
}

// Forward implements engine.Network.
func (m planted) Forward(p *nn.Pass, b nn.Batch) (nn.Mat, error) {
	x, err := m.Network.Forward(p, b)
	if err == nil {
		p.Component(m.family.component)
		m.family.plant(m.Network, p, x)
	}
	return x, err
}
