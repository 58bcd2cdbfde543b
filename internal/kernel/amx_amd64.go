package kernel

import "github.com/klauspost/cpuid/v2"

// amx is avx512 with the products of bf16 and of int8 activations on AMX tiles.
//
// A tile product takes in 32 pairs of bf16 along the input in two chains, one over the even elements and one over the
// odd ones, and adds their sum to the output (TDPBF16PS). That is another order than that of VDPBF16PS, so bf16 products
// run on tiles for any number of rows: a token has the same products by itself and among many. Sums of int8 are exact,
// so a few rows of those stay with the inner products of avx512. TDPBF16PS takes denormals for zero and rounds to zero
// what would become one, as VDPBF16PS does.
var amx = func() tier {
	t := avx512
	t.name = "amx"
	t.usable = func() bool {
		return avx512.usable() && hasVNNI && cpuid.CPU.Supports(cpuid.AMXTILE, cpuid.AMXBF16, cpuid.AMXINT8) && tilesPermitted()
	}
	t.products(&wideAMX)
	t.ceilings = append(t.ceilings[:len(t.ceilings):len(t.ceilings)],
		Ceiling{"amx.bf16", "FLOP/s", 4 * 16 * 16 * 64, func(n int) { tilePeak(n, amxPeakBF16) }},
		Ceiling{"amx.int8", "OP/s", 4 * 16 * 16 * 128, func(n int) { tilePeak(n, amxPeakInt8) }})
	return t
}()

// wideAMX is wide512 with tiles for what AMX multiplies.
var wideAMX = func() tileShape {
	s := wide512
	s.amx = true
	return s
}()

// The sizes of AMX: a tile is up to 16 lines of up to 64 bytes. Products here have two tiles of outputs, and one or two
// of rows of activations.
const (
	tileRows  = 16
	lineBytes = 64
	tileBytes = tileRows * lineBytes
	panelOuts = 2 * tileRows
	unitRows  = 2 * tileRows
)

// tileConfig is the operand of LDTILECFG: palette 1, the bytes of a line and the number of lines of each tile.
type tileConfig [64]byte

// tileConfigs are the shapes for a number of columns of activations: of the sums in tiles 0 to 3 and the activations in
// 6 and 7. The weights in 4 and 5 are full.
var tileConfigs = func() (configs [tileRows + 1]tileConfig) {
	for columns := 1; columns <= tileRows; columns++ {
		c := &configs[columns]
		c[0] = 1
		for tile := range 8 {
			bytes := 4 * columns
			if tile == 4 || tile == 5 {
				bytes = lineBytes
			}
			c[16+2*tile] = byte(bytes) // of two
			c[48+tile] = tileRows
		}
	}
	return configs
}()

// tilePeak runs n rounds of a peak. Assembly cannot be interrupted, so a call is short.
func tilePeak(n int, peak func(n int, config *byte)) {
	const most = 1 << 11
	for ; n > 0; n -= most {
		peak(min(n, most), &tileConfigs[tileRows][0])
	}
}
