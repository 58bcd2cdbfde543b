package train

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
)

// The kinds of event.
const (
	NonFinite   = "non-finite"  // the loss or gradient of an update was not finite, so the weights stayed
	Spike       = "loss spike"  // the loss of an update stands out
	Explosion   = "explosion"   // the gradient norm of an update stands out
	Divergence  = "divergence"  // the loss has risen for long
	OutOfMemory = "no memory"   // the plugin ran out of memory
	Recovery    = "recovery"    // what was done about one of those
	Resumed     = "resumed"     // a new process continues
	Stopped     = "stopped"     // the training ended before its plan
	Overtime    = "out of time" // the budget of time ended before the planned updates
)

// Rules are the thresholds of the monitors. Each looks at the updates of the current attempt whose values are finite.
type Rules struct {
	Window     int     `json:"window"`     // most updates before this one that a median is taken over
	Least      int     `json:"least"`      // fewest; before that, spikes and explosions are not looked for
	Spike      float64 `json:"spike"`      // a loss that is so many times the median, and above it by Margin, is a spike
	Margin     float64 `json:"margin"`     // nats per target
	Explosion  float64 `json:"explosion"`  // a gradient norm that is so many times its median, of all or a component, is an explosion
	Recent     int     `json:"recent"`     // the mean of so many losses diverges
	Divergence float64 `json:"divergence"` // if it is so many times the lowest such mean, and above it by Margin
	InARow     int     `json:"in_a_row"`   // so many updates that are not finite call for a recovery
	GiveUp     int     `json:"give_up"`    // after so many the training stops
}

// DefaultRules are the thresholds unless a plan says otherwise.
var DefaultRules = Rules{Window: 100, Least: 10, Spike: 2, Margin: 0.5, Explosion: 10, Recent: 20, Divergence: 1.5, InARow: 3, GiveUp: 10}

// monitor watches a training. Its fields are stored with a checkpoint, so a resumed training sees what an uninterrupted one does.
type monitor struct {
	Losses    []float64            `json:"losses"` // of the last updates, at most Rules.Window
	Norms     map[string][]float64 `json:"norms"`  // by component; "": of all
	Lowest    float64              `json:"lowest"` // mean of Rules.Recent losses in a row so far
	Means     int                  `json:"means"`  // that Lowest is the least of
	NonFinite int                  `json:"non_finite"`
	On        map[string]bool      `json:"on"` // the kinds that the last update showed: only their onset is an event
}

// finding is what a monitor saw in an update.
type finding struct {
	kind, detail string
	severe       bool // a recovery may help
}

// see looks at an update.
func (m *monitor) see(rules Rules, s *record.TrainingStep) (found []finding) {
	if m.On == nil {
		m.On, m.Norms = map[string]bool{}, map[string][]float64{}
	}
	if !s.Applied {
		m.NonFinite++
		return []finding{{NonFinite, fmt.Sprintf("the loss is %v, the gradient norm %v; the weights stay as they are", float64(s.Loss), float64(s.GradientNorm)), m.NonFinite >= rules.InARow}}
	}
	m.NonFinite = 0
	for _, look := range []func(Rules, *record.TrainingStep) (finding, bool){m.spike, m.explosion, m.divergence} {
		f, shown := look(rules, s)
		if shown && !m.On[f.kind] {
			found = append(found, f)
		}
		m.On[f.kind] = shown
	}
	return found
}

// spike compares the loss with the median of those before.
func (m *monitor) spike(rules Rules, s *record.TrainingStep) (f finding, shown bool) {
	loss, middle, enough := float64(s.Loss), median(m.Losses), len(m.Losses) >= rules.Least
	m.Losses = remember(m.Losses, loss, rules.Window)
	f = finding{kind: Spike, detail: fmt.Sprintf("the loss is %.4g, the median of the last updates %.4g", loss, middle)}
	return f, enough && stands(loss, middle, rules.Spike, rules.Margin)
}

// explosion compares gradient norms with the medians of those before.
func (m *monitor) explosion(rules Rules, s *record.TrainingStep) (f finding, shown bool) {
	norms := map[string]record.Real{"": s.GradientNorm}
	maps.Copy(norms, s.GradientNorms)
	var parts []string
	for _, component := range slices.Sorted(maps.Keys(norms)) {
		norm, before := float64(norms[component]), m.Norms[component]
		if middle := median(before); len(before) >= rules.Least && stands(norm, middle, rules.Explosion, 0) {
			parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s %.4g (median %.4g)", component, norm, middle)))
		}
		m.Norms[component] = remember(before, norm, rules.Window)
	}
	return finding{kind: Explosion, detail: "gradient norm " + strings.Join(parts, ", ")}, len(parts) > 0
}

// divergence compares the mean of the last losses with the lowest so far.
func (m *monitor) divergence(rules Rules, _ *record.TrainingStep) (f finding, shown bool) {
	f = finding{kind: Divergence, severe: true}
	if len(m.Losses) < rules.Recent {
		return f, false
	}
	now := mean(m.Losses[len(m.Losses)-rules.Recent:])
	if m.Means++; m.Means == 1 || now < m.Lowest {
		m.Lowest = now
	}
	f.detail = fmt.Sprintf("the mean loss of the last %d updates is %.4g, it was %.4g", rules.Recent, now, m.Lowest)
	return f, stands(now, m.Lowest, rules.Divergence, rules.Margin)
}

// stands reports whether a value stands out from a usual one.
func stands(value, usual, times, margin float64) bool {
	return value > times*usual && value > usual+margin
}

// remember appends a value and forgets the oldest beyond a number.
func remember(values []float64, v float64, most int) []float64 {
	values = append(values, v)
	return values[max(0, len(values)-most):]
}

func mean(values []float64) (sum float64) {
	for _, v := range values {
		sum += v / float64(len(values))
	}
	return sum
}

// median returns 0 for no values.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
