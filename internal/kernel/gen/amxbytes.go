package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Neither avo nor the Go assembler supports AMX, so its instructions are emitted as bytes, on fixed registers. Each follows a
// comment with Intel's spelling, which a test of package kernel assembles and compares.

// general is a general register that the tile instructions address memory with.
type general struct {
	reg.GPPhysical
	intel string
}

// The registers that the tile kernels address memory with.
var (
	tileConfig = general{reg.RAX, "rax"}
	tileX      = general{reg.RSI, "rsi"} // the upper rows of activations
	tileLowerX = general{reg.RDI, "rdi"}
	tilePitchX = general{reg.R8, "r8"} // from row to row
	tileW      = general{reg.RDX, "rdx"}
	tilePitchW = general{reg.R9, "r9"}
	tileC      = general{reg.RCX, "rcx"} // the upper rows of outputs
	tileLowerC = general{reg.R10, "r10"}
	tilePitchC = general{reg.RBX, "rbx"}
)

// The prefixes in a VEX instruction.
const (
	prefixNone = iota
	prefix66
	prefixF3
	prefixF2
)

// vex emits an instruction of the map 0F38 with 128 bits and W0. The base and index of memory are registers of the
// architecture's number; without one they are 0.
func vex(spelling string, prefix, opcode byte, vvvv, base, index int, rest []byte, inputs ...operand.Op) {
	high := func(n int) byte { return byte(n>>3) & 1 }
	p1 := 1<<7 | (1^high(index))<<6 | (1^high(base))<<5 | 2
	p2 := (^byte(vvvv)&15)<<3 | prefix
	Comment(spelling)
	for _, b := range append([]byte{0xC4, p1, p2, opcode}, rest...) {
		Instruction(&ir.Instruction{Opcode: "BYTE", Operands: []operand.Op{operand.U8(b)}, Inputs: inputs})
	}
}

// number is the register's number in an instruction.
func (g general) number() int { return int(g.PhysicalIndex()) }

// tileMemory emits a load or store of a tile whose rows are index bytes apart; disp is 0 to 127.
func tileMemory(spelling string, prefix byte, tile int, base general, disp int, index general) {
	modrm := byte(tile)<<3 | 4 // a SIB byte follows
	rest := []byte{modrm, byte(index.number()&7)<<3 | byte(base.number()&7)}
	if disp != 0 {
		rest[0] |= 1 << 6
		rest = append(rest, byte(disp))
	}
	vex(spelling, prefix, 0x4B, 0, base.number(), index.number(), rest, base.GPPhysical, index.GPPhysical)
}

func tileAddress(base general, disp int, index general) string {
	if disp == 0 {
		return fmt.Sprintf("[%s+%s]", base.intel, index.intel)
	}
	return fmt.Sprintf("[%s+%s+%d]", base.intel, index.intel, disp)
}

// ldtilecfg sets the shapes of the tiles from the 64 bytes at base.
func ldtilecfg(base general) {
	vex(fmt.Sprintf("ldtilecfg [%s]", base.intel), prefixNone, 0x49, 0, base.number(), 0,
		[]byte{byte(base.number() & 7)}, base.GPPhysical)
}

// tilerelease releases the tiles.
func tilerelease() { vex("tilerelease", prefixNone, 0x49, 0, 0, 0, []byte{0xC0}) }

// tilezero clears a tile.
func tilezero(tile int) {
	vex(fmt.Sprintf("tilezero tmm%d", tile), prefixF2, 0x49, 0, 0, 0, []byte{3<<6 | byte(tile)<<3})
}

// tileload reads a tile.
func tileload(tile int, base general, disp int, index general) {
	spelling := fmt.Sprintf("tileloadd tmm%d, %s", tile, tileAddress(base, disp, index))
	tileMemory(spelling, prefixF2, tile, base, disp, index)
}

// tilestore writes a tile.
func tilestore(tile int, base general, disp int, index general) {
	spelling := fmt.Sprintf("tilestored %s, tmm%d", tileAddress(base, disp, index), tile)
	tileMemory(spelling, prefixF3, tile, base, disp, index)
}

// tileDot is a product c += a·b of tiles.
type tileDot func(c, a, b int)

// tdpbf16ps multiplies pairs of bf16.
func tdpbf16ps(c, a, b int) { dotTiles("tdpbf16ps", prefixF3, 0x5C, c, a, b) }

// tdpbsud multiplies fours of bytes, signed ones in a, unsigned ones in b.
func tdpbsud(c, a, b int) { dotTiles("tdpbsud", prefixF3, 0x5E, c, a, b) }

func dotTiles(name string, prefix, opcode byte, c, a, b int) {
	spelling := fmt.Sprintf("%s tmm%d, tmm%d, tmm%d", name, c, a, b)
	vex(spelling, prefix, opcode, b, 0, 0, []byte{3<<6 | byte(c)<<3 | byte(a)})
}
