package kernel

// SteadyRows is the number of rows of activations from which on [Matrix.MulT] gives each row the same result, bit for
// bit, however many there are. Matrices of [NewMatrix] do so from the first row on: where activations are rounded, a
// difference in the last place would grow to one of the rounding. Large ones of [NewF32], whose rows stay where they are,
// may sum products of fewer rows in another order, among themselves in the same one.
const SteadyRows = 7

// Steady reports whether w.MulT of that many rows gives each the result that it has among any number of others.
func Steady(w Matrix, rows int) bool {
	m, inPlace := w.(*F32Matrix)
	return rows >= SteadyRows || !inPlace || m.operand.small || active.product == nil
}
