package kernel

import "slices"

// amx is avx512 with AMX tiles for products of bf16 and of int8 activations.
//
// A tile product (TDPBF16PS) sums 32 bf16 pairs along the input in two chains, one over even and one over odd elements,
// and adds their sum to the output. VDPBF16PS uses another order, so bf16 products run on tiles for any number of rows:
// a token gets the same products alone and among many. int8 sums are exact, so products of a few rows stay on avx512.
// Like VDPBF16PS, TDPBF16PS treats denormal inputs as zero and flushes denormal results to zero.
var amx = func() tier {
	t := avx512
	t.name, t.found = "amx", nil // the tier implies both
	t.usable = func() bool { return avx512.usable() && hasVNNI && hasBF16 && hasAMX() }
	t.products(&wideAMX)
	t.ceilings = append(slices.Clip(t.ceilings),
		Ceiling{"amx.bf16", []string{"bf16"}, "FLOP/s", 4 * 16 * 16 * 64, func(n int) { tilePeak(n, amxPeakBF16) }},
		Ceiling{"amx.int8", []string{"int8a8", "int4a8"}, "OP/s", 4 * 16 * 16 * 128, func(n int) { tilePeak(n, amxPeakInt8) }})
	return t
}()

// wideAMX is wide512 with tiles where AMX can multiply.
var wideAMX = func() tileShape {
	s := wide512
	s.amx = true
	return s
}()

const (
	amxRows   = 16 // rows of a tile, and its dwords along the input
	amxLine   = 64 // bytes per tile row
	unitRows  = 2 * amxRows
	unitLine  = unitRows * amxLine // bytes of a unit of activations per line
	panelStep = 2 * amxLine        // bytes of a panel per dword
)

// tileConfig is the operand of LDTILECFG.
type tileConfig [64]byte

// tileShapes configures the tiles for a product with step dwords per step and the given rows in the upper and lower
// half of a unit: sums in tiles 0 to 3, activations in 4 and 5, weights in 6 and 7.
func tileShapes(upper, lower, dwords int) (c tileConfig) {
	c[0] = 1 // palette
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

// tilePeak runs n rounds of a peak measurement. Assembly is not preemptible, so calls are short.
func tilePeak(n int, peak func(n int, config *byte)) {
	const most = 1 << 11
	for ; n > 0; n -= most {
		peak(min(n, most), &fullTiles[0])
	}
}
