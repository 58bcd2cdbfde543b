package main

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/stat"
)

// minutes are the wall times of a comparison of all copies.
var minutes = []float64{1, 5, 15}

// callCounts are the calls of a model in a block that are tried, of those recorded.
var callCounts = []int{1, 2, 5, 10, 20, 40}

// tally counts the draws that find a copy different, in the direction in which it is, and holds what they show.
type tally struct {
	found int
	shown []float64
}

// outcome is the tallies of all copies but the base.
type outcome struct {
	draws  map[string]int
	copies map[string]*tally
}

func newOutcome() outcome { return outcome{map[string]int{}, map[string]*tally{}} }

func (o outcome) add(model string, found bool, ratio float64) {
	t := o.copies[model]
	if t == nil {
		t = &tally{}
		o.copies[model] = t
	}
	o.draws[model]++
	if found && (ratio > 1 || model == copies[1].name) { // any difference of equal copies is false
		t.found++
	}
	t.shown = append(t.shown, ratio)
}

// row is the draws, then for each copy the share that found it and the median of the ratios shown.
func (o outcome) row() string {
	var b strings.Builder
	for i, c := range copies[1:] {
		t := o.copies[c.name]
		switch {
		case t == nil && i == 0:
			return "n/a (recording too short) |" + strings.Repeat(" |", len(copies)-1)
		case t == nil:
			b.WriteString(" n/a |")
			continue
		case i == 0:
			fmt.Fprintf(&b, "%d |", o.draws[c.name])
		}
		fmt.Fprintf(&b, " %.2f (%+.1f %%) |", float64(t.found)/float64(o.draws[c.name]), 100*(quantile(0.5)(t.shown)-1))
	}
	return b.String()
}

// header is the head of a table whose rows end in [outcome.row].
func header(b *strings.Builder, leading ...string) {
	for _, name := range append(leading, "draws") {
		fmt.Fprintf(b, "| %s ", name)
	}
	for _, c := range copies[1:] {
		fmt.Fprintf(b, "| %s ", c.name)
	}
	b.WriteString("|\n" + strings.Repeat("|---", len(leading)+len(copies)) + "|\n")
}

// report is the tables of a condition.
func report(condition string, pieces []*piece) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s\n\nEach place: share of the draws that show the difference in its direction (median of the changes shown). `same` is the base again: its share is\nthat of false differences.\n\n", condition, inventory(pieces))
	all := timelines(pieces)
	for _, m := range minutes {
		fmt.Fprintf(&b, "## %v minutes\n\n", m)
		header(&b, "method")
		fmt.Fprintf(&b, "| archbench, its own verdict in live runs | %s\n", live(pieces, m*60).row())
		for _, r := range rules {
			fmt.Fprintf(&b, "| %s | %s\n", r.name, r.outcome(pieces, m*60/float64(len(copies))).row())
		}
		for _, t := range tests {
			fmt.Fprintf(&b, "\narchbench's calls by estimator; %s test, Holm-adjusted:\n\n", t.name)
			header(&b, "calls in a block", "blocks", "sd", "detects", "estimator")
			for _, k := range callCounts {
				for _, e := range estimators {
					b.WriteString(alternatingRow(all, e, t, k, m*60))
				}
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// inventory says how much was recorded.
func inventory(pieces []*piece) string {
	seconds := map[string]float64{}
	for _, p := range pieces {
		seconds[p.Method] += p.Seconds
	}
	var parts []string
	for _, m := range []string{alternating, sequential, hyperfine} {
		parts = append(parts, fmt.Sprintf("%s %.0f min", m, seconds[m]/60))
	}
	return strings.Join(parts, ", ")
}

// alternatingRow judges an estimator over the stretches of a time, with k calls in a block.
func alternatingRow(all [][]block, e estimator, t test, k int, seconds float64) string {
	o, noise, blocks, recorded := newOutcome(), []float64{}, 0, false
	var equal [][]float64 // log ratios of equal models, by stretch
	for _, timeline := range all {
		thinned := make([]block, len(timeline))
		for i, b := range timeline {
			thinned[i] = b.thin(k)
			recorded = recorded || len(b.calls[copies[0].name]) >= k
		}
		logs := map[string][]float64{}
		for _, b := range thinned {
			for _, c := range copies[1:] {
				logs[c.name] = append(logs[c.name], e.of(b.calls[copies[0].name], b.calls[c.name]))
			}
		}
		noise = append(noise, logs[copies[1].name]...)
		for _, s := range stretches(thinned, seconds) {
			blocks = s[1] - s[0]
			o.judge(logs, s, t)
			equal = append(equal, logs[copies[1].name][s[0]:s[1]])
		}
	}
	if !recorded {
		return ""
	}
	if equal == nil {
		return fmt.Sprintf("| %d | n/a | %.1f %% | n/a | %s | %s\n", k, 100*stat.StdDev(noise, nil), e.name, o.row())
	}
	return fmt.Sprintf("| %d | %d | %.1f %% | %.1f %% | %s | %s\n", k, blocks, 100*stat.StdDev(noise, nil), 100*detects(equal, t), e.name, o.row())
}

// judge compares the copies with the base in a stretch.
func (o outcome) judge(logs map[string][]float64, s [2]int, t test) {
	var p []float64
	for _, c := range copies[1:] {
		p = append(p, t.p(logs[c.name][s[0]:s[1]]))
	}
	for i, adjusted := range holm(p) {
		name := copies[1+i].name
		o.add(name, adjusted < alpha, math.Exp(quantile(0.5)(logs[name][s[0]:s[1]])))
	}
}

// detects returns the least effect that is found in 80 % of the stretches: log ratios of equal models, shifted.
func detects(stretches [][]float64, t test) float64 {
	low, high := 0.0, 1.0
	for high-low > 5e-4 {
		middle := (low + high) / 2
		found := 0
		for _, logs := range stretches {
			shifted := make([]float64, len(logs))
			for i, l := range logs {
				shifted[i] = l + middle
			}
			if t.p(shifted) < alpha {
				found++
			}
		}
		if float64(found) >= 0.8*float64(len(stretches)) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}

// outcome judges a rule over all windows that could be of one run.
func (r rule) outcome(pieces []*piece, seconds float64) outcome {
	o := newOutcome()
	bases := windows(pieces, r.method, copies[0].name, seconds)
	for _, c := range copies[1:] {
		others := windows(pieces, r.method, c.name, seconds)
		for _, base := range bases {
			for _, other := range others {
				if near(base, other, seconds) {
					found, ratio := r.compare(base.calls, other.calls)
					o.add(c.name, found, ratio)
				}
			}
		}
	}
	return o
}

// live is what archbench said itself, in each of its pieces of about that time.
func live(pieces []*piece, seconds float64) outcome {
	o := newOutcome()
	for _, p := range pieces {
		if math.Abs(p.Seconds/seconds-1) > 0.25 {
			continue
		}
		for _, d := range p.Decided {
			o.add(d.Model, d.Verdict != "undecided", d.Time)
		}
	}
	return o
}
