package kernel

import "unsafe"

// placeUnits makes room for the activations, turned. A single row lies as it must already.
func (t *product) placeUnits() {
	g := &t.amx
	if t.w.format.A8 {
		g.padded = g.units*unitRows + tileRows
		g.sx = grow(g.sx, t.w.groups*g.padded)
	}
	if t.rows == 1 {
		g.x = byteAt(t.bytes, 0)
		return
	}
	// The half unit's lines are narrower than what is stored at a time.
	g.turned = grow(g.turned, g.units*g.unitBytes()+g.steps*tileRows*4*g.columns+lineBytes)
	g.x = &g.turned[0]
}

// turnUnits rounds the activations of units [lo, hi) and turns them: line k of a tile holds dword k of its rows.
func (t *product) turnUnits(lo, hi int) {
	g := &t.amx
	for u := lo; u < hi; u++ {
		first, rows := u*unitRows, min(unitRows, t.rows-u*unitRows)
		if t.w.format.A8 {
			t.layScales(first, rows)
		} else {
			t.narrowRows(first, rows)
		}
		tiles, line := 2, lineBytes
		if u == g.units {
			tiles, line = 1, 4*g.columns
		}
		if t.rows > 1 {
			t.turnUnit(u, tiles, line)
		}
	}
}

// turnUnit turns one unit. Rows beyond the last hold anything: nothing is read of what they give. Lines may be narrower
// than what is stored at a time; the next one overwrites what is too much.
func (t *product) turnUnit(u, tiles, line int) {
	g := &t.amx
	src := unsafe.Pointer(unsafe.SliceData(t.bytes))
	dst := unsafe.Add(unsafe.Pointer(g.x), u*g.unitBytes())
	for k := range g.steps {
		for i := range tiles {
			row := unsafe.Add(src, (u*unitRows+i*tileRows)*g.stride+k*lineBytes)
			transpose16((*uint32)(unsafe.Add(dst, (k*tiles+i)*tileRows*line)), line, (*byte)(row), g.stride, 0)
		}
	}
}

// narrowRows rounds rows of activations to bf16 and fills up their last line with zeros.
func (t *product) narrowRows(first, rows int) {
	in, pairs := t.w.in, t.amx.stride/2
	for r := first; r < first+rows; r++ {
		line := unsafe.Slice((*uint16)(unsafe.Pointer(&t.bytes[r*t.amx.stride])), pairs)
		narrowRow(line[:in], t.in[r*in:(r+1)*in])
		clear(line[in:])
	}
}

// layScales lays the scales of rows of activations side by side for each group.
func (t *product) layScales(first, rows int) {
	g, groups := &t.amx, t.w.groups
	for r := first; r < first+rows; r++ {
		for i, scale := range t.xscales[r*groups : (r+1)*groups] {
			g.sx[i*g.padded+r] = scale
		}
	}
}

// left returns where steps [k, k+kc) of the weights of 32 outputs from o on lie, the distance of their rows and that of
// the steps: in the matrix itself, or copied tile by tile. Outputs that do not exist hold anything.
func (t *product) left(s *amxScratch, o, k, kc int) (w *byte, ld, next int) {
	m, g := &t.w, &t.amx
	if g.direct && o+panelOuts <= m.out {
		return (*byte)(unsafe.Add(m.data, o*m.stride+k*lineBytes)), m.stride, lineBytes
	}
	s.w = grow(s.w, kc*2*tileBytes)
	rows := min(panelOuts, m.out-o)
	if m.format.Kind == KindInt4 {
		t.unpackLines(s, o, rows, k, kc)
		return &s.w[0], lineBytes, 2 * tileBytes
	}
	full := max(0, min(kc, g.valid/lineBytes-k))
	if full > 0 {
		tileLines(&s.w[0], (*byte)(unsafe.Add(m.data, o*m.stride+k*lineBytes)), m.stride, rows, full, 0)
	}
	for i := full; i < kc; i++ {
		for r := range rows {
			t.copyLine(s.w[(i*panelOuts+r)*lineBytes:][:lineBytes], o+r, (k+i)*lineBytes)
		}
	}
	return &s.w[0], lineBytes, 2 * tileBytes
}

// copyLine copies what row o has from byte from on, and zeros.
func (t *product) copyLine(dst []byte, o, from int) {
	n := max(0, min(len(dst), t.amx.valid-from))
	copy(dst, unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(t.w.row(o)), from)), n))
	clear(dst[n:])
}

// unpackLines is the same for int4, whose codes are 8 more than the weights. What lies beyond a row is multiplied by
// zeros.
func (t *product) unpackLines(s *amxScratch, o, rows, k, kc int) {
	bytes := kc * lineBytes
	n := max(0, min(bytes, t.w.in-k*lineBytes))
	s.raw = grow(s.raw, panelOuts*bytes)
	for r := range rows {
		codes := unsafe.Add(t.w.data, (o+r)*t.w.stride+k*lineBytes/2)
		unpackNibbles(s.raw[r*bytes:][:roundUp(n, 32)], (*byte)(codes))
	}
	tileLines(&s.w[0], &s.raw[0], bytes, rows, kc, 0x08080808)
}
