package kernel

import (
	"sync"
	"unsafe"
)

// A product on AMX computes y transposed, w·xᵀ: the weights are the left factor, whose tiles are read as they lie in
// memory, 16 outputs by 64 bytes of the input. The activations are turned once per product, by units of 32 rows; up to
// 16 rows at the end make half a unit.
//
// Few rows read the weights straight from the matrix. For many, a thread copies the weights of 32 outputs, block by
// block of the input, so that they lie in the first-level cache while all units pass by.

const (
	// blockSteps is the number of lines along the input that are multiplied at a time: 32 KiB of copied weights.
	blockSteps = 16
	// directSteps is the same for weights that are read in place, and bounds the time of one call.
	directSteps = 256
	// sweepUnits is the number of units whose sums are open at the same time, 128 KiB of them.
	sweepUnits = 32
)

// tileFunc multiplies units of one shape, see gen/amx.go.
type tileFunc func(config *byte, units, steps int, w *byte, ldw, nextW int, x *byte, ldx, nextX int, c *byte, first bool)

// amxTiles is what a product on AMX needs besides.
type amxTiles struct {
	whole, half tileFunc // of a unit of 32 rows, and of at most 16
	units       int      // whole ones
	columns     int      // rows of the half unit, 0 if there is none

	stride int  // bytes of a row of activations, whole lines
	steps  int  // lines of a row
	valid  int  // bytes of a row of weights as they are multiplied
	group  int  // steps whose sums are added up before they are scaled, all of them in bf16
	block  int  // steps that are multiplied at a time; no result depends on it
	direct bool // weights are read in place

	x      *byte // units, turned
	turned []byte
	padded int       // rows of sx
	sx     []float32 // [groups, padded] of integer activations
}

// multiplyAMX computes the product on tiles.
func (t *product) multiplyAMX(pool *Pool, x []float32) {
	t.planAMX()
	g := &t.amx
	t.in = x
	t.bytes = grow(t.bytes, roundUp(t.rows, tileRows)*g.stride)
	if t.w.format.A8 {
		t.quantiseX(x, false)
	}
	t.placeUnits()
	t.run(pool, ceilDiv(t.rows, unitRows), (*product).turnUnits)
	t.run(pool, ceilDiv(t.w.out, panelOuts), (*product).amxPanels)
	t.in, g.x = nil, nil
}

// planAMX chooses the kernels and sizes.
func (t *product) planAMX() {
	g, w := &t.amx, &t.w
	*g = amxTiles{turned: g.turned, sx: g.sx, whole: amxBF16x2, half: amxBF16x1, valid: 2 * w.in}
	g.stride = roundUp(g.valid, lineBytes)
	if w.format.A8 {
		g.whole, g.half, g.valid, g.stride = amxInt8x2, amxInt8x1, w.in, t.xStride(lineBytes)
	}
	g.units, g.columns = t.rows/unitRows, t.rows%unitRows
	if g.columns > tileRows {
		g.units, g.columns = g.units+1, 0
	}
	g.steps = g.stride / lineBytes
	g.group = g.steps / max(1, w.groups)
	g.direct = g.units == 0 && w.format.Kind != KindInt4 && g.valid == g.stride
	g.block = g.blockOf(g.group)
}

// blockOf cuts a group into even blocks.
func (g *amxTiles) blockOf(group int) int {
	most := blockSteps
	if g.direct {
		most = directSteps
	}
	return ceilDiv(group, ceilDiv(group, most))
}

// unitBytes is the size of a whole unit, turned.
func (g *amxTiles) unitBytes() int { return g.steps * 2 * tileBytes }

// amxScratch is a thread's share of a product on AMX.
type amxScratch struct {
	w    []byte    // two tiles a step
	raw  []byte    // rows of int4 as bytes
	sums []float32 // [units, 2, 1 or 2] tiles: float32, or int32 of a group
	y    []float32 // the same scaled
	sw   [panelOuts]float32
	turn [tileBytes / 4]float32
}

var amxScratches = sync.Pool{New: func() any { return new(amxScratch) }}

// amxPanels computes the outputs of panels [lo, hi).
func (t *product) amxPanels(lo, hi int) {
	g := &t.amx
	s := amxScratches.Get().(*amxScratch)
	for ; lo < hi; lo++ {
		for u := 0; u < g.allUnits(); u += sweepUnits {
			t.sweep(s, lo*panelOuts, u, min(g.allUnits(), u+sweepUnits))
		}
	}
	amxScratches.Put(s)
}

// allUnits counts the half one too.
func (g *amxTiles) allUnits() int { return g.units + min(1, g.columns) }

// sweep computes 32 outputs from o on for units [u0, u1).
func (t *product) sweep(s *amxScratch, o, u0, u1 int) {
	g := &t.amx
	s.sums = grow(s.sums, (u1-u0)*4*tileBytes/4)
	result := s.sums
	if t.w.format.A8 {
		s.y = grow(s.y, len(s.sums))
		result = s.y
	}
	for k0 := 0; k0 < g.steps; k0 += g.group {
		for k := k0; k < k0+g.group; k += g.block {
			t.multiplyUnits(s, o, u0, u1, k, min(g.block, k0+g.group-k), k == k0)
		}
		if t.w.format.A8 {
			t.scaleUnits(s, o, u0, u1, k0/g.group)
		}
	}
	for u := u0; u < u1; u++ {
		t.deliver(s, result[(u-u0)*4*tileBytes/4:], o, u)
	}
}

// multiplyUnits adds steps [k, k+kc) to the sums, or starts them.
func (t *product) multiplyUnits(s *amxScratch, o, u0, u1, k, kc int, first bool) {
	g := &t.amx
	w, ldw, nextW := t.left(s, o, k, kc)
	at := func(offset int) *byte { return (*byte)(unsafe.Add(unsafe.Pointer(g.x), offset)) }
	if n := min(u1, g.units) - u0; n > 0 {
		g.whole(&tileConfigs[tileRows][0], n, kc, w, ldw, nextW,
			at(u0*g.unitBytes()+k*2*tileBytes), lineBytes, g.unitBytes(), byteAt(s.sums, 0), first)
	}
	if u1 > g.units {
		line := 4 * g.columns
		g.half(&tileConfigs[g.columns][0], 1, kc, w, ldw, nextW,
			at(g.units*g.unitBytes()+k*tileRows*line), line, 0, byteAt(s.sums, (g.units-u0)*tileBytes), first)
	}
}

// scaleUnits scales the sums of a group and adds them to the outputs.
func (t *product) scaleUnits(s *amxScratch, o, u0, u1, group int) {
	g, w := &t.amx, &t.w
	for i := range min(panelOuts, w.out-o) {
		s.sw[i] = w.scales[(o+i)*w.groups+group]
	}
	at := func(u int) (y *float32, c *int32, sx *float32) {
		i := (u - u0) * tileBytes
		return &s.y[i], (*int32)(unsafe.Pointer(&s.sums[i])), &g.sx[group*g.padded+u*unitRows]
	}
	if n := min(u1, g.units) - u0; n > 0 {
		y, c, sx := at(u0)
		amxScalex2(n, y, c, &s.sw[0], sx, group == 0)
	}
	if u1 > g.units {
		y, c, sx := at(g.units)
		amxScalex1(1, y, c, &s.sw[0], sx, group == 0)
	}
}

// deliver turns the tiles of unit u back and stores the outputs that y has.
func (t *product) deliver(s *amxScratch, tiles []float32, o, u int) {
	columns := 2
	if u == t.amx.units {
		columns = 1
	}
	for i := range 2 * columns {
		t.deliverTile(s, &tiles[i*tileBytes/4], o+i/columns*tileRows, u*unitRows+i%columns*tileRows)
	}
}

// deliverTile stores the outputs from o on of the rows from r on.
func (t *product) deliverTile(s *amxScratch, tile *float32, o, r int) {
	out := t.w.out
	src := (*byte)(unsafe.Pointer(tile))
	outs, rows := min(tileRows, max(0, out-o)), min(tileRows, t.rows-r)
	if outs == tileRows && rows == tileRows {
		transpose16((*uint32)(unsafe.Pointer(&t.y[r*out+o])), 4*out, src, lineBytes, 0)
		return
	}
	transpose16((*uint32)(unsafe.Pointer(&s.turn[0])), lineBytes, src, lineBytes, 0)
	for i := range rows {
		copy(t.y[(r+i)*out+min(o, out):][:outs], s.turn[i*tileRows:])
	}
}
