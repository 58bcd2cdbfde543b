package nn

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/state"
)

// keyedCores are keyed layers of every form of output.
var keyedCores = map[string]*Keyed{
	"born":         {Heads: 5, Values: 2, Keys: 3, BornNorm: true},
	"plain":        {Heads: 3, Values: 4, Keys: 2},
	"with g":       {Heads: 3, Values: 2, Keys: 3, BornNorm: true, IncludeG: true},
	"by Cayley":    {Heads: 2, Values: 70, Keys: 2, BornNorm: true, IncludeG: true, Cayley: true},
	"a single one": {Heads: 1, Values: 1, Keys: 1, BornNorm: true},
}

// randomKeyed are the inputs of a core over rows tokens: a, hop, η before its gate, the projections, and keys and queries.
func randomKeyed(r *Keyed, rows, settings int) []Mat {
	return []Mat{
		randomMat(1, rows, r.Heads), randomMat(2, settings, r.Heads), randomMat(3, settings, r.Heads),
		randomMat(4, rows, r.Heads*r.Values+2), randomMat(5, rows, r.Keys), randomMat(6, rows, 2+r.Keys),
	}
}

// run applies the core to inputs, with hop = softplus(in[1]), η above 0.2 and unit keys and queries.
func (r *Keyed) run(p *Pass, spans []Span, in []Mat) Mat {
	return r.Forward(p, spans, 0, KeyedInput{
		A: in[0], Hop: Softplus.Apply(p, in[1]), Eta: EtaGate{Min: 0.2}.Forward(p, in[2]), U: in[3],
		Key: UnitVectors(p, in[4], 0, r.Keys), Query: UnitVectors(p, in[5], 1, r.Keys),
	})
}

func TestKeyedGradients(t *testing.T) {
	spans := []Span{{Start: 0, Len: 4}, {Start: 4, Len: 0}, {Start: 4, Len: 7}}
	for name, core := range keyedCores {
		for _, settings := range []int{1, 11} {
			t.Run(fmt.Sprintf("%s/%d settings", name, settings), func(t *testing.T) {
				c := layerCase{inputs: randomKeyed(core, 11, settings), forward: func(p *Pass, in []Mat) Mat { return core.run(p, spans, in) }}
				c.check(t)
			})
		}
	}
}

func TestKeyedInputGradients(t *testing.T) {
	for name, c := range map[string]*layerCase{
		"eta gate":     {inputs: []Mat{randomMat(1, 6, 4)}, forward: func(p *Pass, in []Mat) Mat { return EtaGate{Min: 0.1}.Forward(p, in[0]) }},
		"unit vectors": {inputs: []Mat{randomMat(1, 6, 9)}, forward: func(p *Pass, in []Mat) Mat { return UnitVectors(p, in[0], 2, 5) }},
		"join": {inputs: []Mat{randomMat(1, 6, 4), randomMat(2, 6, 1), randomMat(3, 6, 3)}, forward: func(p *Pass, in []Mat) Mat {
			return Join(p, in[0], in[1], in[2])
		}},
	} {
		t.Run(name, c.check)
	}
}

// TestUnitVectors checks lengths of long, short and empty vectors.
func TestUnitVectors(t *testing.T) {
	x := Mat{Rows: 3, Cols: 4, Data: []float32{9, 3, 4, 9, 9, 3e-3, 4e-3, 9, 9, 0, 0, 9}}
	y := UnitVectors(&Pass{}, x, 1, 2).Data
	short := math.Sqrt(25e-6 + 1e-6)
	for i, want := range []float64{0.6, 0.8, 3e-3 / short, 4e-3 / short, 0, 0} {
		if math.Abs(float64(y[i])-want) > 1e-6 {
			t.Errorf("element %d is %g, want %g", i, y[i], want)
		}
	}
}

// TestKeyedPieces checks that a document gives bit-identical results whole or in pieces, alone or next to another, on any
// number of threads, with the gradients of whole documents independent of the threads.
func TestKeyedPieces(t *testing.T) {
	core, rows := &Keyed{Heads: 9, Values: 16, Keys: 6, BornNorm: true, IncludeG: true, Cayley: true}, 500
	in := randomKeyed(core, rows, rows)
	part := func(lo, hi int) (list []Mat) {
		for _, m := range in {
			list = append(list, m.Slice(lo, hi))
		}
		return list
	}
	want := slices.Clone(core.run(&Pass{}, []Span{{Len: rows}}, in).Data)
	for _, size := range []int{1, 7, 250} {
		doc := state.New(1, func(int) state.Layer { return state.NewKeyed(core.Heads, core.Heads*core.Values*core.Keys, 0) })
		var got []float32
		for lo := 0; lo < rows; lo += size {
			hi := min(rows, lo+size)
			got = append(got, core.run(&Pass{}, []Span{{Len: hi - lo, State: doc}}, part(lo, hi)).Data...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("pieces of %d differ from one", size)
		}
	}
	two := []Span{{Len: 200}, {Start: 200, Len: 300}}
	whole, grads := core.trained(nil, two, in)
	for threads := 1; threads <= 3; threads++ {
		pool := kernel.NewPool(threads)
		got, gotGrads := core.trained(pool, two, in)
		if !slices.Equal(got, whole) || !slices.Equal(gotGrads, grads) {
			t.Errorf("%d threads give other results or gradients", threads)
		}
		pool.Close()
	}
	if !slices.Equal(whole[:200*core.Width()], want[:200*core.Width()]) {
		t.Error("a second document changes the result of the first, or a tape does")
	}
}

// trained returns the output of core and the gradients of all inputs.
func (r *Keyed) trained(pool *kernel.Pool, spans []Span, in []Mat) (out, grads []float32) {
	p := &Pass{Pool: pool, Tape: &Tape{}}
	inputs := make([]Mat, len(in))
	for i, m := range in {
		inputs[i] = p.New(m.Rows, m.Cols)
		copy(inputs[i].Data, m.Data)
	}
	y := r.run(p, spans, inputs)
	copy(y.Grad, randomMat(8, y.Rows, y.Cols).Data)
	p.Tape.Backward()
	for _, m := range inputs {
		grads = append(grads, m.Grad...)
	}
	return y.Data, grads
}
