package kernel

import "slices"

// amx is avx512 with the products of bf16 and of int8 activations on AMX tiles.
//
// A tile product takes in 32 pairs of bf16 along the input in two chains, one over the even elements and one over the
// odd ones, and adds their sum to the output (TDPBF16PS). That is another order than that of VDPBF16PS, so bf16 products
// run on tiles for any number of rows: a token has the same products by itself and among many. Sums of int8 are exact,
// so a few rows of those stay with the products of avx512. TDPBF16PS takes denormals for zero and makes zero of what
// would become one, as VDPBF16PS does.
var amx = func() tier {
	t := avx512
	t.name, t.found = "amx", nil // it has both
	t.usable = func() bool { return avx512.usable() && hasVNNI && hasBF16 && hasAMX() }
	t.products(&wideAMX)
	t.ceilings = append(slices.Clip(t.ceilings),
		Ceiling{"amx.bf16", ofBF16, "FLOP/s", 4 * 16 * 16 * 64, func(n int) { tilePeak(n, amxPeakBF16) }},
		Ceiling{"amx.int8", ofInt8, "OP/s", 4 * 16 * 16 * 128, func(n int) { tilePeak(n, amxPeakInt8) }})
	return t
}()

// wideAMX is wide512 with tiles for what AMX multiplies.
var wideAMX = func() tileShape {
	s := wide512
	s.amx = true
	return s
}()

const (
	amxRows   = 16 // of a tile, and dwords along the input
	amxLine   = 64 // bytes of a tile's row
	unitRows  = 2 * amxRows
	unitLine  = unitRows * amxLine // bytes of a unit of activations for each line
	panelStep = 2 * amxLine        // bytes of a panel for each dword
)

// tileConfig is the operand of LDTILECFG.
type tileConfig [64]byte

// tileShapes configures the tiles of a product that takes in some dwords a step, with rows in the upper and the lower
// half of a unit: sums in tiles 0 to 3, activations in 4 and 5, weights in 6 and 7.
func tileShapes(upper, lower, dwords int) (c tileConfig) {
	c[0] = 1 // the palette
	shape := func(tile, rows, bytes int) {
		if rows > 0 {
			c[16+2*tile], c[48+tile] = byte(bytes), byte(rows)
		}
	}
	for half, rows := range []int{upper, lower} {
		shape(2*half, rows, amxLine)
		shape(2*half+1, rows, amxLine)
		shape(4+half, rows, 4*dwords)
	}
	shape(6, dwords, amxLine)
	shape(7, dwords, amxLine)
	return c
}

// fullTiles is the largest configuration.
var fullTiles = tileShapes(amxRows, amxRows, amxRows)

// tilePeak runs n rounds of a peak. Assembly cannot be interrupted, so a call is short.
func tilePeak(n int, peak func(n int, config *byte)) {
	const most = 1 << 11
	for ; n > 0; n -= most {
		peak(min(n, most), &fullTiles[0])
	}
}
