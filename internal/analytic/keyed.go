package analytic

// Keyed is the shape of one keyed resolvent layer.
type Keyed struct {
	Heads, Values, Keys int
	BornNorm            bool
	IncludeG            bool // g is a feature of each row
	Cayley              bool
	Hops, Etas          int // rows of hops and of η: one per token, or 1 if all tokens share it
}

// Features is the width of the layer's output.
func (k Keyed) Features() int {
	if k.IncludeG {
		return k.Heads * (k.Values + 2)
	}
	return k.Heads * k.Values
}

// Keyed adds the recursions of one layer. A step of a head costs 10 for g, as in Resolvent, 4 for its modulus (a product, a
// multiply-add and a root) and 1 for the decay c r. Per value it costs 1 for r u, and per value and key 5: the product with
// the decay, the multiply-add of the new product, and that of the query. Born's norm takes √η, its product with r, a root
// and a division per head, and a product per value. Every document's g, 16-byte complex numbers, and products of keys and
// values, 4 bytes each, are read and written.
//
// A backward pass, by the recursion, costs 13 per token, value and key: 3 for the adjoint of the state, and a multiply-add
// each for the gradients of the query, the key, the value, the modulus and the decay. Per token and value it costs 7, and per
// token and head 34.
func (s *Sheet) Keyed(k Keyed, w Work) {
	rows := w.Rows()
	perHead := 15 + k.Values*(5*k.Keys+1)
	if k.BornNorm {
		perHead += 4 + k.Values
	}
	if k.Cayley && k.IncludeG {
		perHead += 10
	}
	floats := (rows+k.Hops+k.Etas+rows*k.Values)*k.Heads + rows*(2*k.Keys+k.Features())
	bytes := 4*floats + 2*w.Docs*k.Heads*(16+4*k.Values*k.Keys)
	flops := rows * k.Heads * perHead
	if s.backward {
		flops += rows * k.Heads * (34 + k.Values*(13*k.Keys+7))
		bytes *= 3
	}
	s.add(flops, bytes)
}

// EtaGate computes η_min + softplus of n elements.
func (s *Sheet) EtaGate(n int) { s.Add(4*n, 8*n) }

// UnitVectors divides vectors by their length: squares and their sum, a floor, a root, a division, and the products.
func (s *Sheet) UnitVectors(vectors, size int) { s.Add(vectors*(3*size+3), 8*vectors*size) }

// Join copies matrices of cols columns in all to one.
func (s *Sheet) Join(rows, cols int) { s.Add(0, 8*rows*cols) }
