package experiment

import (
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/archbench/archbench/lm"
)

// TestSolveSurroundsTheTarget compares with a scan of all widths, for random targets, steps and refused widths.
func TestSolveSurroundsTheTarget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.IntRange(1, 16).Draw(t, "step")
		target := rapid.Float64Range(10, 1e6).Draw(t, "target")
		divisor := rapid.IntRange(1, 7).Draw(t, "divisor")
		asked := 0
		measure := func(width int) (float64, error) {
			asked++
			if width%divisor != 0 {
				return 0, lm.Errorf(lm.Invalid, "", "%d does not divide by %d", width, divisor)
			}
			return float64(width) * float64(width), nil
		}
		below, above, err := Solve(target, step, measure)
		if err != nil {
			t.Fatal(err)
		}
		var wantBelow, wantAbove Size
		for width := step; wantAbove.Width == 0; width += step {
			size, err := measure(width)
			switch {
			case err != nil:
			case size < target:
				wantBelow = Size{width, size}
			default:
				wantAbove = Size{width, size}
			}
		}
		if below != wantBelow || above != wantAbove {
			t.Errorf("%+v and %+v, want %+v and %+v", below, above, wantBelow, wantAbove)
		}
	})
}

func TestSolveEndsWithAReason(t *testing.T) {
	broken := errors.New("the plugin died")
	if _, _, err := Solve(1e6, 8, func(int) (float64, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Errorf("%v, want the error of the plugin", err)
	}
	refuse := func(width int) (float64, error) { return 0, lm.Errorf(lm.Invalid, "", "hidden_size must be prime") }
	if _, _, err := Solve(1e6, 1<<18, refuse); err == nil || !strings.Contains(err.Error(), "hidden_size must be prime") {
		t.Errorf("%v, want the plugin's reason", err)
	}
	if _, _, err := Solve(math.Inf(1), 1<<16, func(int) (float64, error) { return 1, nil }); !errors.Is(err, errNoWidth) {
		t.Errorf("%v, want that no width reaches the target", err)
	}
}

func TestNearest(t *testing.T) {
	below, above := Size{184, 2.51e6}, Size{192, 2.66e6}
	if s, err := Nearest(2.6e6, 0.05, below, above); err != nil || s != above {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := Nearest(2.52e6, 0.05, below, above); err != nil || s != below {
		t.Errorf("%+v, %v", s, err)
	}
	_, err := Nearest(2.6e6, 0.01, below, above)
	if err == nil || err.Error() != "width 184 has 2.51e+06 and width 192 has 2.66e+06: none is within 1 % of 2.6e+06" {
		t.Errorf("%v", err)
	}
}
