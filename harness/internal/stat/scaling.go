package stat

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Point is one point of a scaling curve, for example a length and a time.
type Point struct{ X, Y float64 }

// PowerLaw is y = Coefficient · x^Exponent, fitted by least squares in log-log space.
type PowerLaw struct {
	Exponent    Estimate
	Coefficient float64
	From, To    float64 // range of x in the fit
	Lengths     int     // distinct values of x

	low  float64  // exponent of the lower half of the curve
	bend Estimate // upper exponent minus lower; invalid if a half has no exponent
}

// An exponent needs at least three lengths, because any curve fits two. A power law is claimed from four, the fewest
// that can distinguish it from a bent curve.
const (
	exponentLengths = 3
	lawLengths      = 4
)

// loosest is the widest interval of an exponent that supports a claim about the curve: a wider one does not even
// separate constant from linear.
const loosest = 1

// Verdict says in words whether the curve is a power law. It is the only place that decides this.
func (p PowerLaw) Verdict() string {
	e := p.Exponent
	switch {
	case !e.Valid():
		return "n/a (" + strings.Join(e.Warnings, "; ") + ")"
	case !e.Bounded() || e.Hi-e.Lo > loosest:
		return "the points do not settle an exponent"
	case p.Lengths < lawLengths || !p.bend.Valid():
		return fmt.Sprintf("%d lengths cannot tell a power law from a bend", p.Lengths)
	case p.bend.Lo > bentBy || p.bend.Hi < -bentBy:
		return fmt.Sprintf("no single power law: the exponent goes from %.2f to %.2f", p.low, p.low+p.bend.Value)
	case p.bend.Lo >= -bentBy && p.bend.Hi <= bentBy:
		return PowerLawHolds
	}
	return "the blocks cannot tell a power law from a bend"
}

// PowerLawHolds is the verdict on a curve described by one exponent.
const PowerLawHolds = "a power law"

// bentBy is the change of the local exponent beyond which a curve is not a power law.
const bentBy = 0.25

// FitPowerLaw fits one curve. The interval of the exponent is Student's t of the regression. Points without a logarithm
// are dropped.
func FitPowerLaw(points []Point) PowerLaw {
	xs, ys := logs(points)
	p := fit(xs, ys)
	if e := &p.Exponent; e.Valid() {
		half := slopeHalfWidth(xs, ys, math.Log(p.Coefficient), e.Value)
		e.Lo, e.Hi = e.Value-half, e.Value+half
	}
	return p
}

// fit is FitPowerLaw of logarithms without the interval, which costs more than all the rest: the many curves of blocks do not need it.
func fit(xs, ys []float64) PowerLaw {
	lengths := len(slices.Compact(slices.Sorted(slices.Values(xs))))
	if lengths < exponentLengths {
		reason := fmt.Sprintf("an exponent needs at least %d lengths, there are %d", exponentLengths, lengths)
		return PowerLaw{Exponent: nothing(reason), Coefficient: math.NaN(), Lengths: lengths}
	}
	intercept, slope := stat.LinearRegression(xs, ys, nil, false)
	p := PowerLaw{
		Exponent:    Estimate{Value: slope, Lo: math.Inf(-1), Hi: math.Inf(1), N: len(xs)},
		Coefficient: math.Exp(intercept), From: math.Exp(slices.Min(xs)), To: math.Exp(slices.Max(xs)), Lengths: lengths,
	}
	p.low, p.bend = bend(xs, ys)
	return p
}

// FitPowerLaws fits one curve per block and summarises exponents and bends by their medians with distribution-free
// intervals: blocks are independent repeats, points within a block are not. With fewer than [MinSamples] blocks it
// falls back to a single fit of all points.
func FitPowerLaws(blocks map[int][]Point) PowerLaw {
	var all []Point
	var exponents, lows, bends []float64
	for _, block := range slices.Sorted(maps.Keys(blocks)) {
		points := blocks[block]
		all = append(all, points...)
		curve := fit(logs(points))
		if curve.Exponent.Valid() {
			exponents = append(exponents, curve.Exponent.Value)
		}
		if curve.bend.Valid() {
			lows, bends = append(lows, curve.low), append(bends, curve.bend.Value)
		}
	}
	pooled := FitPowerLaw(all)
	if len(exponents) >= MinSamples {
		pooled.Exponent, pooled.low, pooled.bend = Median(exponents), Median(lows).Value, Median(bends)
	}
	return pooled
}

func slopeHalfWidth(xs, ys []float64, intercept, slope float64) float64 {
	residual := 0.0
	for i, x := range xs {
		r := ys[i] - intercept - slope*x
		residual += r * r
	}
	free := float64(len(xs) - 2)
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: free}.Quantile((1 + Confidence) / 2)
	return t * math.Sqrt(residual/free/spread(xs))
}

// bend compares the exponents of the lower and upper half of one curve, noise included: only several curves can tell
// how much of it is noise.
func bend(xs, ys []float64) (low float64, change Estimate) {
	mid := (slices.Min(xs) + slices.Max(xs)) / 2
	var lx, ly, ux, uy []float64
	for i, x := range xs {
		if x <= mid+1e-9 {
			lx, ly = append(lx, x), append(ly, ys[i])
		}
		if x >= mid-1e-9 {
			ux, uy = append(ux, x), append(uy, ys[i])
		}
	}
	if len(lx) < 2 || len(ux) < 2 || spread(lx) == 0 || spread(ux) == 0 {
		return 0, nothing("too few lengths")
	}
	_, low = stat.LinearRegression(lx, ly, nil, false)
	_, high := stat.LinearRegression(ux, uy, nil, false)
	return low, Exact([]float64{high - low})
}

func logs(points []Point) (xs, ys []float64) {
	for _, p := range points {
		if p.X > 0 && p.Y > 0 && isFinite(p.X) && isFinite(p.Y) {
			xs, ys = append(xs, math.Log(p.X)), append(ys, math.Log(p.Y))
		}
	}
	return xs, ys
}

// spread is the sum of squared deviations from the mean.
func spread(xs []float64) float64 {
	mean := stat.Mean(xs, nil)
	sum := 0.0
	for _, x := range xs {
		sum += (x - mean) * (x - mean)
	}
	return sum
}
