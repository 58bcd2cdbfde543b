package kernel

import "unsafe"

// turn is tier.turn, in squares of registers.
func (s *tileShape) turn(dst, src []float32, rows, cols, lo, hi int) {
	whole, right := rows/s.lanes*s.lanes, lo+(hi-lo)/s.lanes*s.lanes
	for r := 0; r < whole; r += s.lanes {
		for c := lo; c < right; c += s.lanes {
			s.transpose((*uint32)(unsafe.Pointer(&dst[c*rows+r])), 4*rows, byteAt(src, r*cols+c), 4*cols, 0)
		}
	}
	turnBlock(dst, src, 0, whole, rows, cols, right, hi)
	turnBlock(dst, src, whole, rows, rows, cols, lo, hi)
}
