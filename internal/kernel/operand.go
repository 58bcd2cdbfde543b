package kernel

import "unsafe"

// operand is a weight matrix as the products of a tier see it: float32 rows, or panels of outputs.
type operand struct {
	format  Format
	storage storage
	data    unsafe.Pointer // of row or panel 0
	stride  int            // bytes from row to row or panel to panel
	out, in int
	padded  int  // inputs of a panel, those beyond in being zero
	small   bool // rows of a small matrix, or of a part of one

	// Of integer codes.
	group   int       // inputs that are summed before they are scaled
	groups  int       // of a panel
	scales  []float32 // [panels, groups, outputs of a panel]
	quantum int       // inputs that share a scale of the activations
}

// smallMatrix is the number of float32 weights up to which products of a few rows sum in the order of the tiles too.
// Transposing so few costs little, and gates and steps of recurrences, which amplify what differs in the last place, are
// among them.
const smallMatrix = 1 << 17

// storage is how a panel keeps the weights of a step along the input, for all its outputs side by side.
type storage int

const (
	storeRows        storage = iota // no panels: float32, row-major, in memory that the caller keeps
	storeFloats                     // one float32
	storePairs                      // two bf16
	storeBytes                      // one int8
	storeNibbles                    // two codes of 4 bits in a byte, the low nibble first
	storeQuads                      // four int8, with 128 added
	storeNibbleQuads                // eight int4, with 8 added, in four bytes: the first four in the low nibbles
	storages
)

// The inputs of a step of each storage, and its bytes for each output.
var (
	storageStep = [storages]int{1, 1, 2, 1, 2, 4, 8}
	storageSize = [storages]int{4, 4, 4, 1, 1, 4, 4}
)

// storageOf returns the storage of a format in panels; with integers, codes are multiplied as they are.
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

// integer reports whether the storage is multiplied with int8 activations, or with the digits of activations.
func (s storage) integer() bool { return s >= storeQuads }

// row returns the address of row o of float32.
func (w *operand) row(o int) *byte { return (*byte)(unsafe.Add(w.data, o*w.stride)) }

// panel returns the address of panel j.
func (w *operand) panel(j int) *byte { return (*byte)(unsafe.Add(w.data, j*w.stride)) }

// panels is the number of panels of cols outputs.
func (w *operand) panels(cols int) int { return ceilDiv(w.out, cols) }

// perDword is the number of inputs whose products with integer or bf16 activations are summed in a dword.
func (w *operand) perDword() int {
	switch {
	case w.storage.integer():
		return 4
	case w.storage == storePairs:
		return 2
	}
	return 1
}

// dwords is the length of a padded row in those.
func (w *operand) dwords() int { return w.padded / w.perDword() }

// roundUp returns the smallest multiple of m that is at least n.
func roundUp(n, m int) int { return ceilDiv(n, m) * m }
