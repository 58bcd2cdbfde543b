package kernel

import "unsafe"

// operand is a weight matrix as the products of a tier see it: rows of packed weights in memory.
type operand struct {
	format  Format
	data    unsafe.Pointer // of row 0
	stride  int            // bytes from row to row
	out, in int

	// Of integer codes.
	group  int       // weights that share a scale
	groups int       // scales a row
	scales []float32 // [out, groups]
}

// row returns the address of row o.
func (w *operand) row(o int) *byte { return (*byte)(unsafe.Add(w.data, o*w.stride)) }

// slack is the number of bytes that must be readable behind the last row of integer codes: products read whole
// vectors, and multiply what lies beyond a row by zero.
const slack = 64
