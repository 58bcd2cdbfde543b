package main

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"github.com/archbench/archbench/internal/analytic"
	"github.com/archbench/archbench/internal/config"
	"github.com/archbench/archbench/internal/nn"
)

// ScatteringConfig are the settings of a [ScatteringRouter].
type ScatteringConfig struct {
	Bins    string  `json:"router_bins"` // legacy or half_circle
	Epsilon float64 `json:"epsilon"`     // of the legacy bins
}

// readScattering reads the older name of moe_gate scattering.
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
		return errors.New("moe_gate scattering needs a core with one phase a token, as mode bidirectional has it")
	}
	return nil
}

// ScatteringRouter chooses experts without parameters, by the scattering phase δ = arg G of each token. The circle of
// phases is cut into one bin an expert, and a token uses the experts around its bin with weights ∝ 1/(1 + distance).
// Resonant tokens, whose |G| lies above the 0.9 quantile of all tokens of the batch, may use more of them than ordinary
// ones; that choice depends on the batch and on the future. The reference's language model asks for top_k experts of
// every token, so there it makes no difference.
//
// Im G > 0, so every phase lies in (0, π). The legacy bins divide the phase by ε + 0.1 and cut the whole circle, which
// leaves the lower half of the experts unused at ε = 1; HalfCircle cuts (0, π) alone.
type ScatteringRouter struct {
	Experts                  int
	TopKNormal, TopKResonant int // experts of ordinary and of resonant tokens
	Epsilon                  float64
	HalfCircle               bool
}

// resonanceQuantile splits resonant from ordinary tokens.
const resonanceQuantile = 0.9

// FLOPs of the parts: the legacy bins add and divide by ε + 0.1, wrap the angle in 4, and scale it in 3 after the
// arctangent; the weight of each of several experts is a difference, a sum, a quotient, and its share of the total.
const (
	flopsHalfCircle = 3
	flopsLegacy     = 10
	flopsWeight     = 5
	flopsMagnitude  = 4
)

func newScatteringRouter(c *Config, _ string, _ *nn.Params) Router {
	return &ScatteringRouter{
		Experts: c.MoE.Experts, TopKNormal: c.MoE.TopK, TopKResonant: c.MoE.TopK,
		Epsilon: c.Scattering.Epsilon, HalfCircle: c.Scattering.Bins == "half_circle",
	}
}

// Forward implements Router for features g [rows, 2], the real and imaginary part of G. Routes are constants: no
// gradient flows back.
func (r *ScatteringRouter) Forward(p *nn.Pass, _, g nn.Mat) nn.Mat {
	routes, resonant, flops := p.New(g.Rows, r.Experts), r.resonant(p, g), 0
	for t := range g.Rows {
		k := r.TopKNormal
		if resonant(t) {
			k = r.TopKResonant
		}
		flops += spread(routes.Row(t), r.bin(g.Row(t)), min(k, r.Experts))
	}
	p.Add(int64(flops+g.Rows*r.binFLOPs()), 4*int64(len(g.Data)+len(routes.Data)))
	return routes
}

// cost knows routers that give every token the same number of experts.
func (r *ScatteringRouter) cost(s *analytic.Sheet, n int) int {
	k, flops := min(r.TopKNormal, r.Experts), r.binFLOPs()
	if k > 1 {
		flops += flopsWeight * k
	}
	s.Add(n*flops, 4*n*(2+r.Experts))
	return k
}

// binFLOPs is the cost of the bin of a token.
func (r *ScatteringRouter) binFLOPs() int {
	if r.HalfCircle {
		return flopsHalfCircle
	}
	return flopsLegacy
}

// resonant returns whether a token is resonant, or never if it makes no difference.
func (r *ScatteringRouter) resonant(p *nn.Pass, g nn.Mat) func(t int) bool {
	if r.TopKNormal == r.TopKResonant {
		return func(int) bool { return false }
	}
	magnitude := p.Scratch(g.Rows)
	for t := range magnitude {
		magnitude[t] = float32(math.Hypot(float64(g.Row(t)[0]), float64(g.Row(t)[1])))
	}
	p.Add(flopsMagnitude*int64(g.Rows), 4*int64(len(g.Data)+g.Rows))
	threshold := quantile(magnitude, resonanceQuantile)
	return func(t int) bool { return magnitude[t] > threshold }
}

// bin is the expert of a phase.
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

// spread gives a token its k experts and returns what that cost: those from k/2 before its bin on, moved inside where
// they would stick out.
func spread(routes []float32, bin, k int) (flops int) {
	for e := range routes {
		routes[e] = nn.NotRouted
	}
	if k == 1 {
		routes[bin] = 1
		return 0
	}
	first := min(max(0, bin-k/2), len(routes)-k)
	var sum float64
	for e := first; e < first+k; e++ {
		sum += 1 / (1 + math.Abs(float64(e-bin)))
	}
	for e := first; e < first+k; e++ {
		routes[e] = float32(1 / (1 + math.Abs(float64(e-bin))) / sum)
	}
	return flopsWeight * k
}

// quantile interpolates linearly between the order statistics of x, which is not empty.
func quantile(x []float32, q float64) float32 {
	sorted := slices.Sorted(slices.Values(x))
	at := q * float64(len(x)-1)
	lo := int(at)
	hi := min(lo+1, len(x)-1)
	return sorted[lo] + float32(at-float64(lo))*(sorted[hi]-sorted[lo])
}
