package nn

import (
	"math"
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/kernel"
)

// TestDropout checks rate, scale, gradient, and that draws depend on their numbers alone.
func TestDropout(t *testing.T) {
	const rows, cols, rate = 37, 1001, 0.3
	pool := kernel.NewPool(3)
	defer pool.Close()
	drop := func(pool *kernel.Pool, draws Draws, sites int) (y, dx []float32) {
		p := &Pass{Pool: pool, Tape: &Tape{}, Draws: &draws}
		x := p.New(rows, cols)
		for i := range x.Data {
			x.Data[i] = 1
		}
		var out Mat
		for range sites {
			out = Dropout(p, x, rate)
		}
		for i := range out.Grad {
			out.Grad[i] = 2
		}
		p.Tape.Backward()
		return slices.Clone(out.Data), slices.Clone(x.Grad)
	}
	draws := Draws{Seed: 1 << 40, Update: 3, Part: 2}
	want, dx := drop(nil, draws, 1)
	kept := 0
	for i, v := range want {
		if v != 0 {
			kept++
			if v != float32(1/(1-rate)) {
				t.Fatalf("element %d is %g", i, v)
			}
		}
		if dx[i] != 2*v {
			t.Fatalf("gradient %d is %g, want %g", i, dx[i], 2*v)
		}
	}
	n := float64(rows * cols)
	if sigma := math.Sqrt(n * rate * (1 - rate)); math.Abs(float64(kept)-n*(1-rate)) > 4*sigma {
		t.Errorf("%d of %g elements are kept", kept, n)
	}
	if got, _ := drop(pool, draws, 1); !slices.Equal(got, want) {
		t.Error("threads change the draws")
	}
	for name, other := range map[string]Draws{
		"seed": {Seed: 1 << 41, Update: 3, Part: 2}, "update": {Seed: 1 << 40, Update: 4, Part: 2}, "part": {Seed: 1 << 40, Update: 3, Part: 3},
	} {
		if got, _ := drop(nil, other, 1); slices.Equal(got, want) {
			t.Errorf("another %s gives the same draws", name)
		}
	}
	if got, _ := drop(nil, draws, 2); slices.Equal(got, want) {
		t.Error("two sites have the same draws")
	}
	p := &Pass{}
	if x := p.New(1, 4); &Dropout(p, x, rate).Data[0] != &x.Data[0] {
		t.Error("dropout outside training does something")
	}
}
