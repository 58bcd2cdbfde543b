package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// widen returns half i of a vector of float32 as float64.
func (w width) widen(v reg.VecVirtual, i int) reg.VecVirtual {
	wide, half := w.reg(), v.AsX()
	switch {
	case w.bytes == 64 && i == 1:
		half = YMM()
		VEXTRACTF64X4(Imm(1), v, half)
	case w.bytes == 64:
		half = v.AsY()
	case i == 1:
		half = XMM()
		VEXTRACTF128(Imm(1), v, half)
	}
	VCVTPS2PD(half, wide)
	return wide
}

// narrow returns two vectors of float64, or one, as one of float32.
func (w width) narrow(halves []reg.VecVirtual) reg.VecVirtual {
	if w.bytes == 64 {
		low, high := ZMM(), YMM()
		VCVTPD2PS(halves[0], low.AsY())
		if len(halves) > 1 {
			VCVTPD2PS(halves[1], high)
			VINSERTF64X4(Imm(1), high, low, low)
		}
		return low
	}
	low, high := YMM(), XMM()
	VCVTPD2PSY(halves[0], low.AsX())
	if len(halves) > 1 {
		VCVTPD2PSY(halves[1], high)
		VINSERTF128(Imm(1), high, low, low)
	}
	return low
}

// one returns 1 as float64.
func (w width) one() reg.VecVirtual { return w.widen(w.consts().copy(1), 0) }

// double loads a vector of float64.
func (w width) double(m Mem) reg.VecVirtual {
	v := w.reg()
	VMOVUPD(m, v)
	return v
}

// everyDouble broadcasts a float64 in memory.
func (w width) everyDouble(m Mem) reg.VecVirtual {
	v := w.reg()
	VBROADCASTSD(m, v)
	return v
}

// foldDoubles returns the sum of the float64 lanes of v in its lowest lane.
func (w width) foldDoubles(v reg.VecVirtual) reg.VecVirtual {
	half := v
	if w.bytes == 64 {
		half = YMM()
		VEXTRACTF64X4(Imm(1), v, half)
		VADDPD(v.AsY(), half, half)
	}
	x, t := XMM(), XMM()
	VEXTRACTF128(Imm(1), half, x)
	VADDPD(half.AsX(), x, x)
	VPERMILPD(Imm(1), x, t)
	VADDPD(t, x, x)
	return x
}
