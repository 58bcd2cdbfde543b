package stat

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Point is one point of a scaling curve, for example a length and a time.
type Point struct{ X, Y float64 }

// PowerLaw is y = Coefficient · x^Exponent, fitted by least squares in log-log space.
type PowerLaw struct {
	Exponent    Estimate
	Coefficient float64
	From, To    float64 // range of x that was fitted
}

// bentBy is the change of the local exponent across a curve above which it is called no power law.
const bentBy = 0.25

// FitPowerLaw fits one curve; the interval of the exponent is Student's t of the regression. A curve that bends, so
// that one exponent does not describe it, carries a warning. Points whose logarithm does not exist are left out.
func FitPowerLaw(points []Point) PowerLaw {
	xs, ys := logs(points)
	if len(xs) < 2 || spread(xs) == 0 {
		return PowerLaw{Exponent: nothing("an exponent needs at least two lengths"), Coefficient: math.NaN()}
	}
	intercept, slope := stat.LinearRegression(xs, ys, nil, false)
	e := Estimate{Value: slope, Lo: math.Inf(-1), Hi: math.Inf(1), N: len(xs)}
	if len(xs) < 3 {
		e.Warnings = append(e.Warnings, "two points: the exponent has no interval")
	} else {
		half := slopeHalfWidth(xs, ys, intercept, slope)
		e.Lo, e.Hi = slope-half, slope+half
	}
	e.Warnings = append(e.Warnings, bend(xs, ys)...)
	return PowerLaw{Exponent: e, Coefficient: math.Exp(intercept), From: math.Exp(lowest(xs)), To: math.Exp(highest(xs))}
}

// FitPowerLaws fits one curve per block and summarises the exponents by their median with its distribution-free
// interval: blocks are the independent repeats, points within a block are not. With fewer than [MinSamples] blocks it
// falls back to one fit of all points.
func FitPowerLaws(blocks [][]Point) PowerLaw {
	var all []Point
	var exponents []float64
	for _, points := range blocks {
		all = append(all, points...)
		if fit := FitPowerLaw(points); fit.Exponent.Valid() {
			exponents = append(exponents, fit.Exponent.Value)
		}
	}
	pooled := FitPowerLaw(all)
	if len(exponents) < MinSamples {
		return pooled
	}
	byBlock := Median(exponents)
	byBlock.Warnings = append(byBlock.Warnings, pooled.Exponent.Warnings...)
	pooled.Exponent = byBlock
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

// bend compares the exponents of the lower and the upper half of the curve.
func bend(xs, ys []float64) []string {
	mid := (lowest(xs) + highest(xs)) / 2
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
		return nil
	}
	_, low := stat.LinearRegression(lx, ly, nil, false)
	_, high := stat.LinearRegression(ux, uy, nil, false)
	if math.Abs(high-low) <= bentBy {
		return nil
	}
	return []string{fmt.Sprintf("no single power law: the exponent goes from %.2f to %.2f", low, high)}
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

func lowest(xs []float64) float64 {
	low := math.Inf(1)
	for _, x := range xs {
		low = math.Min(low, x)
	}
	return low
}

func highest(xs []float64) float64 {
	high := math.Inf(-1)
	for _, x := range xs {
		high = math.Max(high, x)
	}
	return high
}
