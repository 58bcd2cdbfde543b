package kernel

// SteadyRows is the number of rows of activations from which on [Matrix.MulT] gives each row the same result, bit for
// bit, however many there are. Where activations are rounded (bf16 and the a8 formats) that holds from the first row
// on, for a difference in the last place would grow to one of the rounding. In the other formats products of fewer rows
// may sum in another order, among themselves in the same one.
const SteadyRows = 7
