package stat

import (
	"cmp"
	"math"
	"slices"
)

// Trial is the result of one learning rate.
type Trial struct {
	Rate float64 // above 0
	Loss float64 // lower is better; NaN or infinite if the training diverged
}

// Window is the range of learning rates that work: all rates around the best one whose loss exceeds the best by at most a
// tolerance, interpolated in the logarithm of the rate. A rate beside a diverged one has its bound at itself.
type Window struct {
	Best         float64 // the rate of the smallest loss
	Lo, Hi       float64
	Below, Above bool // the grid ends before the window does, below or above
}

// Decades is the width of the window. It is a lower bound if the window is open.
func (w Window) Decades() float64 { return math.Log10(w.Hi / w.Lo) }

// Edge reports whether the best rate is the first or last of the grid, so that a better one may lie outside.
func (w Window) Edge() bool { return w.Below && w.Best == w.Lo || w.Above && w.Best == w.Hi }

// WindowOf returns the window of trials with different rates. It fails if all diverged.
func WindowOf(trials []Trial, tolerance float64) (Window, bool) {
	grid := slices.SortedFunc(slices.Values(trials), func(a, b Trial) int {
		return cmp.Compare(a.Rate, b.Rate)
	})
	best := -1
	for i, t := range grid {
		if isFinite(t.Loss) && (best < 0 || t.Loss < grid[best].Loss) {
			best = i
		}
	}
	if best < 0 {
		return Window{}, false
	}
	w := Window{Best: grid[best].Rate}
	limit := grid[best].Loss + tolerance
	w.Hi, w.Above = boundary(grid[best:], limit)
	below := slices.Clone(grid[:best+1])
	slices.Reverse(below)
	w.Lo, w.Below = boundary(below, limit)
	return w, true
}

// boundary returns the rate at which the losses of trials, the first of which is below limit, pass it; open if they never do.
func boundary(trials []Trial, limit float64) (rate float64, open bool) {
	for i, t := range trials[1:] {
		last := trials[i]
		switch {
		case !isFinite(t.Loss):
			return last.Rate, false
		case t.Loss > limit:
			part := (limit - last.Loss) / (t.Loss - last.Loss)
			return last.Rate * math.Pow(t.Rate/last.Rate, part), false
		}
	}
	return trials[len(trials)-1].Rate, true
}

// ExpectedBest is the mean of the smallest of k losses drawn without replacement from those of all trials (Dodge et al., Show your
// work, EMNLP 2019, with the unbiased form of Tang et al., Showing your work doesn't always work, ACL 2020). A diverged trial counts
// as the largest finite loss. It fails for k outside 1 to the number of trials, or if all diverged.
func ExpectedBest(losses []float64, k int) (float64, bool) {
	kept := finite(losses)
	n := len(losses)
	if k < 1 || k > n || len(kept) == 0 {
		return 0, false
	}
	worst := slices.Max(kept)
	for len(kept) < n {
		kept = append(kept, worst)
	}
	slices.Sort(kept)
	sum, weight := 0.0, float64(k)/float64(n) // of the smallest: C(n-1, k-1) / C(n, k)
	for i, loss := range kept[:n-k+1] {
		sum += weight * loss
		weight *= float64(n-k-i) / float64(n-i-1)
	}
	return sum, true
}
