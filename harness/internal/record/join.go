package record

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// ErrConflict says that two records of one run cannot both be true.
var ErrConflict = errors.New("they contradict each other")

// Join returns what two records of one run know together: its results, and of pending cells the blocks of both. The plans must
// be equal, and so must be all samples that both have. Join returns a itself if b has nothing to add.
func Join(a, b *Run) (*Run, error) {
	if what := planDiffers(a, b); what != "" {
		return nil, fmt.Errorf("%w: %s of the plan differs", ErrConflict, what)
	}
	joined := *latest(a, b)
	joined.Models, joined.Cells = slices.Clone(a.Models), slices.Clone(a.Cells)
	for i := range joined.Models {
		joined.Models[i].LeaksFuture = a.Models[i].LeaksFuture || b.Models[i].LeaksFuture
	}
	for i := range joined.Cells {
		c, err := joinCells(&a.Cells[i], &b.Cells[i])
		if err != nil {
			return nil, err
		}
		joined.Cells[i] = *c
	}
	if joined.Count(Pending) > 0 {
		joined.Status = Interrupted
	} else if a.over() && b.over() && !reflect.DeepEqual(ending(a), ending(b)) {
		return nil, fmt.Errorf("%w: status, end or facts differ", ErrConflict)
	}
	if reflect.DeepEqual(&joined, a) {
		return a, nil
	}
	return &joined, nil
}

// over reports whether the run needs no more measurement.
func (r *Run) over() bool { return r.Status == Done || r.Status == RunFailed }

// ending is what is known when a run is over.
func ending(r *Run) []any { return []any{r.Status, r.Ended, r.Facts} }

// latest is the record that is over, or has more samples.
func latest(a, b *Run) *Run {
	if a.over() != b.over() {
		if b.over() {
			return b
		}
		return a
	}
	if b.samples() > a.samples() {
		return b
	}
	return a
}

func (r *Run) samples() (n int) {
	for _, c := range r.All() {
		n += len(c.Samples)
	}
	return n
}

// planDiffers says which part of two plans differs, or "".
func planDiffers(a, b *Run) string {
	head := func(r *Run) []any {
		return []any{r.ID, r.Started.UnixNano(), r.Version, r.Command, r.Seed, r.Until, r.Suites, r.Corpus, r.Host, len(r.Models), len(r.Cells)}
	}
	if !reflect.DeepEqual(head(a), head(b)) {
		return "start, command, seed, host or size"
	}
	for i := range a.Models {
		was, is := a.Models[i], b.Models[i]
		if is.LeaksFuture = was.LeaksFuture; !reflect.DeepEqual(was, is) {
			return "model " + was.Name
		}
	}
	for i := range a.Cells {
		if !reflect.DeepEqual(a.Cells[i].plan(), b.Cells[i].plan()) {
			return a.Cells[i].words()
		}
	}
	return ""
}

// plan is the cell without results.
func (c Cell) plan() Cell {
	c.Status, c.Reason, c.Failure, c.Warnings, c.Missing, c.Samples = "", "", nil, nil, nil, nil
	return c
}

func (c *Cell) words() string {
	return fmt.Sprintf("cell %.10s (%s %s %s)", c.ID, c.Probe, c.Model, c.Point)
}

// joinCells returns the record of a cell that knows more or, of a cell that is still pending in both, all blocks of both.
func joinCells(a, b *Cell) (*Cell, error) {
	inA, inB := a.attempts(), b.attempts()
	for at, was := range inA {
		if is, both := inB[at]; both && !reflect.DeepEqual(was, is) {
			return nil, fmt.Errorf("%w: block %d of %s differs", ErrConflict, at.block, a.words())
		}
	}
	more, less := a, b
	if len(inB) > len(inA) || len(inB) == len(inA) && b.known() > a.known() {
		more, less = b, a
	}
	if !within(less.attempts(), more.attempts()) {
		if a.Status != Pending || b.Status != Pending {
			return nil, fmt.Errorf("%w: one has a result of %s, the other further blocks", ErrConflict, a.words())
		}
		return union(more, less), nil
	}
	same := len(inA) == len(inB) && a.known() == b.known() || less.Status != Pending
	if same && !reflect.DeepEqual(*a, *b) {
		return nil, fmt.Errorf("%w: the result of %s differs", ErrConflict, a.words())
	}
	return more, nil
}

// within reports whether all attempts of one record are in another.
func within(less, more map[attempt][]Sample) bool {
	for at := range less {
		if more[at] == nil {
			return false
		}
	}
	return true
}

// union returns a pending cell with the blocks and notes of both records, in the order of the blocks.
func union(a, b *Cell) *Cell {
	joined := *a
	has := a.attempts()
	joined.Samples = slices.Concat(a.Samples, slices.DeleteFunc(slices.Clone(b.Samples), func(s Sample) bool { return has[s.attempt()] != nil }))
	slices.SortStableFunc(joined.Samples, func(x, y Sample) int {
		return cmp.Or(cmp.Compare(x.Block, y.Block), cmp.Compare(x.Attempt, y.Attempt))
	})
	joined.Warnings = slices.Concat(a.Warnings, slices.DeleteFunc(slices.Clone(b.Warnings), func(w string) bool { return slices.Contains(a.Warnings, w) }))
	joined.Missing = slices.Concat(a.Missing, slices.DeleteFunc(slices.Clone(b.Missing), func(m Missing) bool { return slices.Contains(a.Missing, m) }))
	return &joined
}

// attempt is an attempt at a block.
type attempt struct{ block, number int }

func (s *Sample) attempt() attempt { return attempt{s.Block, s.Attempt} }

// attempts are the cell's samples by attempt.
func (c *Cell) attempts() map[attempt][]Sample {
	all := map[attempt][]Sample{}
	for _, s := range c.Samples {
		all[s.attempt()] = append(all[s.attempt()], s)
	}
	return all
}

// known orders the states of a cell with the same samples: a result is more than none, and notes are only ever added.
func (c *Cell) known() int {
	n := len(c.Warnings) + len(c.Missing)
	if c.Status != Pending {
		n += 1 << 30
	}
	return n
}
