package stat

import (
	"fmt"
	"math"
	"slices"
)

// beyond is how many samples must lie beyond a percentile for it to be more than luck of the largest ones.
const beyond = 10

// Needed is how many samples the percentile q (0.9 for the 90th) needs: ten beyond it.
func Needed(q float64) int { return int(math.Ceil(beyond/(1-q) - 1e-9)) }

// Percentile is the value that the fraction q of all samples does not exceed. With fewer than [Needed] samples there is
// no value, only a warning. It has no interval, because samples within a process are not independent.
func Percentile(values []float64, q float64) Estimate {
	kept := finite(values)
	if len(kept) < Needed(q) {
		return nothing(fmt.Sprintf("%d samples, needs %d", len(kept), Needed(q)))
	}
	slices.Sort(kept)
	return Estimate{Value: kept[int(math.Ceil(q*float64(len(kept))))-1], Lo: math.Inf(-1), Hi: math.Inf(1), N: len(kept)}
}
