package kernel

import "unsafe"

// An AMX product multiplies units of 32 rows of activations by panels of 32 outputs. Panels already have the layout of
// tiles: one line per input dword, with all outputs. Up to 16 rows are read in place, panel after panel. More rows are
// copied into tile layout once per product, and all of them pass a block of a panel while it is in the first-level
// cache.

const (
	// amxBlock is the number of dwords along the input per block: 32 KiB of weights.
	amxBlock = 16 * amxRows
	// amxFewSteps bounds the time of one call that streams weights from memory: 512 KiB of them.
	amxFewSteps = 256
	// amxSweep is the number of rows that pass a block in one call: their integer sums take 128 KiB.
	amxSweep = 1024
)

// tileKernel multiplies units by panels; see gen/amx.go.
type tileKernel func(config *byte, units, steps int, x *byte, ldx, stepX, nextX int,
	w *byte, stepW, nextW int, c *byte, ldc, nextC int, first bool)

// amxTiles is the extra state of an AMX product.
type amxTiles struct {
	whole, rest           tileKernel // for units of 32 rows, and for the remaining rows
	wholeTiles, restTiles tileConfig
	step                  int // dwords per step
	group                 int // dwords summed before scaling; in bf16 all of them
}

// onAMX reports whether the product runs on AMX.
func (t *product) onAMX() bool {
	return t.shape.amx && (t.pairs() || t.w.storage.integer() && t.w.digits() == 1 && t.rows > t.shape.most(&t.w))
}

// multiplyAMX computes the product on AMX.
func (t *product) multiplyAMX(pool *Pool) {
	t.planActivations()
	t.planAMX()
	panels := t.w.panels(t.shape.cols())
	if t.pairs() && t.rows <= amxRows {
		t.activations(0, t.rows)
		t.run(pool, panels, (*product).amxFew)
		return
	}
	t.tiles.a = grow(t.tiles.a, roundUp(t.rows, unitRows)*t.stride/4)
	t.run(pool, ceilDiv(t.rows, unitRows), (*product).placeUnits)
	t.run(pool, panels, (*product).amxPanels)
}

// planAMX chooses the sizes. Results do not depend on the block.
func (t *product) planAMX() {
	g, w := &t.amx, &t.w
	g.whole, g.rest, g.step, g.group = amxBF16x2, amxBF16x1, amxRows, w.dwords()
	if w.storage.integer() {
		g.whole, g.rest, g.step, g.group = amxInt8x2, amxInt8x1, min(amxRows, w.group/4), w.group/4
	}
	left := t.rows % unitRows
	if left > amxRows {
		g.rest = g.whole
	}
	g.wholeTiles = tileShapes(amxRows, amxRows, g.step)
	g.restTiles = tileShapes(min(left, amxRows), max(0, left-amxRows), g.step)
	t.tiles.dwords = w.dwords()
	t.tiles.block = roundUp(ceilDiv(g.group, ceilDiv(g.group, amxBlock)), g.step)
}

// placeUnits converts units [lo, hi) of the activations and copies them into tile layout.
func (t *product) placeUnits(lo, hi int) {
	for u := lo; u < hi; u++ {
		r, end := u*unitRows, min(t.rows, (u+1)*unitRows)
		t.activations(r, end)
		amxCopyLines(end-r, t.stride/amxLine, t.unit(r, 0), (*byte)(unsafe.Add(unsafe.Pointer(t.src), r*t.stride)), t.stride)
	}
}

// unit returns the address of byte b of the first row of the unit that starts at row r.
func (t *product) unit(r, b int) *byte {
	return (*byte)(unsafe.Add(unsafe.Pointer(&t.tiles.a[0]), r*t.stride+b/amxLine*unitLine+b%amxLine))
}

// amxFew multiplies up to 16 bf16 rows by panels [lo, hi), several per call.
func (t *product) amxFew(lo, hi int) {
	cols, out := t.shape.cols(), t.w.out
	full, batch := min(hi, out/cols), max(1, amxFewSteps*amxRows/t.tiles.dwords)
	for j := lo; j < full; j += batch {
		t.fewTiles(min(batch, full-j), j, &t.y[j*cols], out)
	}
	if full < hi {
		s := tileScratches.Get().(*tileScratch)
		s.edge = grow(s.edge, t.rows*cols)
		t.fewTiles(1, full, &s.edge[0], cols)
		t.copyEdge(s, full)
		tileScratches.Put(s)
	}
}

// fewTiles multiplies by some panels starting at j; rows of y are ldy elements apart.
func (t *product) fewTiles(panels, j int, y *float32, ldy int) {
	steps := t.tiles.dwords / amxRows
	for k := 0; k < steps; k += amxFewSteps {
		x, w := unsafe.Add(unsafe.Pointer(t.src), k*amxLine), unsafe.Add(unsafe.Pointer(t.w.panel(j)), k*amxRows*panelStep)
		t.amx.rest(&t.amx.restTiles[0], panels, min(amxFewSteps, steps-k), (*byte)(x), t.stride, amxLine, 0,
			(*byte)(w), amxRows*panelStep, t.w.stride, (*byte)(unsafe.Pointer(y)), 4*ldy, panelStep, k == 0)
	}
}

// amxPanels computes panels [lo, hi).
func (t *product) amxPanels(lo, hi int) {
	cols, out := t.shape.cols(), t.w.out
	s := tileScratches.Get().(*tileScratch)
	for j := lo; j < hi; j++ {
		if (j+1)*cols <= out {
			t.sweeps(s, j, t.y[j*cols:], out)
			continue
		}
		s.edge = grow(s.edge, t.rows*cols)
		t.sweeps(s, j, s.edge, cols)
		t.copyEdge(s, j)
	}
	tileScratches.Put(s)
}

// sweeps multiplies all rows by panel j; rows of y are ldy elements apart.
func (t *product) sweeps(s *tileScratch, j int, y []float32, ldy int) {
	for r := 0; r < t.rows; r += amxSweep {
		t.sweep(s, j, r, min(amxSweep, t.rows-r), &y[r*ldy], ldy)
	}
}

// sweep multiplies rows rows starting at r by panel j. All units but the last are whole.
func (t *product) sweep(s *tileScratch, j, r, rows int, y *float32, ldy int) {
	g, w, cols := &t.amx, &t.w, t.shape.cols()
	c, ldc := (*byte)(unsafe.Pointer(y)), 4*ldy
	if w.storage.integer() {
		s.sums = grow(s.sums, rows*cols)
		c, ldc = byteAt(s.sums, 0), 4*cols
	}
	for k0 := 0; k0 < t.tiles.dwords; k0 += g.group {
		for k := k0; k < k0+g.group; k += t.tiles.block {
			kc := min(t.tiles.block, k0+g.group-k)
			t.multiplyUnits(r, rows, k, kc, t.panelB(s, j, 0, k, kc), c, ldc, k == k0)
		}
		if w.storage.integer() {
			at := r*w.groups + k0/g.group
			amxScale(rows, &s.sums[0], &t.fix[at], &t.sx[at], 4*w.groups,
				&w.scales[(j*w.groups+k0/g.group)*cols], y, 4*ldy, k0 == 0)
		}
	}
}

// multiplyUnits adds the products of dwords [k, k+kc) to the sums c, or initialises c with them.
func (t *product) multiplyUnits(r, rows, k, kc int, b *uint32, c *byte, ldc int, first bool) {
	g, w := &t.amx, (*byte)(unsafe.Pointer(b))
	steps, stepW, nextX := kc/g.step, g.step*panelStep, unitRows*t.stride
	units := rows / unitRows
	if units > 0 {
		g.whole(&g.wholeTiles[0], units, steps, t.unit(r, 4*k), amxLine, unitLine, nextX, w, stepW, 0, c, ldc, unitRows*ldc, first)
	}
	if done := units * unitRows; done < rows {
		rest := (*byte)(unsafe.Add(unsafe.Pointer(c), done*ldc))
		g.rest(&g.restTiles[0], 1, steps, t.unit(r+done, 4*k), amxLine, unitLine, 0, w, stepW, 0, rest, ldc, 0, first)
	}
}
