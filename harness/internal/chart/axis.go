package chart

import (
	"math"

	"gonum.org/v1/plot"

	"github.com/archbench/archbench/harness/internal/unit"
)

// span is the range of an axis: finite, never empty, and positive on a logarithmic axis.
type span struct{ min, max float64 }

// spanOf fits an axis around values, which must suit the axis.
func spanOf(values []float64, scale Scale) span {
	if len(values) == 0 {
		values = []float64{1}
	}
	s := span{values[0], values[0]}
	for _, v := range values {
		s.min, s.max = math.Min(s.min, v), math.Max(s.max, v)
	}
	if scale == Linear {
		return s.padLinear()
	}
	return s.padLog()
}

// padLinear leaves 6 % around the data, and includes zero if that costs little room.
func (s span) padLinear() span {
	room := 0.06 * (s.max - s.min)
	if largest := math.Max(math.Abs(s.min), math.Abs(s.max)); room <= 1e-9*largest {
		room = math.Max(0.1*largest, 1e-3)
	}
	lo, hi := s.min-room, s.max+room
	if s.min >= 0 && s.min < 0.35*s.max {
		lo = 0
	}
	return span{lo, hi}
}

// padLog leaves 6 % of the logarithmic range, or a factor of 1.5 around a single value.
func (s span) padLog() span {
	factor := math.Max(math.Pow(s.max/s.min, 0.06), 1.04)
	if s.max/s.min < 1.02 {
		factor = 1.5
	}
	return span{s.min / factor, s.max * factor}
}

// normalizer maps an axis to [0, 1]. Unlike plot.LogScale, it accepts every number.
type normalizer struct{ scale Scale }

// Normalize implements plot.Normalizer.
func (n normalizer) Normalize(lo, hi, x float64) float64 {
	if n.scale != Linear {
		lo, hi, x = logOrFloor(lo, lo), logOrFloor(hi, lo), logOrFloor(x, lo)
	}
	if hi == lo {
		return 0.5
	}
	return (x - lo) / (hi - lo)
}

func logOrFloor(x, floor float64) float64 {
	if x > 0 {
		return math.Log(x)
	}
	return math.Log(math.Max(floor, math.SmallestNonzeroFloat64))
}

// ticks returns the marks of an axis; those without a label are minor.
func ticks(a Axis, s span) []plot.Tick {
	switch a.Log {
	case Log2:
		return log2Ticks(a, s)
	case Log10:
		return log10Ticks(a, s)
	}
	return linearTicks(a, s)
}

// mostTicks is how many labels an axis can carry without crowding.
const mostTicks = 8

func log2Ticks(a Axis, s span) []plot.Tick {
	first, last := int(math.Ceil(math.Log2(s.min)-1e-9)), int(math.Floor(math.Log2(s.max)+1e-9))
	step := 1
	for (last-first)/step+1 > mostTicks {
		step++
	}
	var out []plot.Tick
	for e := first; e <= last; e++ {
		v := math.Exp2(float64(e))
		label := ""
		if (e-first)%step == 0 { // start at the first point, so that measured lengths get the labels
			label = write(v, a.Unit)
		}
		out = append(out, plot.Tick{Value: v, Label: label})
	}
	return out
}

func log10Ticks(a Axis, s span) []plot.Tick {
	decades := math.Log10(s.max / s.min)
	if decades < 0.5 { // too short for powers of ten
		return linearTicks(a, s)
	}
	labelled := map[int]bool{1: true}
	switch {
	case decades <= 0.8:
		labelled = map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 8: true}
	case decades <= 2.5:
		labelled = map[int]bool{1: true, 2: true, 5: true}
	}
	step := 1
	for int(decades)/step+1 > mostTicks {
		step++
	}
	var out []plot.Tick
	for e := int(math.Floor(math.Log10(s.min))); e <= int(math.Ceil(math.Log10(s.max))); e++ {
		for digit := 1; digit <= 9; digit++ {
			v := float64(digit) * math.Pow(10, float64(e))
			if v < s.min || v > s.max {
				continue
			}
			label := ""
			if labelled[digit] && e%step == 0 {
				label = write(v, a.Unit)
			}
			out = append(out, plot.Tick{Value: v, Label: label})
		}
	}
	return out
}

// linearTicks puts 4 to 8 labels at multiples of 1, 2 or 5 times a power of ten.
func linearTicks(a Axis, s span) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10((s.max-s.min)/4)))
	for _, factor := range []float64{5, 2} {
		if (s.max-s.min)/(step*factor) >= 4 {
			step *= factor
			break
		}
	}
	var out []plot.Tick
	first := math.Ceil(s.min/step-1e-9) * step
	for i := range 2 * mostTicks { // bounded, whatever rounding does to the sum
		v := first + float64(i)*step
		if v > s.max {
			break
		}
		if math.Abs(v) < 1e-9*step {
			v = 0
		}
		out = append(out, plot.Tick{Value: v, Label: write(v, a.Unit)})
	}
	return out
}

// write labels a tick: token counts as lengths, everything else with its unit's prefix.
func write(v float64, name string) string {
	if name == unit.Token {
		return unit.Length(v)
	}
	return unit.Tick(v, name)
}
