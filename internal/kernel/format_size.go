package kernel

// Bytes is the size of an [out, in] matrix in this format: weights, with byte-aligned rows, and float32 scales, with a
// shorter last group if in is not a multiple.
func (f Format) Bytes(out, in int) int64 {
	row, group := in, f.Group
	switch f.Kind {
	case KindF32:
		return 4 * int64(out) * int64(in)
	case KindBF16:
		return 2 * int64(out) * int64(in)
	case KindInt4, KindNF4:
		row = (in + 1) / 2
	}
	if group == 0 {
		group = max(1, in)
	}
	return int64(out) * int64(row+4*((in+group-1)/group))
}
