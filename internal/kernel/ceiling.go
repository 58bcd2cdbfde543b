package kernel

// Ceiling is a limit of one thread of this CPU under the active tier, and the loop that measures it: Run does n rounds
// of Amount operations (multiply-adds count as two) and nothing else.
type Ceiling struct {
	Name       string   // fma.f32, fixed.f32, dot.bf16, dot.int8, amx.bf16, amx.int8
	Precisions []string // of the products that the operation computes, without groups; nil: all
	Unit       string   // FLOP/s, OP/s
	Amount     float64
	Run        func(n int)
}

// Ceilings are the arithmetic limits of the active tier.
func Ceilings() []Ceiling { return active.ceilings }

// Read loads every byte of x once and uses none: the limit of what reads weights.
func Read(x []byte) { active.read(x) }

// referenceChains is the number of independent multiply-add chains in the reference.
const referenceChains = 8

var referenceCeilings = []Ceiling{{"fma.f32", nil, "FLOP/s", 2 * referenceChains, multiplyAdds}}

// sink keeps the compiler from dropping unused results.
var sink struct {
	float float32
	word  byte
}

// multiplyAdds runs n rounds of eight independent chains x·y + z that stay finite.
func multiplyAdds(n int) {
	const y, z = 0.5, 1
	var a, b, c, d, e, f, g, h float32 = 1, 2, 3, 4, 5, 6, 7, 8
	for range n {
		a, b, c, d = a*y+z, b*y+z, c*y+z, d*y+z
		e, f, g, h = e*y+z, f*y+z, g*y+z, h*y+z
	}
	if s := a + b + c + d + e + f + g + h; s < 0 { // never: the chains converge to 2
		sink.float = s
	}
}

// readReference reads one word in eight: memory moves whole cache lines.
func readReference(x []byte) {
	var sum byte
	for i := 0; i < len(x); i += 8 {
		sum |= x[i]
	}
	if sum == 1 {
		sink.word = sum
	}
}
