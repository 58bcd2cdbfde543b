package nn

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/state"
)

// document is an attention layer with its queries, keys and values.
type document struct {
	Attention
	q, k, v Mat
}

func newDocument(window, rows int, bf16 bool) *document {
	d := &document{Attention: Attention{kernel.Attention{
		Heads: 6, KVHeads: 2, Dim: 24, Window: window, Scale: .2, BF16: bf16,
	}}}
	r := rand.New(rand.NewPCG(1, 2))
	draw := func(cols int) Mat {
		m := Mat{Rows: rows, Cols: cols, Data: make([]float32, rows*cols)}
		for i := range m.Data {
			m.Data[i] = float32(r.NormFloat64())
		}
		return m
	}
	d.q, d.k, d.v = draw(6*24), draw(2*24), draw(2*24)
	return d
}

func (d *document) newState() *state.Document {
	return state.New(1, func(int) state.Layer { return state.NewKV(d.Window, d.KVHeads, d.Attention.Dim, d.BF16) })
}

// attend returns the outputs of rows [lo, hi), fed in pieces of step rows.
func (d *document) attend(pool *kernel.Pool, st *state.Document, lo, hi, step int) []float32 {
	p := &Pass{Pool: pool}
	var out []float32
	for ; lo < hi; lo += step {
		n := min(step, hi-lo)
		rows := func(m Mat) Heads { return Heads{Mat: Mat{Rows: n, Cols: m.Cols, Data: m.Data[lo*m.Cols:][:n*m.Cols]}} }
		b := Batch{Spans: []Span{{Len: n, State: st}}}
		piece := d.Forward(p, 0, rows(d.q), rows(d.k), rows(d.v), b.Spans)
		b.Advance()
		out = append(out, piece.Data...)
		p.Reset()
	}
	return out
}

// TestAttentionPieces checks that a document gives bit-identical results whole or in pieces of any size, from a forked or
// reused state, and on any number of threads.
func TestAttentionPieces(t *testing.T) {
	const rows, half = 300, 171
	pool := kernel.NewPool(3)
	defer pool.Close()
	for _, bf16 := range []bool{false, true} {
		for _, window := range []int{0, 1, 5, 100, 128, 1000} {
			t.Run(fmt.Sprintf("bf16=%v-window=%d", bf16, window), func(t *testing.T) {
				d := newDocument(window, rows, bf16)
				whole := d.attend(nil, nil, 0, rows, rows)
				st := d.newState()
				for _, step := range []int{1, 7, 64, 128, 130, rows} {
					got := d.attend(pool, st, 0, half, step)
					got = append(got, d.attend(nil, st.Fork(), half, rows, step)...)
					if !slices.Equal(got, whole) {
						t.Errorf("pieces of %d differ from the whole document", step)
					}
					if st.Len() != half {
						t.Fatalf("length %d after %d positions and a fork that went on", st.Len(), half)
					}
					st.Reset()
				}
			})
		}
	}
}

// TestAttentionGradientWithPast compares the gradient of a span that attends to a carried past, beside one without, with
// difference quotients.
func TestAttentionGradientWithPast(t *testing.T) {
	for _, window := range []int{0, 5, 1} {
		for _, naive := range []bool{false, true} {
			t.Run(fmt.Sprintf("window=%d-naive=%v", window, naive), func(t *testing.T) {
				a := Attention{kernel.Attention{Heads: 4, KVHeads: 2, Dim: 6, Window: window, Scale: .4, Naive: naive}}
				past := state.New(1, func(int) state.Layer { return state.NewKV(window, 2, 6, false) })
				k, v := randomMat(11, 9, 12), randomMat(12, 9, 12)
				state.Of[*state.KV](past, 0).Append(nil, kernel.Rows{Data: k.Data, Stride: 12}, kernel.Rows{Data: v.Data, Stride: 12}, 9)
				past.Advance(9)
				c := layerCase{inputs: []Mat{randomMat(1, 10, 24), randomMat(2, 10, 12), randomMat(3, 10, 12)}}
				c.forward = func(p *Pass, in []Mat) Mat {
					spans := []Span{{Len: 3}, {Start: 3, Len: 7, State: past.Fork()}}
					return a.Forward(p, 0, Heads{Mat: in[0]}, Heads{Mat: in[1]}, Heads{Mat: in[2]}, spans)
				}
				c.check(t)
			})
		}
	}
}
