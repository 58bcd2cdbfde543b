package kernel

// SteadyRows is the number of rows of activations from which on [Matrix.MulT] gives each row the same result, bit for
// bit, however many there are. Products of fewer rows may sum in another order, among themselves in the same one.
const SteadyRows = 7
