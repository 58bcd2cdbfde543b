package corpus

import (
	"errors"
	"fmt"
	"math/bits"
	"sort"
	"strings"

	"github.com/archbench/archbench/harness/internal/dataset"
	"github.com/archbench/archbench/harness/internal/text"
	"github.com/archbench/archbench/lm"
)

// BatchOptions say how to cut a side of a corpus into windows and batches.
type BatchOptions struct {
	Split  dataset.Split
	Length int // tokens of a window, at most
	Size   int // windows of a batch
	// Packed windows run across the borders of documents, so all but a source's last are full. Others end with their
	// document.
	Packed bool
	Seed   uint64 // of the order
}

// Batches are windows of a corpus in batches. Every target of a side is in exactly one window, and every window of a source
// is given once before any is given again. It is safe for concurrent use.
type Batches struct {
	BatchOptions
	sources []windows
	places  mixture
}

// windows are those of one source.
type windows struct {
	ids    *tokens
	starts []int // of the pieces of text in ids that windows do not leave
	first  []int // number of windows before each piece, and of all
	length int
	bytes  []float64 // by window; nil if packed
	epochs *dataset.Epochs
}

// Batches cuts a side into windows. It is an error if there are fewer windows than a batch has.
func (c *Corpus) Batches(o BatchOptions) (*Batches, error) {
	if o.Length < 1 || o.Size < 1 {
		return nil, fmt.Errorf("corpus %s: batches of %d windows of %d tokens: want at least 1", c.name, o.Size, o.Length)
	}
	b := &Batches{BatchOptions: o}
	var weights []float64
	for i := range c.parts {
		p := &c.parts[i]
		w := newWindows(&p.sides[o.Split], o)
		switch {
		case w.len() == 0 && o.Split == dataset.Train:
			return nil, fmt.Errorf("corpus %s: no document for training has two tokens: name more text", p.name)
		case w.len() == 0:
			continue
		}
		if !o.Packed {
			if err := w.measure(&p.sides[o.Split], c.tokenizer); err != nil {
				return nil, fmt.Errorf("corpus %s: %w", p.name, err)
			}
		}
		w.epochs = dataset.NewEpochs(o.Seed, uint64(i), w.len())
		weight := p.weight
		if weight == 0 {
			weight = float64(w.len())
		}
		b.sources, weights = append(b.sources, w), append(weights, weight)
	}
	if n := b.Len(); n < o.Size {
		return nil, fmt.Errorf("corpus %s: its %s gives %d windows of %d tokens, fewer than a batch of %d: name more text, or lower --length or --batch", c.name, o.Split, n, o.Length, o.Size)
	}
	b.places = newMixture(weights)
	return b, nil
}

func newWindows(s *side, o BatchOptions) windows {
	w := windows{ids: &s.ids, starts: s.starts, length: o.Length}
	if o.Packed && len(s.starts) > 0 {
		w.starts = []int{0}
	}
	n := 0
	for i := range w.starts {
		w.first = append(w.first, n)
		if targets := w.end(i) - w.starts[i] - 1; targets > 0 {
			n += (targets + o.Length - 1) / o.Length
		}
	}
	w.first = append(w.first, n)
	return w
}

// end is where a piece ends in ids.
func (w *windows) end(piece int) int {
	if piece+1 < len(w.starts) {
		return w.starts[piece+1]
	}
	return w.ids.len()
}

func (w *windows) len() int { return w.first[len(w.first)-1] }

// measure sets the bytes of the windows of each document. They share the document's bytes in proportion to the text that their
// targets spell; the token before the targets is given, because it can change that text.
func (w *windows) measure(s *side, t text.Tokenizer) error {
	w.bytes = make([]float64, w.len())
	for piece, size := range s.bytes {
		own := w.bytes[w.first[piece]:w.first[piece+1]]
		if len(own) == 0 {
			continue
		}
		all := 0.0
		if s.lead == 0 { // no window has the first token as target
			first, err := spelled(t, w.ids.between(w.starts[piece], w.starts[piece]+1))
			if err != nil {
				return err
			}
			all = first
		}
		for i := range own {
			d := w.at(w.first[piece] + i)
			before, err := spelled(t, d.Tokens[:1])
			both, errBoth := spelled(t, append(d.Tokens[:1:1], d.Targets...))
			if err := errors.Join(err, errBoth); err != nil {
				return err
			}
			own[i] = both - before
			all += own[i]
		}
		for i := range own {
			own[i] *= float64(size) / max(1, all)
		}
	}
	return nil
}

// spelled is the length in bytes of the text of ids. A byte of an incomplete character decodes to U+FFFD.
func spelled(t text.Tokenizer, ids []int32) (float64, error) {
	decoded, err := t.Decode(ids)
	return float64(len(decoded) - (len("\ufffd")-1)*strings.Count(decoded, "\ufffd")), err
}

// at returns window i.
func (w *windows) at(i int) lm.TrainDocument {
	piece := sort.SearchInts(w.first, i+1) - 1
	lo := w.starts[piece] + (i-w.first[piece])*w.length
	hi := min(lo+w.length, w.end(piece)-1)
	ids := w.ids.between(lo, hi+1)
	return lm.TrainDocument{Tokens: ids[: len(ids)-1 : len(ids)-1], Targets: ids[1:]}
}

// Len is the number of windows of all sources.
func (b *Batches) Len() (n int) {
	for i := range b.sources {
		n += b.sources[i].len()
	}
	return n
}

// Window returns window i in the order of the text, for evaluation, and the length in bytes of the text of its targets. A
// document's bytes are shared out by what the tokens spell, so lengths add up to it also where a tokenizer changes the text. A
// packed window has no length, 0.
func (b *Batches) Window(i int) (d lm.TrainDocument, bytes float64, err error) {
	left := i
	for s := range b.sources {
		w := &b.sources[s]
		n := w.len()
		if left < 0 || left >= n {
			left -= n
			continue
		}
		if !b.Packed {
			bytes = w.bytes[left]
		}
		return w.at(left), bytes, nil
	}
	return d, 0, fmt.Errorf("there is no window %d of %d", i, b.Len())
}

// Batch returns the documents of an update, from 0. It depends on the corpus, the options and the update only.
func (b *Batches) Batch(update int) ([]lm.TrainDocument, error) {
	if update < 0 {
		return nil, fmt.Errorf("there is no update %d", update)
	}
	documents := make([]lm.TrainDocument, b.Size)
	for i := range documents {
		s, place := b.places.at(uint64(update)*uint64(b.Size) + uint64(i))
		w := &b.sources[s]
		documents[i] = w.at(w.epochs.At(place))
	}
	return documents, nil
}

// mixture spreads the places of a sequence evenly over sources. Each source takes its share of the places that those before
// it leave: place n if the whole part of n·share changes at n+1, which is then the n-th of that source. So every stretch of
// the sequence has the weights, to within one place a source, and any place is found without those before it.
type mixture []uint64 // shares of what is left, times 2^32

// newMixture returns the mixture for weights above 0.
func newMixture(weights []float64) mixture {
	m := make(mixture, len(weights))
	left := 0.0
	for i := len(weights) - 1; i >= 0; i-- {
		left += weights[i]
		m[i] = max(1, uint64(weights[i]/left*(1<<32)))
	}
	m[len(m)-1] = 1 << 32
	return m
}

// at returns the source of a place and its number among the places of that source.
func (m mixture) at(place uint64) (source int, number uint64) {
	for i, share := range m {
		before := taken(place, share)
		if taken(place+1, share) > before {
			return i, before
		}
		place -= before
	}
	return len(m) - 1, place // not reached: the last share is all
}

// taken is the whole part of n·share.
func taken(n, share uint64) uint64 {
	hi, lo := bits.Mul64(n, share)
	return hi<<32 | lo>>32
}
