package kernel

import "unsafe"

// packQuadScales lays the scales and corrections of the activations out as the micro-kernels read them: for every
// panel and group, a vector over the rows. Where one scale holds for a whole row, a group is a block.
func (t *product) packQuadScales() {
	g, w, lanes := &t.tiles, &t.w, t.shape.lanes
	g.group = w.group / 4
	if w.groups == 1 {
		g.group = min(blockDwords, g.dwords)
	}
	g.groups = (g.dwords + g.group - 1) / g.group
	g.sx, g.fix = grow(g.sx, g.panels*g.groups*lanes), grow(g.fix, g.panels*g.groups*lanes)
	for p := range g.panels {
		for r := t.firstRow(p); r < t.firstRow(p+1); r++ {
			for k := range g.groups {
				i := (p*g.groups+k)*lanes + r - t.firstRow(p)
				g.sx[i] = t.xscales[r*w.groups+min(k, w.groups-1)]
				g.fix[i] = t.quadFix(r, k)
			}
		}
	}
}

// quadFix undoes the offset of the weights for row r and group k.
func (t *product) quadFix(r, k int) int32 {
	g := &t.tiles
	if g.groups == t.w.groups {
		return t.fix[r*t.w.groups+k]
	}
	offset := int32(128)
	if t.w.format.Kind == KindInt4 {
		offset = 8
	}
	row := t.bytes[r*g.stride:][:g.stride]
	var sum int32
	for _, q := range row[4*k*g.group : min(len(row), 4*(k+1)*g.group)] {
		sum += int32(q)
	}
	return -offset * sum
}

// packScales lays the scales of weight panels [lo, hi) out for the groups of a block: a tile's width per group.
func (t *product) packScales(s *tileScratch, lo, hi, k0, kc int) {
	g, w, cols := &t.tiles, &t.w, t.shape.cols()
	first, n := k0/g.group, (kc+g.group-1)/g.group
	s.sw = grow(s.sw, (hi-lo)*n*cols)
	for j := lo; j < hi; j++ {
		for c := range cols {
			o := j*cols + c
			for k := range n {
				var scale float32
				if o < w.out {
					scale = w.scales[o*w.groups+min(first+k, w.groups-1)]
				}
				s.sw[((j-lo)*n+k)*cols+c] = scale
			}
		}
	}
}

// quadTile runs the micro-kernel of integer products, which adds to its outputs.
func (t *product) quadTile(s *tileScratch, p, panel, k0, kc int, a, b *uint32, c *float32, ldc int) {
	g, cols, lanes := &t.tiles, t.shape.cols(), t.shape.lanes
	rows := t.firstRow(p+1) - t.firstRow(p)
	if k0 == 0 {
		for r := range rows {
			clear(unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(c), 4*r*ldc)), cols))
		}
	}
	n := (kc + g.group - 1) / g.group
	at := (p*g.groups + k0/g.group) * lanes
	t.shape.quads[rows](n, min(kc, g.group), a, b, c, ldc, &g.fix[at], &g.sx[at], &s.sw[panel*n*cols])
}
