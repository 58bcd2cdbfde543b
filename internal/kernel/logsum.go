package kernel

import "math"

// LogSum computes log Σ eˣ of a row piece by piece, so the row never exists as a whole. The zero value is the empty
// sum. Pieces that start at multiples of [LogSumBlock] give exactly the result of the whole row.
type LogSum struct {
	top float32 // the largest x so far
	sum float64 // Σ e^(x - top)
}

// LogSumBlock is the number of elements that are read twice, once for the maximum and once for the sum, while they are
// in the first-level cache. Matrix parts may start at its multiples, too.
const LogSumBlock = 128 * PartAlign

// Add adds the next piece.
func (s *LogSum) Add(x []float32) {
	for len(x) > 0 {
		n := min(len(x), LogSumBlock)
		s.raise(active.rowMax(x[:n]))
		s.sum += active.expSum(x[:n], s.top)
		x = x[n:]
	}
}

// raise makes top the reference element if it is the largest so far.
func (s *LogSum) raise(top float32) {
	switch {
	case math.IsInf(float64(top), -1): // adds nothing
	case s.sum == 0:
		s.top = top
	case top > s.top:
		s.sum *= math.Exp(float64(s.top) - float64(top))
		s.top = top
	}
}

// Value returns log Σ eˣ of the pieces so far, or -Inf if there were none.
func (s *LogSum) Value() float64 { return float64(s.top) + math.Log(s.sum) }

// LogSumExp returns log Σ eˣ of one row in float64.
func LogSumExp(x []float32) float64 {
	var s LogSum
	s.Add(x)
	return s.Value()
}

// expSumReference returns Σ e^(x - shift).
func expSumReference(x []float32, shift float32) (sum float64) {
	for _, v := range x {
		sum += math.Exp(float64(v) - float64(shift))
	}
	return sum
}

// Divergence returns KL(p || q) in nats of the distributions with logits p and q.
func Divergence(p, q []float32) (kl float64) {
	zp, zq := LogSumExp(p), LogSumExp(q)
	for i := range p {
		lp, lq := float64(p[i])-zp, float64(q[i])-zq
		kl += math.Exp(lp) * (lp - lq)
	}
	return max(0, kl)
}
