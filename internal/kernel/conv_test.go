package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// convCase returns a Conv over random data with X inside wider rows.
func convCase(r *rand.Rand, length, channels, taps int) Conv {
	return Conv{
		Len: length, Channels: channels, Taps: taps,
		X: Rows{normals(r, length*2*channels), 2 * channels},
		W: normals(r, channels*taps), Bias: normals(r, channels),
		Tail: normals(r, (taps-1)*channels), Y: make([]float32, length*channels),
	}
}

// convValue returns Σ w·y of a convolution, in float64 by definition.
func convValue(c Conv, w []float32) float64 {
	var sum float64
	for t := range c.Len {
		for e := range c.Channels {
			y := float64(c.Bias[e])
			for q := range c.Taps {
				var x float64
				if at := t - (c.Taps - 1) + q; at >= 0 {
					x = float64(c.X.Data[at*c.X.Stride+e])
				} else {
					x = float64(c.Tail[(at+c.Taps-1)*c.Channels+e])
				}
				y += float64(c.W[q*c.Channels+e]) * x
			}
			sum += float64(w[t*c.Channels+e]) * y
		}
	}
	return sum
}

func TestConvMatchesDefinition(t *testing.T) { everyTier(t, convMatchesDefinition) }

func convMatchesDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range [][3]int{{1, 1, 1}, {1, 5, 4}, {2, 5, 4}, {19, 33, 4}, {8, 16, 7}} {
		c := convCase(r, size[0], size[1], size[2])
		tail := slices.Clone(c.Tail)
		c.Run(nil)
		c.Tail = tail
		w := make([]float32, len(c.Y))
		for i := range c.Y {
			w[i] = 1
			if want := convValue(c, w); math.Abs(float64(c.Y[i])-want) > 1e-5 {
				t.Fatalf("%v: y[%d] = %v, want %v", size, i, c.Y[i], want)
			}
			w[i] = 0
		}
	}
}

func TestConvInPiecesAndOnThreads(t *testing.T) { everyTier(t, convInPiecesAndOnThreads) }

func convInPiecesAndOnThreads(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const length, channels, taps = 29, 300, 4
	whole := convCase(r, length, channels, taps)
	start := slices.Clone(whole.Tail)
	whole.Run(nil)
	for _, threads := range []int{1, 2, 3} {
		for _, step := range []int{1, 2, 5, 28} {
			pool := NewPool(threads)
			got := whole
			got.Tail, got.Y = slices.Clone(start), make([]float32, length*channels)
			for at := 0; at < length; at += step {
				piece := got
				piece.Len = min(step, length-at)
				piece.X, piece.Y = got.X.From(at, 0), got.Y[at*channels:]
				piece.Run(pool)
			}
			pool.Close()
			if !slices.Equal(got.Y, whole.Y) || !slices.Equal(got.Tail, whole.Tail) {
				t.Errorf("threads=%d step=%d: outputs or tail differ from those of one piece on one thread", threads, step)
			}
		}
	}
}

// TestConvGrad compares gradients with central differences of the definition in float64.
func TestConvGrad(t *testing.T) { everyTier(t, convGrad) }

func convGrad(t *testing.T) {
	for _, size := range [][3]int{{1, 2, 4}, {3, 4, 4}, {21, 7, 3}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 6))
			c := convCase(r, size[0], size[1], size[2])
			g := ConvGrad{
				Conv: c, DY: normals(r, len(c.Y)), DX: Rows{make([]float32, len(c.X.Data)), c.X.Stride},
				DW: make([]float32, len(c.W)), DBias: make([]float32, len(c.Bias)),
			}
			g.Run(nil)
			check := func(name string, x, grad []float32) {
				for i := range x {
					want := slope(x, i, func() float64 { return convValue(c, g.DY) })
					if math.Abs(float64(grad[i])-want) > 1e-4*(1+math.Abs(want)) {
						t.Errorf("d%s[%d] = %v, central difference %v", name, i, grad[i], want)
					}
				}
			}
			check("X", c.X.Data, g.DX.Data)
			check("W", c.W, g.DW)
			check("Bias", c.Bias, g.DBias)
		})
	}
}
