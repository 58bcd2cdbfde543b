package stat

import (
	"cmp"
	"math"
	"slices"
)

// Crossover estimates the x at which the power laws of two quantities meet, from their curves in the blocks that both have.
//
// At the true place the curve fitted to other lies above that of base in half of the blocks, whatever the noise. So the interval
// holds the places at which a sign test over the blocks does not tell the curves apart. It ends on both sides only if the
// exponents differ beyond doubt; if they do not, there is no value.
func Crossover(base, other map[int][]Point) Estimate {
	all := crossings(base, other)
	if len(all) == 0 {
		return nothing("no block has two curves that differ")
	}
	logs := make([]float64, len(all))
	for i, c := range all {
		logs[i] = c.at
	}
	lo, hi := undecidedBetween(all)
	e := Estimate{Value: median(sorted(logs)), Lo: lo, Hi: hi, N: len(all)}.Map(math.Exp)
	if !e.Valid() || e.Value == 0 || e.N >= MinSamples && !e.Bounded() {
		return nothing("the exponents do not differ beyond doubt")
	}
	return e
}

// crossing is where the two curves of a block meet.
type crossing struct {
	at    float64 // logarithm of x
	above int     // +1 if other lies above base beyond it, -1 if below
}

// crossings returns the crossings of the blocks in ascending order. Curves that are parallel meet at infinity.
func crossings(base, other map[int][]Point) (all []crossing) {
	for block, points := range base {
		b, o := fit(logs(points)), fit(logs(other[block]))
		steeper := o.Exponent.Value - b.Exponent.Value
		c := crossing{at: math.Log(b.Coefficient/o.Coefficient) / steeper, above: +1}
		if steeper < 0 {
			c.above = -1
		}
		if !math.IsNaN(c.at) { // one has no exponent, or the curves are the same
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b crossing) int { return cmp.Compare(a.at, b.at) })
	return all
}

// undecidedBetween returns the places between which a sign test does not tell on which side of base the other curve lies.
func undecidedBetween(all []crossing) (lo, hi float64) {
	n := len(all)
	rank := bound(n, fairTail(n))
	undecided := func(above int) bool { return rank <= above && above <= n-rank }
	above := 0 // blocks in which other lies above base, from left to right
	for _, c := range all {
		if c.above < 0 {
			above++
		}
	}
	lo, hi = math.Inf(1), math.Inf(-1)
	if undecided(above) {
		lo = math.Inf(-1)
	}
	for _, c := range all {
		before := undecided(above)
		above += c.above
		switch after := undecided(above); {
		case after && !before:
			lo = math.Min(lo, c.at)
		case before && !after:
			hi = math.Max(hi, c.at)
		}
	}
	if undecided(above) {
		hi = math.Inf(1)
	}
	return lo, hi
}
