package kernel

// SteadyRows is the number of activation rows from which [Matrix.MulT] gives each row bit-identical results regardless
// of the number of rows. Matrices made by [NewMatrix] do so from one row on, because rounded activations would amplify
// a difference in the last place to a whole rounding step. Large matrices made by [NewF32], whose rows stay in place,
// may sum products of fewer rows in another order, the same for all of them.
const SteadyRows = 7

// Steady reports whether w.MulT with that many rows gives each row the result it has among any larger number.
func Steady(w Matrix, rows int) bool {
	m, inPlace := w.(*F32Matrix)
	return rows >= SteadyRows || !inPlace || m.operand.small || active.product == nil
}
