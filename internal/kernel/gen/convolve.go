package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// convolve is y[t,e] = bias[e] + Σ_q w[q,e]·x[t+q,e] for n channels; strides are in bytes. The weights of the usual four
// taps stay in registers.
func (w width) convolve() {
	text("convolve"+w.name, "func(n, tokens, taps int, y *float32, yStride int, bias, w *float32, wStride int, x *float32, xStride int)")
	n, y, bias, weight, x, stride := arg("n"), arg("y"), arg("bias"), arg("w"), arg("x"), arg("xStride")
	c := &convolution{width: w, x: GP64(), y: GP64(), left: GP64(), stride: stride, further: GP64()}
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, c.further)
	w.each(n, func(mask Op) {
		c.mask, c.suffix = mask, ""
		if mask != nil {
			c.suffix = "Masked"
		}
		c.bias = w.load(at(bias, 0), mask)
		MOVQ(x, c.x)
		MOVQ(y, c.y)
		Load(Param("tokens"), c.left)
		c.anyTaps(weight)
		c.fourTaps(weight)
		Label("convolved" + c.suffix)
	}, y, bias, weight, x)
}

// convolution is the state of a loop over tokens for a vector of channels.
type convolution struct {
	width
	x, y, left      reg.GPVirtual
	stride, further reg.GPVirtual // the stride of x and three times that
	bias            reg.VecVirtual
	mask            Op
	suffix          string
}

// anyTaps handles any number of taps but four.
func (c *convolution) anyTaps(weight reg.GPVirtual) {
	four, taps, wRow, xRow := GP64(), GP64(), GP64(), GP64()
	Load(Param("taps"), four)
	CMPQ(four, Imm(4))
	JE(LabelRef("four" + c.suffix))
	Label("token" + c.suffix)
	sum := c.width.reg()
	VMOVAPS(c.bias, sum)
	MOVQ(weight, wRow)
	MOVQ(c.x, xRow)
	Load(Param("taps"), taps)
	Label("tap" + c.suffix)
	VFMADD231PS(c.load(at(wRow, 0), c.mask), c.load(at(xRow, 0), c.mask), sum)
	ADDQ(NewParamAddr("wStride", 56), wRow)
	ADDQ(c.stride, xRow)
	countDown(taps, "tap"+c.suffix)
	c.next(sum, "token")
	JMP(LabelRef("convolved" + c.suffix))
}

// fourTaps handles four.
func (c *convolution) fourTaps(weight reg.GPVirtual) {
	Label("four" + c.suffix)
	var weights [4]reg.VecVirtual
	row := GP64()
	MOVQ(weight, row)
	for i := range weights {
		weights[i] = c.load(at(row, 0), c.mask)
		ADDQ(NewParamAddr("wStride", 56), row)
	}
	Label("tokenOfFour" + c.suffix)
	sum := c.width.reg()
	VMOVAPS(c.bias, sum)
	for i, m := range []Mem{at(c.x, 0), indexed(c.x, c.stride, 1, 0), indexed(c.x, c.stride, 2, 0), indexed(c.x, c.further, 1, 0)} {
		VFMADD231PS(c.load(m, c.mask), weights[i], sum)
	}
	c.next(sum, "tokenOfFour")
}

// next stores the sum of a token and closes the loop over tokens.
func (c *convolution) next(sum reg.VecVirtual, label string) {
	c.store(sum, at(c.y, 0), c.mask)
	ADDQ(c.stride, c.x)
	ADDQ(NewParamAddr("yStride", 32), c.y)
	countDown(c.left, label+c.suffix)
}
