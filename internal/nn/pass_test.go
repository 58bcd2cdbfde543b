package nn

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/sharedtest"
)

func newF32Params() *Params { return NewParams(nil, 5, Precision{}) }

// block is a small feed-forward block with every layer of this package that an inference step uses.
type block struct {
	table    *Embedding
	rms      *RMSNorm
	layer    *LayerNorm
	up, gate *Linear
	down     *Linear
	head     *Linear
}

const blockDim, blockInner, blockVocab = 96, 160, 50

func newBlock(f kernel.Format) *block {
	ps := NewParams(nil, 1, Precision{Blocks: f, Head: f})
	table := ps.Embedding("e", blockVocab, blockDim, Normal(1))
	return &block{
		table: table,
		rms:   ps.RMSNorm("r", blockDim, 1e-5),
		layer: ps.LayerNorm("n", blockDim, 1e-5),
		up:    ps.In("").Linear("up", blockInner, blockDim, true, Normal(.1)),
		gate:  ps.In("").Linear("gate", blockInner, blockDim, false, Normal(.1)),
		down:  ps.In("").Linear("down", blockDim, blockInner, true, Normal(.1)),
		head:  ps.TiedHead(table),
	}
}

func (b *block) forward(p *Pass, ids []int32) Mat {
	p.Component("embedding")
	x := b.table.Forward(p, ids)
	x = Residual(p, x, b.rms, b, (*block).mlp)
	p.Component("head")
	return b.head.Forward(p, x)
}

func (b *block) mlp(p *Pass, x Mat) Mat {
	p.Component("block")
	h := b.layer.Forward(p, x)
	return b.down.Forward(p, SwiGLU(p, b.gate.Forward(p, h), GELUNew.Apply(p, b.up.Forward(p, h))))
}

// TestCounter compares the counts of the layers with the rule of docs/counting.md.
func TestCounter(t *testing.T) {
	const rows = 3
	p := &Pass{Count: &Counter{}}
	newBlock(kernel.F32).forward(p, []int32{1, 2, 3})
	got := map[string]Cost{}
	p.Count.Each(func(component string, cost Cost) { got[component] = cost })
	const d, f, v = blockDim, blockInner, blockVocab
	want := map[string]Cost{
		"embedding": {0, rows * (4*d + 4*d)},
		"norm":      {rows * (4*d + 4), 4 * (2*rows*d + d)},
		"block": {
			FLOPs: rows * (8*d + 5 + 2*2*d*f + f + 9*f + 5*f + 2*f*d + d),
			Bytes: 4 * (2*rows*d + 2*d + // norm
				2*(rows*d+rows*f+d*f) + f + // up and gate
				2*rows*f + 3*rows*f + // gelu_new and swiglu
				rows*f + rows*d + d*f + d), // down
		},
		"residual": {rows * d, 4 * 3 * rows * d},
		"head":     {2 * rows * d * v, 4 * (rows*d + rows*v + d*v)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counted (-rule +got):\n%s", diff)
	}
}

// TestPlantedOperation checks that an extra operation is counted.
func TestPlantedOperation(t *testing.T) {
	b := newBlock(kernel.F32)
	flops := func(extra bool) int64 {
		p := &Pass{Count: &Counter{}}
		x := b.forward(p, []int32{1})
		if extra {
			Add(p, x, x)
		}
		var sum int64
		p.Count.Each(func(_ string, cost Cost) { sum += cost.FLOPs })
		return sum
	}
	if got := flops(true) - flops(false); got != blockVocab {
		t.Errorf("an extra sum of %d elements counted %d FLOPs", blockVocab, got)
	}
}

// TestPassIndependentOfThreads runs the same block on one thread and on several.
func TestPassIndependentOfThreads(t *testing.T) {
	ids := make([]int32, 130)
	for i := range ids {
		ids[i] = int32(i % blockVocab)
	}
	for _, name := range []string{"f32", "bf16", "int8", "int4a8"} {
		f, err := kernel.ParseFormat(name)
		if err != nil {
			t.Fatal(err)
		}
		b, pool := newBlock(f), kernel.NewPool(3)
		one := b.forward(&Pass{}, ids)
		three := b.forward(&Pass{Pool: pool}, ids)
		pool.Close()
		if !slices.Equal(one.Data, three.Data) {
			t.Errorf("%s: threads change the result", name)
		}
	}
}

// TestDecodingAllocatesNothing runs single tokens after a first one.
func TestDecodingAllocatesNothing(t *testing.T) {
	pool := kernel.NewPool(2)
	defer pool.Close()
	for _, f := range []kernel.Format{kernel.F32, kernel.BF16, {Kind: kernel.KindInt8}} {
		b, p := newBlock(f), &Pass{Pool: pool}
		ids := []int32{7}
		step := func() {
			b.forward(p, ids)
			p.Reset()
		}
		step()
		if got := sharedtest.AllocsPerRun(t, 50, step); got != 0 {
			t.Errorf("%v: %v allocations a token, want 0", f, got)
		}
	}
}

func TestPassMemory(t *testing.T) {
	p := &Pass{}
	a := p.New(2, 3)
	m := p.Mark()
	b := p.New(1, slabFloats) // does not fit the first slab
	p.Release(m)
	c := p.New(2, 3)
	if &a.Data[0] == &c.Data[0] || &b.Data[0] == &a.Data[0] {
		t.Error("memory in use was given out again")
	}
	if peak := p.PeakBytes(); peak < 4*slabFloats {
		t.Errorf("peak of %d bytes, want at least that of the largest matrix", peak)
	}
	p.Reset()
	p.ResetPeak()
	if d := p.New(2, 3); &d.Data[0] != &a.Data[0] || p.PeakBytes() > 1024 {
		t.Errorf("Reset did not free the memory; peak %d", p.PeakBytes())
	}
}
