package main

import (
	"cmp"
	"errors"
	"math"

	"github.com/archbench/archbench/internal/analytic"
	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/nn"
)

// ScatteringConfig are the settings of a [ScatteringRouter].
type ScatteringConfig struct {
	Bins    string  `json:"router_bins"` // legacy or half_circle
	Epsilon float64 `json:"epsilon"`     // used by the legacy bins
}

// readScattering reads use_scattering_router, the older spelling of moe_gate scattering.
func (c *Config) readScattering(r *config.Reader) {
	var use bool
	if c.Scattering != nil {
		config.Read(r, &use, "use_scattering_router")
	}
	if use {
		c.MoE.Gate = "scattering"
	}
}

func (c *Config) validateScattering() error {
	switch {
	case c.Scattering != nil:
		return cmp.Or(
			config.Words{{"router_bins", c.Scattering.Bins, []string{"legacy", "half_circle"}}}.Check(),
			config.Positive{{"epsilon", c.Scattering.Epsilon}}.Check(),
		)
	case c.MoE.Gate == "scattering":
		return errors.New("moe_gate scattering needs a core with one phase per token: mode bidirectional")
	}
	return nil
}

// ScatteringRouter chooses experts without parameters, by the scattering phase δ = arg G of each token. It cuts the circle
// of phases into one bin per expert, and a token uses the experts around its bin with weights ∝ 1/(1 + distance).
//
// Im G > 0, so every phase lies in (0, π). The legacy bins divide the phase by ε + 0.1 and cut the whole circle, which
// leaves the lower half of the experts unused at ε = 1; HalfCircle cuts (0, π) alone.
type ScatteringRouter struct {
	Experts, TopK int
	Epsilon       float64
	HalfCircle    bool
}

// FLOPs of the parts: the legacy bins add and divide by ε + 0.1, wrap the angle in 4, and scale it in 3 after the
// arctangent; the weight of each of several experts is a difference, a sum, a quotient, and its share of the total.
const (
	flopsHalfCircle = 3
	flopsLegacy     = 10
	flopsWeight     = 5
)

func newScatteringRouter(c *Config, _ string, _ *nn.Params) Router {
	return &ScatteringRouter{
		Experts: c.MoE.Experts, TopK: c.MoE.TopK, Epsilon: c.Scattering.Epsilon, HalfCircle: c.Scattering.Bins == "half_circle",
	}
}

// Forward implements Router for features g [rows, 2], the real and imaginary part of G. Routes are constants: no
// gradient flows back.
func (r *ScatteringRouter) Forward(p *nn.Pass, _, g nn.Mat) nn.Mat {
	routes := p.New(g.Rows, r.Experts)
	k, flops := r.chosen()
	for t := range g.Rows {
		spread(routes.Row(t), r.bin(g.Row(t)), k)
	}
	p.Add(int64(g.Rows*flops), 4*int64(len(g.Data)+len(routes.Data)))
	return routes
}

func (r *ScatteringRouter) cost(s *analytic.Sheet, n int) int {
	k, flops := r.chosen()
	s.Add(n*flops, 4*n*(2+r.Experts))
	return k
}

// chosen returns the number of experts per token and the FLOPs of choosing them.
func (r *ScatteringRouter) chosen() (k, flops int) {
	k, flops = min(r.TopK, r.Experts), flopsLegacy
	if r.HalfCircle {
		flops = flopsHalfCircle
	}
	if k > 1 {
		flops += flopsWeight * k
	}
	return k, flops
}

// bin returns the expert in whose bin the phase of g lies.
func (r *ScatteringRouter) bin(g []float32) int {
	phase := math.Atan2(float64(g[1]), float64(g[0]))
	turn := phase / math.Pi // 0..1 on the half circle
	if !r.HalfCircle {
		phase /= r.Epsilon + 0.1
		phase -= 2 * math.Pi * math.Floor((phase+math.Pi)/(2*math.Pi))
		turn = (phase + math.Pi) / (2 * math.Pi)
	}
	return min(r.Experts-1, max(0, int(float64(r.Experts)*turn)))
}

// spread gives a token k experts: those from k/2 before its bin on, shifted to lie within the range of experts.
func spread(routes []float32, bin, k int) {
	for e := range routes {
		routes[e] = nn.NotRouted
	}
	first := min(max(0, bin-k/2), len(routes)-k)
	var sum float64
	for e := first; e < first+k; e++ {
		sum += 1 / (1 + math.Abs(float64(e-bin)))
	}
	for e := first; e < first+k; e++ {
		routes[e] = float32(1 / (1 + math.Abs(float64(e-bin))) / sum)
	}
}
