package main

import (
	"math"
	"slices"
	"time"
)

// block is what archbench measured in a block: the calls of each model, in microseconds, and the wall time.
type block struct {
	calls   map[string][]float64
	seconds float64
}

// timelines joins the blocks of archbench's pieces that follow each other within a minute.
func timelines(pieces []*piece) (all [][]block) {
	var last *piece
	for _, p := range pieces {
		if p.Method != alternating {
			continue
		}
		if last == nil || p.Start.Sub(last.end()) > time.Minute {
			all = append(all, nil)
		}
		last = p
		all[len(all)-1] = append(all[len(all)-1], p.blocks()...)
	}
	return all
}

// blocks returns the blocks in which all copies were measured.
func (p *piece) blocks() (all []block) {
	n := 0
	for _, c := range p.Chunks {
		n = max(n, c.Block+1)
	}
	all = make([]block, n)
	for _, c := range p.Chunks {
		b := &all[c.Block]
		if b.calls == nil {
			b.calls, b.seconds = map[string][]float64{}, p.Seconds/float64(n)
		}
		b.calls[c.Model] = floats(c.Calls)
	}
	return slices.DeleteFunc(all, func(b block) bool { return len(b.calls) < len(copies) })
}

func floats(calls []int64) []float64 {
	all := make([]float64, len(calls))
	for i, c := range calls {
		all[i] = float64(c)
	}
	return all
}

// thin leaves the first k calls of each model, and takes the time of the others off.
func (b block) thin(k int) block {
	thinned := block{calls: map[string][]float64{}, seconds: b.seconds}
	for model, calls := range b.calls {
		kept := min(k, len(calls))
		thinned.calls[model] = calls[:kept]
		for _, c := range calls[kept:] {
			thinned.seconds -= c / 1e6
		}
	}
	return thinned
}

// stretches returns the runs of consecutive blocks that take a time, starting at each block, as ranges of a timeline.
func stretches(timeline []block, seconds float64) (all [][2]int) {
	for start := range timeline {
		sum, end := 0.0, start
		for end < len(timeline) && sum < seconds {
			sum += timeline[end].seconds
			end++
		}
		if sum < seconds {
			break
		}
		all = append(all, [2]int{start, end})
	}
	return all
}

// window is calls of a model without a break.
type window struct {
	start time.Time
	calls []float64
}

// windows cuts the chunks of a model into windows of some seconds. Windows longer than a chunk join those of pieces that
// follow each other, which is kinder to a sequential method than a real break would be.
func windows(pieces []*piece, method, model string, seconds float64) (all []window) {
	chunks := chunksOf(pieces, method, model)
	for i, c := range chunks {
		joined := slices.Clone(c.calls)
		for _, more := range chunks[i+1:] {
			if total(joined) >= 0.75*seconds*1e6 || more.start.Sub(c.start) > time.Duration(float64(len(copies))*seconds*1.2*float64(time.Second)) {
				break
			}
			joined = append(joined, more.calls...)
		}
		for start := c.start; len(joined) > 0; {
			n := fitting(joined, seconds*1e6)
			if total(joined[:n]) < 0.75*seconds*1e6 { // time passes between calls, too
				break
			}
			all = append(all, window{start, joined[:n]})
			start = start.Add(time.Duration(total(joined[:n]) * 1e3))
			joined = joined[n:]
			if total(c.calls) < seconds*1.5e6 {
				break
			}
		}
	}
	return all
}

// chunksOf returns the chunks of a model with their approximate starts.
func chunksOf(pieces []*piece, method, model string) (all []window) {
	for _, p := range pieces {
		if p.Method != method {
			continue
		}
		for i, c := range p.Chunks {
			if c.Model == model {
				share := float64(i) / float64(len(p.Chunks))
				all = append(all, window{p.Start.Add(time.Duration(share * p.Seconds * 1e9)), floats(c.Calls)})
			}
		}
	}
	return all
}

// fitting returns how many calls fill a time.
func fitting(calls []float64, us float64) int {
	sum := 0.0
	for i, c := range calls {
		if sum += c; sum >= us {
			return i + 1
		}
	}
	return len(calls)
}

func total(calls []float64) (sum float64) {
	for _, c := range calls {
		sum += c
	}
	return sum
}

// near reports whether two windows could be of one run over all copies: both start within its time.
func near(a, b window, seconds float64) bool {
	return math.Abs(a.start.Sub(b.start).Seconds()) <= seconds*float64(len(copies)-1)*1.05
}
