package kernel

import (
	"unsafe"

	"github.com/archbench/archbench/internal/half"
)

// maxIntegerGroup is the largest number of integer products summed before scaling. Longer groups are split, with the
// same scale. Both operands of a block of the tiles stay in the first-level cache.
const maxIntegerGroup = 4 * blockDwords

// packer packs rows, given in order, into panels.
type packer struct {
	operand
	shape *tileShape
	coder codeMatrix // quantises a row; has no memory of its own
	line  []float32
	codes []int8
	scale []float32
	rows  []uint32 // the current panel by rows, if it is transposed
	quads []uint32 // the same in quads, if these are merged
}

// newPacker returns a packer with memory for the whole matrix.
func newPacker(s *tileShape, f Format, out, in int) *packer {
	p := &packer{shape: s, operand: operand{format: f, storage: storageOf(f, s.quads != nil && hasVNNI), out: out, in: in}}
	p.coder = codeMatrix{format: f, out: out, in: in}
	p.coder.chooseGroups()
	p.planGroups()
	cols := s.cols()
	p.stride = p.padded / storageStep[p.storage] * storageSize[p.storage] * cols
	p.data = unsafe.Pointer(unsafe.SliceData(alignedBytes(p.stride * p.panels(cols))))
	p.scales = make([]float32, p.panels(cols)*p.groups*cols)
	p.line, p.codes, p.scale = make([]float32, in), make([]int8, in+1), make([]float32, p.coder.groups)
	if d := p.dwords(); storageSize[p.storage] == 4 {
		p.rows = make([]uint32, cols*d)
		if p.storage == storeNibbleQuads {
			p.quads = make([]uint32, cols*d)
		}
	}
	return p
}

// planGroups chooses the groups that are scaled together and pads the input to whole groups and vectors.
func (p *packer) planGroups() {
	p.padded = roundUp(p.in, p.shape.lanes*p.perDword())
	switch {
	case !p.format.Quantised():
		return
	case p.coder.groups > 1:
		p.group = p.coder.group
	case p.storage.integer():
		most := maxIntegerGroup
		if p.digits() > 1 {
			most = maxFixedGroup
		}
		p.group = roundUp(ceilDiv(p.padded, ceilDiv(p.padded, most)), p.shape.lanes*p.perDword())
	default:
		p.group = p.padded
	}
	p.padded = roundUp(p.padded, p.group)
	p.groups, p.quantum = p.padded/p.group, p.coder.group
}

// alignedBytes returns n zero bytes aligned to a cache line.
func alignedBytes(n int) []byte {
	const line = 64
	b := make([]byte, n+line-1)
	off := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (line - 1)
	return b[off:][:n]
}

// add packs row o. Rows must be added in order.
func (p *packer) add(o int, row func(o int, dst []float32)) {
	cols := p.shape.cols()
	if o%cols == 0 {
		clear(p.rows)
	}
	row(o, p.line)
	if p.format.Quantised() {
		p.quantise(o)
	}
	switch p.storage {
	case storeFloats, storePairs, storeQuads, storeNibbleQuads:
		p.store(unsafe.Slice((*byte)(unsafe.Pointer(&p.rows[o%cols*p.dwords()])), 4*p.dwords()))
	default:
		p.scatter(o)
	}
	if p.rows != nil && (o%cols == cols-1 || o == p.out-1) {
		p.transpose(o / cols)
	}
}

// quantise computes the codes of row o and stores its scales.
func (p *packer) quantise(o int) {
	cols := p.shape.cols()
	quantise := quantiseGroup
	if p.shape.lanes == 16 {
		quantise = quantiseFast
	}
	p.coder.encodeRow(p.codes, p.scale, p.line, quantise)
	scales := p.scales[o/cols*p.groups*cols+o%cols:]
	for g := range p.groups {
		scales[g*cols] = p.scale[min(g, p.coder.groups-1)]
	}
}

// store writes a row in the form that is transposed.
func (p *packer) store(dst []byte) {
	switch p.storage {
	case storeFloats:
		copy(unsafe.Slice((*float32)(unsafe.Pointer(&dst[0])), p.in), p.line)
	case storePairs:
		narrow := unsafe.Slice((*uint16)(unsafe.Pointer(&dst[0])), p.in)
		if p.shape.lanes == 16 {
			narrowRow(narrow, p.line)
			return
		}
		half.NarrowBF16(narrow, p.line)
	case storeQuads:
		copy(unsafe.Slice((*int8)(unsafe.Pointer(&dst[0])), p.in), p.codes)
	case storeNibbleQuads:
		for i, c := range p.codes[:p.in] {
			dst[i] = byte(c + 8)
		}
	}
}

// scatter writes the codes of row o directly into its panel.
func (p *packer) scatter(o int) {
	cols := p.shape.cols()
	panel := unsafe.Slice(p.panel(o/cols), p.stride)[o%cols:]
	if p.storage == storeBytes {
		for i, c := range p.codes[:p.in] {
			panel[i*cols] = byte(c)
		}
		return
	}
	offset := int8(8)
	if p.format.Kind == KindNF4 {
		offset = 0
	}
	for i := 0; i < p.in; i += 2 {
		low, high := p.codes[i]+offset, int8(0)
		if i+1 < p.in {
			high = p.codes[i+1] + offset
		}
		panel[i/2*cols] = byte(low) | byte(high)<<4
	}
}

// transpose transposes the rows of panel j into it.
func (p *packer) transpose(j int) {
	s, d := p.shape, p.dwords()
	dst, flip := unsafe.Slice((*uint32)(unsafe.Pointer(p.panel(j))), p.stride/4), uint32(0)
	switch p.storage {
	case storeQuads:
		flip = 0x80808080
	case storeNibbleQuads:
		dst = p.quads
	}
	for side := range 2 {
		for k := 0; k < d; k += s.lanes {
			src := unsafe.Pointer(&p.rows[side*s.lanes*d+k])
			s.transpose(&dst[k*s.cols()+side*s.lanes], 4*s.cols(), (*byte)(src), 4*d, flip)
		}
	}
	if p.storage == storeNibbleQuads {
		mergeNibbleQuads(unsafe.Slice((*uint32)(unsafe.Pointer(p.panel(j))), p.stride/4), p.quads, s.cols())
	}
}

// mergeNibbleQuads merges two steps of cols quads of 4-bit values into one.
func mergeNibbleQuads(dst, quads []uint32, cols int) {
	for lo := 0; lo < len(dst); lo += cols {
		low, high := quads[2*lo:][:cols], quads[2*lo+cols:][:cols]
		for i, v := range low {
			dst[lo+i] = v | high[i]<<4
		}
	}
}
