package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/archbench/archbench/internal/atomicfile"
)

// report prints a group's table: each contender's median time with its range, its rate, and how many times as fast the
// first contender, archbench, is. That ratio is the median of the ratios within each round, so changes in the machine's
// speed during the run do not affect it. A contender that fails after the warm-up keeps the times of earlier rounds:
// the table marks its name, and a note below gives the reason.
func report(w io.Writer, g group, samples []sample) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "\n%s, %d threads\n", g.name, g.threads)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "work\tcontender\tmedian\trange\trate\tfirst is\tgoal")
	labels, notes := map[string]string{}, ""
	for _, e := range g.entrants {
		labels[e.name] = e.name
		if f := failure(samples, e.name); f.Round > 0 {
			labels[e.name] = fmt.Sprintf("%s (until round %d)", e.name, f.Round)
			notes += fmt.Sprintf("%s failed in round %d: %s\n", e.name, f.Round, f.Missing)
		}
	}
	for _, work := range g.tasks {
		first := secondsOf(samples, work, g.entrants[0].name)
		for i, e := range g.entrants {
			fmt.Fprintf(t, "%s\t%s\t", work, labels[e.name])
			if seconds := secondsOf(samples, work, e.name); len(seconds) > 0 {
				ratio, goal := verdict(g, work, i, first, seconds)
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", times(seconds), rate(work, seconds), ratio, goal)
			} else {
				fmt.Fprintf(t, "n/a (%s)\t\t\t\t\n", failure(samples, e.name).Missing)
			}
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	b.WriteString(notes)
	_, err := w.Write(b.Bytes())
	return err
}

// times formats a median and its range.
func times(seconds map[int]float64) string {
	all := values(seconds)
	return fmt.Sprintf("%s\t%s–%s", duration(median(all)), duration(all[0]), duration(all[len(all)-1]))
}

func duration(seconds float64) string {
	switch {
	case seconds < 1e-3:
		return fmt.Sprintf("%.1f µs", seconds*1e6)
	case seconds < 1:
		return fmt.Sprintf("%.2f ms", seconds*1e3)
	}
	return fmt.Sprintf("%.3f s", seconds)
}

// rate formats the amount of work per second.
func rate(work task, seconds map[int]float64) string {
	amount, unit := work.amount()
	switch perSecond := amount / median(values(seconds)); unit {
	case "FLOP":
		return fmt.Sprintf("%.1f GFLOP/s", perSecond/1e9)
	case "":
		return ""
	default:
		return fmt.Sprintf("%.4g %s/s", perSecond, unit)
	}
}

// verdict says how many times as fast as contender i the group's first is, and whether the goal is met: the ratio's
// goal, or the group's time limit for archbench's own contenders. It returns "" for what does not apply.
func verdict(g group, work task, i int, first, seconds map[int]float64) (ratio, goal string) {
	e := g.entrants[i]
	limited := g.limit > 0 && e.goals == nil // archbench itself, not a peer with goals
	switch {
	case limited:
		return "", met(median(values(seconds)) <= g.limit.Seconds(), fmt.Sprintf("≤ %v", g.limit))
	case i == 0:
		return "", ""
	}
	faster, ok := ratioOf(seconds, first)
	if !ok {
		return "n/a", ""
	}
	if least := e.goal(work); least > 0 {
		goal = met(faster >= least, fmt.Sprintf("≥ %.2fx", least))
	}
	return fmt.Sprintf("%.2fx as fast", faster), goal
}

// goal is what archbench should reach against e: the goal of the whole task, else of its operation; 0 if there is none.
func (e entrant) goal(work task) float64 { return cmp.Or(e.goals[work.String()], e.goals[work.op]) }

func met(ok bool, goal string) string {
	if ok {
		return goal + " met"
	}
	return goal + " missed"
}

// secondsOf returns a contender's times by round, without the warm-up.
func secondsOf(samples []sample, work task, contender string) map[int]float64 {
	seconds := map[int]float64{}
	for _, s := range samples {
		if s.Task == work.String() && s.Contender == contender && s.Missing == "" && s.Round > 0 {
			seconds[s.Round] = s.Seconds
		}
	}
	return seconds
}

// failure returns the sample in which a contender failed, if it did.
func failure(samples []sample, contender string) sample {
	for _, s := range samples {
		if s.Contender == contender && s.Missing != "" {
			return s
		}
	}
	return sample{Missing: "not measured"}
}

// ratioOf is the median over the rounds of a's time divided by b's.
func ratioOf(a, b map[int]float64) (float64, bool) {
	var ratios []float64
	for round, seconds := range a {
		if other, ok := b[round]; ok {
			ratios = append(ratios, seconds/other)
		}
	}
	if len(ratios) == 0 {
		return 0, false
	}
	return median(ratios), true
}

// values returns the times of all rounds in increasing order.
func values(seconds map[int]float64) []float64 { return slices.Sorted(maps.Values(seconds)) }

// median returns the median of at least one number.
func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// publish writes the machine and the samples as JSON lines.
func publish(path string, m machine, samples []sample) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		if err := e.Encode(m); err != nil {
			return err
		}
		for _, s := range samples {
			if err := e.Encode(s); err != nil {
				return err
			}
		}
		return nil
	})
}
