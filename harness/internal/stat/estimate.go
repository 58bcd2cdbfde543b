// Package stat turns raw samples into statements with their uncertainty: medians, paired ratios, scaling exponents and
// differences of language-model quality, each with a 95 % interval.
//
// It is opinionated. Timings follow no known distribution, so intervals come from order statistics and tests from
// permutations. The only fitted model is a power law, and a departure from it is a warning. Caveats are values
// ([Estimate.Warnings]) that travel with the number, not errors that stop an analysis. Too few samples give an infinite
// interval, never a narrow one.
package stat

import (
	"fmt"
	"math"
	"slices"
)

// Confidence is the level of every interval in this package.
const Confidence = 0.95

// MinSamples is the smallest number of samples whose median has a finite distribution-free interval at [Confidence].
const MinSamples = 6

// Estimate is a number and its uncertainty.
type Estimate struct {
	Value    float64
	Lo, Hi   float64 // interval at Confidence; -Inf and +Inf if the samples do not bound it
	N        int     // number of samples, blocks, points or documents
	Warnings []string
}

// Bounded reports whether the interval is finite on both sides.
func (e Estimate) Bounded() bool { return isFinite(e.Lo) && isFinite(e.Hi) }

// Valid reports whether there is a value at all.
func (e Estimate) Valid() bool { return e.N > 0 && isFinite(e.Value) }

// RelativeHalfWidth is the larger half of the interval relative to the value; +Inf if unbounded.
func (e Estimate) RelativeHalfWidth() float64 {
	if !e.Bounded() || e.Value == 0 {
		return math.Inf(1)
	}
	return math.Max(e.Hi-e.Value, e.Value-e.Lo) / math.Abs(e.Value)
}

// Map applies a monotone function to the value and its interval; a falling function swaps the bounds.
func (e Estimate) Map(f func(float64) float64) Estimate {
	lo, hi := mapBound(f, e.Lo), mapBound(f, e.Hi)
	if f(1) > f(2) {
		lo, hi = mapBound(f, e.Hi), mapBound(f, e.Lo)
		if !e.Bounded() {
			lo, hi = math.Inf(-1), math.Inf(1)
		}
	}
	return Estimate{Value: f(e.Value), Lo: lo, Hi: hi, N: e.N, Warnings: e.Warnings}
}

// mapBound keeps an unknown bound unknown: 1/∞ = 0 would look like a known one.
func mapBound(f func(float64) float64, bound float64) float64 {
	if math.IsInf(bound, 0) {
		return bound
	}
	return f(bound)
}

// Median summarises samples by their median and its distribution-free interval, the medians that a sign test does not reject.
// It does not modify the slice, and drops non-finite values with a warning.
func Median(values []float64) Estimate {
	kept := finite(values)
	if len(kept) == 0 {
		return nothing(fmt.Sprintf("no finite value among %d samples", len(values)))
	}
	slices.Sort(kept)
	lo, hi := interval(sorted(kept), fairTail(len(kept)))
	e := Estimate{Value: median(sorted(kept)), Lo: lo, Hi: hi, N: len(kept)}
	if !e.Bounded() {
		e.Warnings = append(e.Warnings, fmt.Sprintf("n=%d: a 95 %% interval needs at least %d samples", e.N, MinSamples))
	}
	if left := len(values) - len(kept); left > 0 {
		e.Warnings = append(e.Warnings, fmt.Sprintf("%d of %d samples are not finite and left out", left, len(values)))
	}
	return e
}

// Exact is the estimate of a noise-free quantity, such as a count of operations. It warns if the samples differ after
// all.
func Exact(values []float64) Estimate {
	e := Median(values)
	if e.N == 0 {
		return e
	}
	kept := finite(values)
	e.Lo, e.Hi = slices.Min(kept), slices.Max(kept)
	e.Warnings = nil
	if e.Lo != e.Hi {
		e.Warnings = []string{fmt.Sprintf("expected one exact value, got %v to %v", e.Lo, e.Hi)}
	}
	return e
}

func nothing(reason string) Estimate {
	return Estimate{Value: math.NaN(), Lo: math.Inf(-1), Hi: math.Inf(1), Warnings: []string{reason}}
}

func finite(values []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return !isFinite(v) })
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
