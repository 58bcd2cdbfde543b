package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// consts are the constants of a function. AVX-512 keeps most of them in registers, filled before the loop; the others, and
// all constants of AVX2, are read from memory at each use.
type consts struct {
	width
	regs map[string]reg.VecVirtual
}

// constRegisters is how many constants AVX-512 keeps in registers, of its 32.
const constRegisters = 18

// consts fills registers with as many of the values as there is room for.
func (w width) consts(values ...[]float64) *consts {
	c := &consts{width: w, regs: map[string]reg.VecVirtual{}}
	for _, list := range values {
		for _, v := range list {
			name := constName(float32(v))
			if c.regs[name] == nil && w.bytes == 64 && len(c.regs) < constRegisters {
				c.regs[name] = ZMM()
				VBROADCASTSS(constWord(name, math.Float32bits(float32(v))), c.regs[name])
			}
		}
	}
	return c
}

// get returns v as a first operand, in Go's order, which may be memory.
func (c *consts) get(v float64) Op {
	if r, ok := c.regs[constName(float32(v))]; ok {
		return r
	}
	return constVector(v)
}

// reg returns v in a register, which must not be written.
func (c *consts) reg(v float64) reg.VecVirtual {
	if r, ok := c.regs[constName(float32(v))]; ok {
		return r
	}
	return c.copy(v)
}

// copy returns v in a new register.
func (c *consts) copy(v float64) reg.VecVirtual {
	r := c.width.reg()
	if from, ok := c.regs[constName(float32(v))]; ok {
		VMOVAPS(from, r)
	} else {
		VMOVUPS(constVector(v), r)
	}
	return r
}

// placed holds the constants that the file has already.
var placed = map[string]Mem{}

// constWord places a dword in the file, once.
func constWord(name string, v uint32) Mem {
	if _, ok := placed[name]; !ok {
		placed[name] = ConstData(name, U32(v))
	}
	return placed[name]
}

// constVector places a vector full of a constant in the file, once. AVX2 reads its first half.
func constVector(v float64) Mem {
	name := "vector_" + constName(float32(v))
	if m, ok := placed[name]; ok {
		return m
	}
	return table(name, 16, func(int) uint32 { return math.Float32bits(float32(v)) })
}

// constName names a constant by its bits.
func constName(v float32) string { return fmt.Sprintf("f32_%08x", math.Float32bits(v)) }

// bits is the float32 with these bits, for constants that are masks.
func bits(u uint32) float64 { return float64(math.Float32frombits(u)) }
