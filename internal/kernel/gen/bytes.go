package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// physicalZ are the 512-bit registers by number.
var physicalZ = [32]reg.VecPhysical{
	reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
	reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
	reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
	reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
}

// vdpbf16ps emits Z[dst] += Z[b]·Z[a] on pairs of bf16: EVEX.512.F3.0F38.W0 52 /r.
func vdpbf16ps(a, bReg, dst int) {
	bit := func(r, n int) byte { return byte(r>>n) & 1 }
	p0 := (1^bit(dst, 3))<<7 | (1^bit(a, 4))<<6 | (1^bit(a, 3))<<5 | (1^bit(dst, 4))<<4 | 2
	p1 := (^byte(bReg)&15)<<3 | 1<<2 | 2
	p2 := byte(2)<<5 | (1^bit(bReg, 4))<<3
	modrm := byte(3)<<6 | byte(dst&7)<<3 | byte(a&7)
	Comment("VDPBF16PS Z" + itoa(a) + ", Z" + itoa(bReg) + ", Z" + itoa(dst))
	for _, b := range []byte{0x62, p0, p1, p2, 0x52, modrm} {
		Instruction(&ir.Instruction{
			Opcode: "BYTE", Operands: []operand.Op{operand.U8(b)},
			// For the register allocator.
			Inputs:  []operand.Op{physicalZ[a], physicalZ[bReg], physicalZ[dst]},
			Outputs: []operand.Op{physicalZ[dst]},
		})
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}
