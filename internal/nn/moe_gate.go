package nn

import "math"

// TopKGate chooses the experts of each token by a learned linear: the TopK largest logits, the lower index on ties.
type TopKGate struct {
	Linear *Linear
	TopK   int
	// Renormalise takes the softmax over the chosen logits only, like the published model; a single chosen expert then has
	// weight 1, and the gate no gradient. Otherwise the softmax is over all logits.
	Renormalise bool
}

// FLOPs is the cost of one token without the linear: 3 per logit in the softmax, 2 per weight, and 2.
func (g *TopKGate) FLOPs() int64 {
	chosen := min(g.TopK, g.Linear.Out)
	under := g.Linear.Out
	if g.Renormalise {
		under = chosen
	}
	return int64(3*under + 2*chosen + 2)
}

// Forward returns the routes [rows, experts] of x.
func (g *TopKGate) Forward(p *Pass, x Mat) Mat {
	logits := g.Linear.Forward(p, x)
	routes := p.New(x.Rows, g.Linear.Out)
	for r := range x.Rows {
		g.route(routes.Row(r), logits.Row(r))
	}
	p.Add(int64(x.Rows)*g.FLOPs(), 8*int64(len(routes.Data)))
	if p.Tape != nil {
		p.Tape.Record(func() {
			for r := range routes.Rows {
				g.backward(routes.Row(r), logits.Row(r), routes.rowGrad(r), logits.rowGrad(r))
			}
		})
	}
	return routes
}

// route writes the weights of one token.
func (g *TopKGate) route(routes, logits []float32) {
	for e := range routes {
		routes[e] = NotRouted
	}
	for range min(g.TopK, len(routes)) {
		routes[nextBest(logits, routes)] = 0
	}
	norm := g.logSumExp(routes, logits)
	for e, l := range logits {
		if routes[e] != NotRouted {
			routes[e] = float32(math.Exp(float64(l) - norm))
		}
	}
}

// nextBest returns the largest logit that is not chosen yet. It returns one even among NaNs, so that they propagate to the
// output.
func nextBest(logits, routes []float32) int {
	best := -1
	for e, l := range logits {
		if routes[e] == NotRouted && (best < 0 || l > logits[best]) {
			best = e
		}
	}
	return best
}

// logSumExp is the logarithm of the softmax's denominator.
func (g *TopKGate) logSumExp(routes, logits []float32) float64 {
	top, sum := math.Inf(-1), 0.0
	for _, l := range logits {
		top = max(top, float64(l))
	}
	for e, l := range logits {
		if g.under(routes[e]) {
			sum += math.Exp(float64(l) - top)
		}
	}
	return top + math.Log(sum)
}

// under reports whether an expert is in the softmax.
func (g *TopKGate) under(route float32) bool { return !g.Renormalise || route != NotRouted }

// backward adds to the gradient of one token's logits. With P the softmax, ∂l_j = P_j (∂w_j − Σ_e ∂w_e P_e), where ∂w is 0
// for experts that were not chosen. The choice itself has no gradient.
func (g *TopKGate) backward(routes, logits, grad, into []float32) {
	norm := g.logSumExp(routes, logits)
	var mean float64
	for e, d := range grad {
		if routes[e] != NotRouted {
			mean += float64(d) * float64(routes[e])
		}
	}
	for e, l := range logits {
		if !g.under(routes[e]) {
			continue
		}
		d := -mean
		if routes[e] != NotRouted {
			d += float64(grad[e])
		}
		into[e] += float32(math.Exp(float64(l)-norm) * d)
	}
}
