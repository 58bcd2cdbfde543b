package analytic

// Resolvent is the shape of one causal resolvent layer.
type Resolvent struct {
	Heads, Values int
	BornNorm      bool
	IncludeG      bool // g is a feature of each row
	Cayley        bool
	Hops          int // rows of hops: one per token, or 1 if all tokens share it
}

// Features is the width of the layer's output.
func (r Resolvent) Features() int {
	features := 2 * r.Heads * r.Values
	if r.Values == 0 || r.IncludeG {
		features += 2 * r.Heads
	}
	return features
}

// Resolvent adds the recursions of one layer. A step of g costs 10: the square of the hop 1, a multiply-add for each
// part of the denominator 4, its squared modulus 3, two divisions 2. A step of y costs 10 per value: a multiply-add 2,
// a product and its sign 2, a complex product 6. Born's norm takes a division, a root, and 2 products per value; the
// Cayley transform 10. Every document's g and y are read and written as 16-byte complex numbers.
//
// A backward pass costs 24 per token and head, and 22 per token and value.
func (s *Sheet) Resolvent(r Resolvent, w Work) {
	rows := w.Rows()
	perHead := 10 + 10*r.Values
	if r.BornNorm && r.Values > 0 {
		perHead += 2 + 2*r.Values
	}
	if r.Cayley && (r.Values == 0 || r.IncludeG) {
		perHead += 10
	}
	read := (rows + r.Hops + 1 + rows*r.Values) * r.Heads
	bytes := 4*(read+rows*r.Features()) + 32*w.Docs*r.Heads*(1+r.Values)
	flops := rows * r.Heads * perHead
	if s.backward {
		flops += rows * r.Heads * (24 + 22*r.Values)
		bytes *= 3
	}
	s.add(flops, bytes)
}

// FullResolvent adds the diagonal of the resolvent of whole sequences, one chain each. A token costs 34: three steps of
// 9 for the two halves and their meeting, a subtraction of Re z before each, and two multiply-adds for the second
// neighbour. A backward pass solves the chains again and costs 70.
func (s *Sheet) FullResolvent(rows int) {
	flops, bytes := 34*rows, 12*rows
	if s.backward {
		flops, bytes = flops+(34+70)*rows, 3*bytes
	}
	s.add(flops, bytes)
}

// SiteEnergy limits the projections of rows tokens and adds their head's band centre, a difference: 2 FLOPs, and for
// the smooth limit also a division, a tanh and a product. It reads three numbers per head.
func (s *Sheet) SiteEnergy(rows, heads int, smooth bool) {
	flops := 2
	if smooth {
		flops = 5
	}
	s.Add(flops*rows*heads, 8*rows*heads+12*heads)
}

// HopGate computes √(k_max/(1 + e⁻ˣ)) for n elements.
func (s *Sheet) HopGate(n int) { s.Add(4*n, 8*n) }

// Clamp clamps n elements.
func (s *Sheet) Clamp(n int) { s.Add(0, 8*n) }

// Scaled adds n elements, times a scalar, to n others.
func (s *Sheet) Scaled(n int) { s.Add(2*n, 12*n+4) }
