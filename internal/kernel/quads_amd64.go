package kernel

import "unsafe"

// packQuadScales arranges the scales and corrections of activation panel p as the micro-kernels read them: one vector
// over the rows per group.
func (t *product) packQuadScales(p int) {
	g, groups, lanes, digits := &t.tiles, t.w.groups, t.shape.lanes, t.w.digits()
	first, end := t.firstRow(p), t.firstRow(p+1)
	for k := range groups {
		at := (p*groups + k) * lanes
		for r := first; r < end; r++ {
			g.sx[at+r-first] = t.sx[r*groups+k]
		}
		for line := first * digits; line < end*digits; line++ {
			g.fix[at+line-first*digits] = t.fix[line*groups+k]
		}
	}
}

// quadTile runs the micro-kernel for integer products, which adds to its outputs.
func (t *product) quadTile(p, j, k0, kc int, a, b *uint32, c *float32, ldc int) {
	g, w, cols, lanes := &t.tiles, &t.w, t.shape.cols(), t.shape.lanes
	rows := t.firstRow(p+1) - t.firstRow(p)
	if k0 == 0 {
		for r := range rows {
			clear(unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(c), 4*r*ldc)), cols))
		}
	}
	first := 4 * k0 / w.group
	at := (p*w.groups + first) * lanes
	kernels := t.shape.quads
	if w.digits() > 1 {
		kernels = t.shape.fixedQuads
	}
	kernels[rows](4*kc/w.group, w.group/4, a, b, c, ldc, &g.fix[at], &g.sx[at], &w.scales[(j*w.groups+first)*cols])
}
