package nn

import "github.com/archbench/archbench/internal/kernel"

// Embedding is a table of vectors [vocab, dim]. It stays in at least bf16.
type Embedding struct {
	Vocab, Dim int
	Table      kernel.Matrix
	Weight     *Param // the same table, where it is float32
}

// Embedding declares name.weight [vocab, dim].
func (ps *Params) Embedding(name string, vocab, dim int, init Init) *Embedding {
	format := wide(ps.format)
	if ps.head == kernel.F32 {
		format = kernel.F32 // the head may be tied to it
	}
	e := &Embedding{Vocab: vocab, Dim: dim}
	e.Table, e.Weight = ps.matrix(name+".weight", ClassEmbedding, format, vocab, dim, false, init)
	return e
}

// Forward returns the rows of the table that ids name, [len(ids), dim]. It costs no FLOPs; its bytes are those of the
// rows read and written.
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

// record adds the gradient of each row to the row of its id.
func (e *Embedding) record(t *Tape, ids []int32, y Mat) {
	grad := trainable(e.Weight, "embedding")
	t.Record(func() {
		for r, id := range ids {
			into := grad[int(id)*e.Dim:][:e.Dim]
			for i, g := range y.Grad[r*e.Dim : (r+1)*e.Dim] {
				into[i] += g
			}
		}
	})
}

// Head declares an output matrix of its own, name.weight [vocab, dim], in the head's format.
func (ps *Params) Head(name string, vocab, dim int, init Init) *Linear {
	l := &Linear{In: dim, Out: vocab}
	l.W, l.Weight = ps.matrix(name+".weight", ClassHead, ps.head, vocab, dim, false, init)
	return l
}

// TiedHead returns an output matrix that shares the embedding's table, or a packed copy of it where the head's format
// is another.
func (ps *Params) TiedHead(e *Embedding) *Linear {
	l := &Linear{In: e.Dim, Out: e.Vocab, W: e.Table, Weight: e.Weight}
	if ps.head.Kind != e.Table.Format().Kind && ps.err == nil {
		l.W, l.Weight = kernel.NewMatrix(ps.head, e.Vocab, e.Dim, e.Table.Row), nil
		ps.copies = append(ps.copies, l.W)
	}
	return l
}
