package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// amx builds the products of AMX tiles and their helpers. A tile is up to 16 lines of up to 64 bytes. A tile of activations
// is 16 rows by 16 dwords along the input; one of weights is 16 dwords by 16 outputs, as in the panels.
func amx() {
	for halves := 1; halves <= 2; halves++ {
		tiles("amxBF16", tdpbf16ps, halves)
		tiles("amxInt8", tdpbsud, halves)
	}
	scaleSums()
	copyLines()
	tilePeak("amxPeakBF16", tdpbf16ps)
	tilePeak("amxPeakInt8", tdpbsud)
}

const (
	tileRows  = 16
	lineBytes = 64  // of a tile
	stepBytes = 128 // of a panel of weights: a dword for each of 32 outputs
)

// Tiles 0 to 3 hold sums, two for each half of the rows; then come the activations of the halves, and two of weights.
const (
	activationTile = 4
	weightTile     = 6
)

// tiles is c[16·halves, 32] (+)= x[16·halves, k]·w[k, 32] for successive units of x, w and c. A step covers a tile's dwords
// along k and advances x by stepX bytes and w by stepW. Rows of x and c are ldx and ldc bytes apart, units nextX, nextW and
// nextC. config holds the number of rows and dwords. Tiles are configured and released within the call, because a
// goroutine may change its thread between calls.
func tiles(name string, dot tileDot, halves int) {
	text(name+"x"+itoa(halves), "func(config *byte, units, steps int, x *byte, ldx, stepX, nextX int, "+
		"w *byte, stepW, nextW int, c *byte, ldc, nextC int, first bool)")
	t := &tileKernel{dot: dot, halves: halves, x: arg("x"), w: arg("w"), stepX: arg("stepX"), stepW: arg("stepW")}
	Load(Param("config"), tileConfig.GPPhysical)
	ldtilecfg(tileConfig)
	Load(Param("ldx"), tilePitchX.GPPhysical)
	Load(Param("c"), tileC.GPPhysical)
	Load(Param("ldc"), tilePitchC.GPPhysical)
	MOVQ(U32(stepBytes), tilePitchW.GPPhysical)
	units := arg("units")
	Label("unit")
	t.open()
	t.steps()
	t.sums(tilestore)
	ADDQ(arg("nextX"), t.x)
	ADDQ(arg("nextW"), t.w)
	ADDQ(arg("nextC"), tileC.GPPhysical)
	countDown(units, "unit")
	tilerelease()
	RET()
}

// tileKernel is the state of such a product.
type tileKernel struct {
	dot          tileDot
	halves       int
	x, w         reg.GPVirtual // of the unit
	stepX, stepW reg.GPVirtual
}

// lower points to at the lower half of the rows, if there is one.
func (t *tileKernel) lower(to, from, pitch general) {
	if t.halves == 1 {
		return
	}
	MOVQ(pitch.GPPhysical, to.GPPhysical)
	SHLQ(Imm(4), to.GPPhysical)
	ADDQ(from.GPPhysical, to.GPPhysical)
}

// sums visits the tiles of sums with their addresses.
func (t *tileKernel) sums(visit func(tile int, base general, disp int, pitch general)) {
	for half, base := range []general{tileC, tileLowerC}[:t.halves] {
		for side := range 2 {
			visit(2*half+side, base, side*lineBytes, tilePitchC)
		}
	}
}

// open starts the sums from zero, or from c unless this is the first block of k.
func (t *tileKernel) open() {
	first := GP8()
	Load(Param("first"), first)
	t.lower(tileLowerC, tileC, tilePitchC)
	for tile := range 2 * t.halves {
		tilezero(tile)
	}
	TESTB(first, first)
	JNE(LabelRef("opened"))
	t.sums(tileload)
	Label("opened")
}

// steps runs along k.
func (t *tileKernel) steps() {
	count := arg("steps")
	MOVQ(t.x, tileX.GPPhysical)
	MOVQ(t.w, tileW.GPPhysical)
	t.lower(tileLowerX, tileX, tilePitchX)
	Label("step")
	tileload(activationTile, tileX, 0, tilePitchX)
	for side := range 2 {
		tileload(weightTile+side, tileW, side*lineBytes, tilePitchW)
		t.dot(side, activationTile, weightTile+side)
	}
	if t.halves == 2 {
		tileload(activationTile+1, tileLowerX, 0, tilePitchX)
		t.dot(2, activationTile+1, weightTile)
		t.dot(3, activationTile+1, weightTile+1)
		ADDQ(t.stepX, tileLowerX.GPPhysical)
	}
	ADDQ(t.stepX, tileX.GPPhysical)
	ADDQ(t.stepW, tileW.GPPhysical)
	countDown(count, "step")
}

// scaleSums is y[rows, 32] (+)= (sx·sw[32])·float(c[rows, 32] + fix), one chain of fused multiply-adds from zero per output
// as in integerGroups, so a row's result does not depend on the number of rows. Rows of sx and fix are ldg bytes apart,
// outputs ldy, and the sums c are contiguous.
func scaleSums() {
	text("amxScale", "func(rows int, c, fix *int32, sx *float32, ldg int, sw, y *float32, ldy int, first bool)")
	rows, c, fix, sx, ldg, y, ldy := arg("rows"), arg("c"), arg("fix"), arg("sx"), arg("ldg"), arg("y"), arg("ldy")
	first, keep := GP32(), K()
	Load(Param("first"), first.As8())
	MOVBLZX(first.As8(), first)
	DECL(first) // all ones, or zero for the first group
	KMOVW(first, keep)
	weights := avx512.loads(arg("sw"), 2)
	Label("row")
	offset, scale := ZMM(), ZMM()
	VPBROADCASTD(at(fix, 0), offset)
	VBROADCASTSS(at(sx, 0), scale)
	for side, w := range weights {
		sum, product, total := ZMM(), ZMM(), ZMM()
		VPADDD(at(c, side*lineBytes), offset, sum)
		VCVTDQ2PS(sum, sum)
		VMULPS(scale, w, product)
		VMOVUPS_Z(at(y, side*lineBytes), keep, total)
		VFMADD231PS(sum, product, total)
		VMOVUPS(total, at(y, side*lineBytes))
	}
	ADDQ(U32(2*lineBytes), c)
	ADDQ(ldg, fix)
	ADDQ(ldg, sx)
	ADDQ(ldy, y)
	countDown(rows, "row")
	leave()
}

// copyLines is dst[line, row] = src[row, line] for lines of 64 bytes of at most 32 rows, which are lds bytes apart in src:
// it gathers the tiles of each step.
func copyLines() {
	text("amxCopyLines", "func(rows, lines int, dst, src *byte, lds int)")
	rows, dst, src, lds := arg("rows"), arg("dst"), arg("src"), arg("lds")
	line := ZMM()
	Label("row")
	to, from, lines := GP64(), GP64(), arg("lines")
	MOVQ(dst, to)
	MOVQ(src, from)
	Label("line")
	VMOVDQU32(at(from, 0), line)
	VMOVDQU32(line, at(to, 0))
	ADDQ(Imm(lineBytes), from)
	ADDQ(U32(2*tileRows*lineBytes), to)
	countDown(lines, "line")
	ADDQ(Imm(lineBytes), dst)
	ADDQ(lds, src)
	countDown(rows, "row")
	leave()
}

// tilePeak runs n rounds of four independent products of tiles that hold zeros.
func tilePeak(name string, dot tileDot) {
	text(name, "func(n int, config *byte)")
	Load(Param("config"), tileConfig.GPPhysical)
	ldtilecfg(tileConfig) // which clears them
	n := arg("n")
	Label("loop")
	for tile := range 4 {
		dot(tile, activationTile+tile/2, weightTile+tile%2)
	}
	countDown(n, "loop")
	tilerelease()
	RET()
}
