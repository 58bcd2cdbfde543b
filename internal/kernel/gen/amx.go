package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// amx builds the products of AMX tiles and what goes with them. A tile is 16 rows of 64 bytes. The left factor are the
// weights of 32 outputs, as they lie in memory; the right one activations, turned so that a tile's row holds one dword
// along the input (a pair of bf16, four int8) of up to 16 of them. The sums are [32 outputs, activations].
func amx() {
	for columns := 1; columns <= 2; columns++ {
		tiles("amxBF16", tdpbf16ps, columns)
		tiles("amxInt8", tdpbssd, columns)
	}
	scaleTiles(1)
	scaleTiles(2)
	tileLines()
	tilePeak("amxPeakBF16", tdpbf16ps)
	tilePeak("amxPeakInt8", tdpbssd)
}

const (
	tileBytes = 1024
	lineBytes = 64 // a row of a tile
)

// The tiles: four sums, two of weights, two of activations.
const (
	weightTile     = 4
	activationTile = 6
)

// tiles is c[32, 16·columns] (+)= w[32, k]·x[k, 16·columns] for units blocks of x, one after the other. A step takes in
// 64 bytes of every row: it reads w's two tiles at rows ldw apart and goes on by nextW bytes, and x's, which lie one
// after the other with rows of ldx bytes. Blocks of x are nextX bytes apart; those of c follow each other, tile by tile.
// The tiles are configured and released within the call, since a goroutine may change its thread between calls.
func tiles(name string, dot tileDot, columns int) {
	text(name+"x"+itoa(columns), "func(config *byte, units, steps int, w *byte, ldw, nextW int, x *byte, ldx, nextX int, c *byte, first bool)")
	t := &tileKernel{dot: dot, columns: columns, units: arg("units"), x: arg("x"), nextW: arg("nextW")}
	Load(Param("config"), tileConfig.GPPhysical)
	ldtilecfg(tileConfig)
	Load(Param("ldw"), leftPitch.GPPhysical)
	Load(Param("ldx"), rightPitch.GPPhysical)
	Load(Param("c"), tileSums.GPPhysical)
	MOVQ(U32(lineBytes), tilePitch.GPPhysical)
	if columns == 1 {
		t.thrice = GP64()
		LEAQ(Mem{Base: leftPitch.GPPhysical, Index: leftPitch.GPPhysical, Scale: 2}, t.thrice)
	}
	Label("unit")
	t.open()
	t.steps()
	t.each(func(tile, disp int) { tilestore(tile, tileSums, disp, tilePitch) })
	ADDQ(U32(2*columns*tileBytes), tileSums.GPPhysical)
	nextX := arg("nextX")
	ADDQ(nextX, t.x)
	DECQ(t.units)
	JNE(LabelRef("unit"))
	tilerelease()
	RET()
}

// tileKernel is such a product on its way.
type tileKernel struct {
	dot     tileDot
	columns int
	units   reg.GPVirtual
	x       reg.GPVirtual // of the unit
	nextW   reg.GPVirtual
	thrice  reg.GPVirtual // 3·ldw
}

// each visits the sums and where they are stored.
func (t *tileKernel) each(visit func(tile, disp int)) {
	for tile := range 2 * t.columns {
		visit(tile, tile*tileBytes)
	}
}

// open starts the sums from zero, or from c unless this is the first block of k.
func (t *tileKernel) open() {
	first := GP8()
	Load(Param("first"), first)
	t.each(func(tile, _ int) { tilezero(tile) })
	TESTB(first, first)
	JNE(LabelRef("opened"))
	t.each(func(tile, disp int) { tileload(tile, tileSums, disp, tilePitch) })
	Label("opened")
}

// steps runs along k.
func (t *tileKernel) steps() {
	count, advance := arg("steps"), GP64()
	Load(Param("w"), left.GPPhysical)
	MOVQ(leftPitch.GPPhysical, lower.GPPhysical)
	SHLQ(Imm(4), lower.GPPhysical)
	ADDQ(left.GPPhysical, lower.GPPhysical)
	MOVQ(rightPitch.GPPhysical, advance)
	shift := uint64(4)
	if t.columns == 2 {
		shift = 5
	}
	SHLQ(Imm(shift), advance)
	MOVQ(t.x, right.GPPhysical)
	Label("step")
	t.step()
	ADDQ(t.nextW, left.GPPhysical)
	ADDQ(t.nextW, lower.GPPhysical)
	ADDQ(advance, right.GPPhysical)
	DECQ(count)
	JNE(LabelRef("step"))
}

// step multiplies two tiles of weights with the columns.
func (t *tileKernel) step() {
	tileload(weightTile, left, 0, leftPitch)
	for column := range t.columns {
		tileload(activationTile+column, right, column*tileBytes, rightPitch)
		t.dot(column, weightTile, activationTile+column)
	}
	tileload(weightTile+1, lower, 0, leftPitch)
	for column := range t.columns {
		t.dot(t.columns+column, weightTile+1, activationTile+column)
	}
	if t.columns == 1 {
		t.prefetch()
	}
}

// prefetch asks for the lines that the next 32 rows have in this place. With one column, reading weights is what takes
// the time: they lie in the matrix, and the next call reads those rows.
func (t *tileKernel) prefetch() {
	row, ld := GP64(), leftPitch.GPPhysical
	MOVQ(ld, row)
	SHLQ(Imm(4), row)
	ADDQ(lower.GPPhysical, row)
	for i := range 8 {
		PREFETCHT0(Mem{Base: row})
		PREFETCHT0(Mem{Base: row, Index: ld, Scale: 1})
		PREFETCHT0(Mem{Base: row, Index: ld, Scale: 2})
		PREFETCHT0(Mem{Base: row, Index: t.thrice, Scale: 1})
		if i < 7 {
			LEAQ(Mem{Base: row, Index: ld, Scale: 4}, row)
		}
	}
}

// scaleTiles is y[32, 16·columns] (+)= float(c)·(sw[32]·sx[16·columns]) for units blocks of sums, each with its own sx,
// one chain of fused multiply-adds from zero per output as in groupsA8: a token's result is the same by itself and
// among many. Both y and c are tiles in order.
func scaleTiles(columns int) {
	text("amxScalex"+itoa(columns), "func(units int, y *float32, c *int32, sw, sx *float32, first bool)")
	units, y, c, sx := arg("units"), arg("y"), arg("c"), arg("sx")
	first, keep := GP32(), K()
	Load(Param("first"), first.As8())
	MOVBLZX(first.As8(), first)
	DECL(first) // all ones, or zero for the first group
	KMOVW(first, keep)
	Label("unit")
	scales := make([]reg.VecVirtual, columns)
	for j := range scales {
		scales[j] = ZMM()
		VMOVUPS(at(sx, 64*j), scales[j])
	}
	ADDQ(U32(64*columns), sx)
	sw, half := arg("sw"), GP64()
	MOVQ(U32(2), half)
	Label("half")
	weight, sum, scale := ZMM(), ZMM(), ZMM()
	for row := range 16 {
		VBROADCASTSS(at(sw, 4*row), weight)
		for j := range columns {
			at := func(base reg.Register) Mem { return at(base, j*tileBytes+row*lineBytes) }
			VCVTDQ2PS(at(c), sum)
			VMULPS(scales[j], weight, scale)
			total := ZMM()
			VMOVUPS_Z(at(y), keep, total)
			VFMADD231PS(scale, sum, total)
			VMOVUPS(total, at(y))
		}
	}
	ADDQ(U32(64), sw)
	ADDQ(U32(columns*tileBytes), c)
	ADDQ(U32(columns*tileBytes), y)
	DECQ(half)
	JNE(LabelRef("half"))
	DECQ(units)
	JNE(LabelRef("unit"))
	VZEROUPPER()
	RET()
}

// tileLines is dst[step, row] = src[row, step] - offset for lines of 64 bytes of rows rows, at most 32: dst holds the
// tiles of one step after the other, and rows of src are lds bytes apart. The offset holds four equal bytes.
func tileLines() {
	text("tileLines", "func(dst, src *byte, lds, rows, steps int, offset uint32)")
	dst, src, lds, rows := arg("dst"), arg("src"), arg("lds"), arg("rows")
	offset, bits := ZMM(), GP32()
	Load(Param("offset"), bits)
	VPBROADCASTD(bits, offset)
	Label("row")
	to, from, count := GP64(), GP64(), arg("steps")
	MOVQ(dst, to)
	MOVQ(src, from)
	Label("step")
	line := ZMM()
	VMOVDQU32(at(from, 0), line)
	VPSUBB(offset, line, line)
	VMOVDQU32(line, at(to, 0))
	ADDQ(Imm(64), from)
	ADDQ(U32(2*tileBytes), to)
	DECQ(count)
	JNE(LabelRef("step"))
	ADDQ(Imm(64), dst)
	ADDQ(lds, src)
	DECQ(rows)
	JNE(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// tilePeak runs n rounds of four independent products of full tiles that hold zeros.
func tilePeak(name string, dot tileDot) {
	text(name, "func(n int, config *byte)")
	Load(Param("config"), tileConfig.GPPhysical)
	ldtilecfg(tileConfig) // which clears them
	n := arg("n")
	Label("loop")
	for tile := range 4 {
		dot(tile, weightTile+tile/2, activationTile+tile%2)
	}
	DECQ(n)
	JNE(LabelRef("loop"))
	tilerelease()
	RET()
}
