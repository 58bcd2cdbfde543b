package chart

import (
	"fmt"
	"math"
)

// clean returns the figure with only the points that its axes can show, and a note about the others in the foot.
func clean(f Figure) Figure {
	dropped := 0
	series := make([]Series, 0, len(f.Series))
	for _, s := range f.Series {
		kept := make([]Point, 0, len(s.Points))
		for _, p := range s.Points {
			if !fits(p.X, f.X.Log) || !fits(p.Y, f.Y.Log) {
				dropped++
				continue
			}
			p.Lo, p.Hi = interval(p.Y, p.Lo, p.Hi, f.Y.Log)
			p.XLo, p.XHi = interval(p.X, p.XLo, p.XHi, f.X.Log)
			kept = append(kept, p)
		}
		if len(kept) > 0 {
			s.Points = kept
			series = append(series, s)
		}
	}
	f.Series, f.Rows = series, cleanRows(f)
	if dropped > 0 && len(series) > 0 {
		f.Foot = join(f.Foot, fmt.Sprintf("%d points that the axes cannot show are left out", dropped))
	}
	return f
}

// farthest is the largest plausible magnitude; beyond it axis arithmetic could overflow.
const farthest = 1e60

// fits reports whether an axis can show v.
func fits(v float64, scale Scale) bool {
	if math.IsNaN(v) || math.Abs(v) > farthest {
		return false
	}
	return scale == Linear || v > 1/farthest
}

// interval returns the interval from lo to hi around v, or an empty one if it cannot be drawn.
func interval(v, lo, hi float64, scale Scale) (from, to float64) {
	if !fits(lo, scale) || !fits(hi, scale) || lo > v || hi < v {
		return v, v
	}
	return lo, hi
}

// ranges returns the spans of both axes around all points, their intervals and the rules.
func ranges(f Figure) (x, y span) {
	var xs, ys []float64
	labelled := false
	for _, s := range f.Series {
		for _, p := range s.Points {
			labelled = labelled || p.Label != ""
			xs, ys = append(xs, p.X, p.XLo, p.XHi), append(ys, p.Y, p.Lo, p.Hi)
		}
	}
	for _, r := range f.Rules {
		if r.Vertical && fits(r.At, f.X.Log) {
			xs = append(xs, r.At)
		}
		if !r.Vertical && fits(r.At, f.Y.Log) {
			ys = append(ys, r.At)
		}
	}
	x, y = spanOf(xs, f.X.Log), spanOf(ys, f.Y.Log)
	if labelled { // beside the outermost points
		x = spanOf([]float64{x.min, x.max}, f.X.Log)
	}
	return x, y
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + " · " + b
}
