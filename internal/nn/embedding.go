package nn

import (
	"errors"
	"fmt"
	"slices"

	"github.com/archbench/archbench/internal/kernel"
)

// Embedding is a table of vectors [vocab, dim]. It stays in at least bf16.
type Embedding struct {
	Vocab, Dim int
	Table      kernel.Matrix
	Weight     *Param // the same table if it is float32, else nil

	name string // of the tensor
}

// Embedding declares name.weight [vocab, dim].
func (ps *Params) Embedding(name string, vocab, dim int, init Init) *Embedding {
	e := &Embedding{Vocab: vocab, Dim: dim, name: name + ".weight"}
	e.Table, e.Weight = ps.matrix(e.name, ClassEmbedding, ps.precision.Embedding(), vocab, dim, false, init)
	return e
}

// Forward looks up the rows of ids, [len(ids), dim]. It costs no FLOPs; its bytes are those of the rows read and written.
func (e *Embedding) Forward(p *Pass, ids []int32) Mat {
	y := p.New(len(ids), e.Dim)
	for r, id := range ids {
		e.Table.Row(int(id), y.Row(r))
	}
	n := int64(len(ids))
	p.Add(0, n*(e.Table.Bytes()/int64(max(1, e.Vocab))+4*int64(e.Dim)))
	if p.Tape != nil {
		e.record(p.Tape, ids, y)
	}
	return y
}

// record adds the gradient of each output row to that of its id's table row.
func (e *Embedding) record(t *Tape, ids []int32, y Mat) {
	grad := trainable(e.Weight, "embedding")
	t.Record(func() {
		for r, id := range ids {
			kernel.Axpy(1, y.rowGrad(r), grad[int(id)*e.Dim:][:e.Dim])
		}
	})
}

// Output declares the output matrix: the embedding's table if *tied, the config's tie_word_embeddings, is set, else
// name.weight [vocab, dim]. An untied checkpoint must hold name.weight. A tied one may: a copy of the table is ignored; a
// different matrix is what the model was saved with, so it is used, *tied becomes false and a warning is added.
func (ps *Params) Output(name string, e *Embedding, tied *bool, init Init) *Linear {
	weight := name + ".weight"
	switch stored := ps.Stored(weight); {
	case ps.New():
	case !*tied && !stored:
		ps.fail(fmt.Errorf("tensor %q is missing from the checkpoint: tie_word_embeddings is false, in config.json or by default, "+
			"so the output matrix is lost; if it is the embedding, set tie_word_embeddings to true (--option tie_word_embeddings=true)", weight))
	case *tied && stored && ps.sameRows(weight, e.name):
		ps.used[weight] = true
	case *tied && stored:
		*tied = false
		ps.warnings = append(ps.warnings, fmt.Sprintf("tie_word_embeddings is true, but tensor %q of the checkpoint is not the embedding: "+
			"it is used as the output matrix", weight))
	}
	if *tied {
		return ps.TiedHead(e)
	}
	return ps.Head(name, e.Vocab, e.Dim, init)
}

// sameRows reports whether two matrices of the source are equal.
func (ps *Params) sameRows(a, b string) bool {
	shape, _ := ps.src.Shape(a)
	if other, _ := ps.src.Shape(b); !slices.Equal(shape, other) || len(shape) != 2 {
		return false
	}
	defer ps.src.ReleasePages(a)
	x, y := make([]float32, shape[1]), make([]float32, shape[1])
	for r := range shape[0] {
		if err := errors.Join(ps.stop(), ps.src.ReadRows(a, r, r+1, x), ps.src.ReadRows(b, r, r+1, y)); err != nil {
			ps.fail(fmt.Errorf("compare tensors %q and %q: %w", a, b, err))
			return false
		}
		if !slices.Equal(x, y) {
			return false
		}
	}
	return true
}

// Head declares an untied output matrix, name.weight [vocab, dim], in the head's format.
func (ps *Params) Head(name string, vocab, dim int, init Init) *Linear {
	l := &Linear{In: dim, Out: vocab}
	l.W, l.Weight = ps.matrix(name+".weight", ClassHead, ps.precision.Head, vocab, dim, false, init)
	return l
}

// TiedHead returns an output matrix that shares the embedding's table, or a packed copy of it if the head has another
// format.
func (ps *Params) TiedHead(e *Embedding) *Linear {
	l := &Linear{In: e.Dim, Out: e.Vocab, W: e.Table, Weight: e.Weight}
	if head := ps.precision.Head; head.Kind != e.Table.Format().Kind && ps.err == nil {
		l.W, l.Weight = kernel.NewMatrix(head, e.Vocab, e.Dim, e.Table.Row), nil
		ps.copies = append(ps.copies, l.W)
	}
	return l
}
