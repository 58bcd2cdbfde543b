package result

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/unit"
)

// Gate bounds how much worse than its base a quantity may be: "prefill@len=512<=+3%".
type Gate struct {
	text     string
	q        *Quantity
	at       record.Point // coordinates of the points that it holds at; nil: all points
	limit    float64      // a share of the base's value if relative, else in the quantity's unit
	relative bool
}

// gateForm explains gates to people who got one wrong.
const gateForm = "a gate is QUANTITY[@POINT]<=BOUND, for example prefill@*<=+3%, decode@depth=128<=+5% or bpb<=+0.01"

// ParseGate reads a gate.
func ParseGate(text string) (*Gate, error) {
	what, bound, ok := strings.Cut(text, "<=")
	if !ok {
		return nil, fmt.Errorf("%q has no <=: %s", text, gateForm)
	}
	name, point, chosen := strings.Cut(what, "@")
	g := &Gate{text: strings.TrimSpace(text), q: Named(strings.TrimSpace(name))}
	switch {
	case g.q == nil:
		return nil, fmt.Errorf("%q: unknown quantity %q; there are %s", text, strings.TrimSpace(name), strings.Join(QuantityNames(), ", "))
	case g.q.Better == 0:
		return nil, fmt.Errorf("%q: %s has no side that is worse", text, g.q.Name)
	}
	if err := g.parseBound(strings.TrimSpace(bound)); err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	if point = strings.TrimSpace(point); !chosen || point == "*" {
		return g, nil
	}
	if err := g.parsePoint(point); err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	return g, nil
}

// parseBound reads "+3%" or "+0.01".
func (g *Gate) parseBound(bound string) (err error) {
	number, relative := strings.CutSuffix(bound, "%")
	g.relative = relative
	if g.limit, err = strconv.ParseFloat(strings.TrimSpace(number), 64); err != nil || math.IsNaN(g.limit) || math.IsInf(g.limit, 0) {
		return fmt.Errorf("the bound %q is no number: write a share of the base's value such as +3%%, or a difference in %s", bound, g.q.Unit)
	}
	if relative {
		g.limit /= 100
	}
	if relative && g.q.Better > 0 && g.limit >= 1 {
		return fmt.Errorf("%s is better if higher, so it cannot get 100 %% worse: this gate could not fail", g.q.Name)
	}
	return nil
}

// parsePoint reads "len=512,batch=1".
func (g *Gate) parsePoint(point string) error {
	for _, word := range strings.Split(point, ",") {
		name, value, ok := strings.Cut(word, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case !ok || value == "":
			return fmt.Errorf("%q is not AXIS=VALUE; @* means all points", word)
		case !slices.Contains(AxisKeys(), name):
			return fmt.Errorf("unknown axis %q; there are %s", name, strings.Join(AxisKeys(), ", "))
		case g.at.Get(name) != "":
			return fmt.Errorf("%s is given twice; use a gate for each value", name)
		}
		g.at = append(g.at, record.Coordinate{Name: name, Value: value})
	}
	return nil
}

// Meaning says what the gate demands.
func (g *Gate) Meaning() string {
	bound := map[int]string{-1: "at most", +1: "at least"}[g.q.Better]
	if g.relative {
		return fmt.Sprintf("%s %s %s %% of the base's", g.q.Title, bound, strconv.FormatFloat(100*(1-float64(g.q.Better)*g.limit), 'g', 6, 64))
	}
	sign := "plus"
	if (g.limit < 0) != (g.q.Better > 0) {
		sign = "minus"
	}
	return fmt.Sprintf("%s %s the base's %s %s", g.q.Title, bound, sign, unit.Format(math.Abs(g.limit), g.q.Unit))
}

// holds reports whether the gate bounds a comparison.
func (g *Gate) holds(p *pair) bool {
	at := p.point()
	return p.q.Name == g.q.Name && !slices.ContainsFunc(g.at, func(c record.Coordinate) bool { return at.Get(c.Name) != c.Value })
}

// worsening is how much worse than the base the other side is, with its 95 % interval: below 0 if it is better.
func (g *Gate) worsening(p *pair) stat.Estimate {
	worse := -float64(g.q.Better)
	if g.relative {
		return p.result.Map(func(ratio float64) float64 { return worse * (ratio - 1) })
	}
	return p.change().Map(func(difference float64) float64 { return worse * difference })
}

// change is other - base.
func (p *pair) change() stat.Estimate {
	switch {
	case p.gap != nil:
		return *p.gap
	case p.q.Exact:
		return stat.Exact([]float64{*p.other.value.Number - *p.base.value.Number})
	}
	scale := 0.0 // keeps the exponentials finite
	for _, s := range []side{p.base, p.other} {
		for _, v := range p.q.Blocks(s.cell) {
			scale = math.Max(scale, v)
		}
	}
	// The logarithm of a ratio of exponentials is a difference, so what bounds ratios bounds it too.
	_, c := p.ratios(func(v float64) float64 { return math.Exp(v / scale) })
	return c.Map(func(ratio float64) float64 { return scale * math.Log(ratio) })
}

// checkGates rejects a gate that holds for no comparison: it would pass without having seen anything.
func (c *Comparison) checkGates() error {
	for _, g := range c.gates {
		switch pairs := c.pairs(); {
		case len(pairs) == 0:
			return fmt.Errorf("gate %s: there is only the base %s and nothing to compare with it", g.text, c.columns[0])
		case !slices.ContainsFunc(pairs, g.holds):
			return fmt.Errorf("gate %s: no compared cell is one of %s%s", g.text, g.q.Name, c.pointsOf(g.q))
		}
	}
	return nil
}

// pointsOf lists where a quantity is compared.
func (c *Comparison) pointsOf(q *Quantity) string {
	var points []string
	for _, p := range c.pairs() {
		if p.q.Name == q.Name {
			points = append(points, p.point().String())
		}
	}
	if points == nil {
		return ""
	}
	return " there; it is compared at " + strings.Join(Distinct(points, func(s string) string { return s }), "; ")
}
