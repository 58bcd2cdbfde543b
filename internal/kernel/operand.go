package kernel

import "unsafe"

// operand is a weight matrix as a tier's products see it: float32 rows, or panels of outputs.
type operand struct {
	format  Format
	storage storage
	data    unsafe.Pointer // row or panel 0
	stride  int            // bytes between rows or panels
	out, in int
	padded  int  // inputs per panel, including zero padding
	small   bool // rows of a small matrix or of its part

	// For integer codes.
	group   int       // inputs summed before scaling
	groups  int       // per panel
	scales  []float32 // [panels, groups, outputs of a panel]
	quantum int       // inputs that share an activation scale
}

// smallMatrix is the largest number of float32 weights for which few-row products also sum in the order of the tiles.
// Transposing so few costs little, and they include the gates and steps of recurrences, which amplify differences in
// the last place.
const smallMatrix = 1 << 17

// storage is how a panel stores the weights of one step along the input, for all its outputs side by side.
type storage int

const (
	storeRows        storage = iota // no panels: row-major float32 in the caller's memory
	storeFloats                     // one float32
	storePairs                      // two bf16
	storeBytes                      // one int8
	storeNibbles                    // two 4-bit codes per byte, the low nibble first
	storeQuads                      // four int8, biased by 128
	storeNibbleQuads                // eight int4, biased by 8, in four bytes: the first four in the low nibbles
	storages
)

// Inputs per step of each storage, and bytes per step and output.
var (
	storageStep = [storages]int{1, 1, 2, 1, 2, 4, 8}
	storageSize = [storages]int{4, 4, 4, 1, 1, 4, 4}
)

// storageOf returns the panel storage of a format. If integers is set, codes are multiplied as integers.
func storageOf(f Format, integers bool) storage {
	switch {
	case integers && f.Kind == KindInt8:
		return storeQuads
	case integers && f.Kind == KindInt4:
		return storeNibbleQuads
	case f.Kind == KindInt8:
		return storeBytes
	case f.Quantised():
		return storeNibbles
	case f.Kind == KindBF16:
		return storePairs
	}
	return storeFloats
}

// integer reports whether the storage is multiplied by int8 activations or by digits of activations.
func (s storage) integer() bool { return s >= storeQuads }

// row returns the address of float32 row o.
func (w *operand) row(o int) *byte { return (*byte)(unsafe.Add(w.data, o*w.stride)) }

// panel returns the address of panel j.
func (w *operand) panel(j int) *byte { return (*byte)(unsafe.Add(w.data, j*w.stride)) }

// panels is the number of panels of cols outputs.
func (w *operand) panels(cols int) int { return ceilDiv(w.out, cols) }

// perDword is the number of inputs per dword of integer or bf16 activations, whose products are summed together.
func (w *operand) perDword() int {
	switch {
	case w.storage.integer():
		return 4
	case w.storage == storePairs:
		return 2
	}
	return 1
}

// dwords is the length of a padded row in dwords.
func (w *operand) dwords() int { return w.padded / w.perDword() }

// roundUp returns the smallest multiple of m that is at least n.
func roundUp(n, m int) int { return ceilDiv(n, m) * m }
