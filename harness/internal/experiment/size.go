package experiment

import (
	"cmp"
	"errors"
	"fmt"
	"math"

	"github.com/archbench/archbench/lm"
)

// Size is one width of a model and what was measured of the model that has it.
type Size struct {
	Width    int
	Measured float64
}

// mostWidth ends the search for a width: no model of the target's size is that wide.
const mostWidth = 1 << 20

// errNoWidth means that the plugin accepts none of the widths.
var errNoWidth = errors.New("no width is accepted")

// Solve returns the multiples of step that surround the target: the largest accepted width below it, with Width 0 if there is none,
// and the smallest at or above it. measure returns the size of the model of a width, which grows with the width. A width that the
// plugin does not accept (an error of kind Invalid, for example because the heads do not divide it) is left out; any other error
// ends the search.
func Solve(target float64, step int, measure func(width int) (float64, error)) (below, above Size, err error) {
	s := solver{step: step, measure: measure}
	for n := 1; above.Width == 0; n *= 2 {
		if n*step > mostWidth {
			return below, above, fmt.Errorf("widths up to %d: %w", mostWidth, cmp.Or(s.refusal, errNoWidth))
		}
		size, err := s.accepted(n, 2*n)
		switch {
		case err != nil:
			return below, above, err
		case size.Width == 0: // none of these
		case size.Measured < target:
			below = size
		default:
			above = size
		}
	}
	return s.narrow(below, above, target)
}

// solver asks for sizes.
type solver struct {
	step    int
	measure func(width int) (float64, error)
	refusal error // the last one
}

// accepted returns the size of the first accepted width of step times first up to, but not including, step times end; no width if
// there is none.
func (s *solver) accepted(first, end int) (Size, error) {
	for n := first; n < end; n++ {
		measured, err := s.measure(n * s.step)
		switch {
		case err == nil:
			return Size{n * s.step, measured}, nil
		case lm.KindOf(err) != lm.Invalid:
			return Size{}, fmt.Errorf("width %d: %w", n*s.step, err)
		}
		s.refusal = err
	}
	return Size{}, nil
}

// narrow halves the range between two sizes until no accepted width lies between them.
func (s *solver) narrow(below, above Size, target float64) (Size, Size, error) {
	low, high := below.Width/s.step, above.Width/s.step
	for high-low > 1 {
		middle := (low + high) / 2
		size, err := s.accepted(middle, high)
		switch {
		case err != nil:
			return below, above, err
		case size.Width == 0:
			high = middle
		case size.Measured < target:
			below, low = size, size.Width/s.step
		default:
			above, high = size, middle
		}
	}
	return below, above, nil
}

// Nearest returns the one of two sizes that is relatively nearer to the target, or an error that names both if none is within
// the tolerance.
func Nearest(target, tolerance float64, below, above Size) (Size, error) {
	best := above
	if below.Width > 0 && offBy(below, target) < offBy(above, target) {
		best = below
	}
	if offBy(best, target) > tolerance {
		near := fmt.Sprintf("width %d has %.4g", above.Width, above.Measured)
		if below.Width > 0 {
			near = fmt.Sprintf("width %d has %.4g and %s", below.Width, below.Measured, near)
		}
		return Size{}, fmt.Errorf("%s: none is within %.2g %% of %.4g", near, 100*tolerance, target)
	}
	return best, nil
}

// offBy is the relative distance of a size from the target.
func offBy(s Size, target float64) float64 { return math.Abs(s.Measured/target - 1) }
