package record

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// half returns a run with the given blocks of its two cells, and a result for each cell that has all three.
func half(blocks ...int) *Run {
	r := &Run{ID: "r-1", Started: time.Unix(1, 0), Status: Done, Facts: []Fact{{Name: "text", Value: "t"}}, Models: []Model{{Name: "m"}}}
	for i, n := range blocks {
		c := Cell{ID: string(rune('a' + i)), Model: "m", Probe: "prefill", Repeats: 3, Status: OK}
		if n < 3 {
			c.Status, r.Status = Pending, Interrupted
		}
		for block := range n {
			c.Samples = append(c.Samples, Sample{Metric: "x", Value: float64(block), Block: block}, Sample{Metric: "x", Value: 7, Block: block, Attempt: 1})
		}
		r.Cells = append(r.Cells, c)
	}
	return r
}

func TestJoin(t *testing.T) {
	for name, c := range map[string]struct{ a, b, want *Run }{
		"equal":              {half(3, 3), half(3, 3), half(3, 3)},
		"more in the second": {half(1, 0), half(3, 2), half(3, 2)},
		"more in the first":  {half(3, 2), half(1, 0), half(3, 2)},
		"finished":           {half(3, 1), half(3, 3), half(3, 3)},
		"each has a cell":    {half(3, 1), half(1, 3), half(3, 3)},
	} {
		got, err := Join(c.a, c.b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if name == "each has a cell" {
			c.want.Status = Interrupted // nobody has ended it: resuming does
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		if nothing := cmp.Equal(c.a, c.want); nothing != (got == c.a) {
			t.Errorf("%s: it says that something was added: %v", name, !nothing)
		}
	}
}

// TestJoinKeepsResults takes a result instead of none, new notes, and a leak that either record found.
func TestJoinKeepsResults(t *testing.T) {
	a, b := half(1, 1), half(1, 1)
	b.Cells[0].Status, b.Cells[0].Failure = Failed, &Failure{Class: "crash"}
	b.Cells[1].Warnings = []string{"w"}
	b.Models[0].LeaksFuture = true
	for _, pair := range [][2]*Run{{a, b}, {b, a}} {
		got, err := Join(pair[0], pair[1])
		if err != nil || got.Cells[0].Status != Failed || got.Cells[1].Warnings == nil || !got.Models[0].LeaksFuture {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// TestJoinHalves takes the blocks of both records of a cell that neither has finished, in order and each once, and its notes.
func TestJoinHalves(t *testing.T) {
	whole := half(2, 0)
	whole.Cells[0].Repeats, whole.Cells[0].Warnings = 9, []string{"w", "x"}
	whole.Cells[0].Missing = []Missing{{"m", "r"}}
	a, b := half(2, 0), half(2, 0)
	for i, r := range []*Run{a, b} {
		c := &r.Cells[0]
		c.Repeats, c.Warnings = 9, whole.Cells[0].Warnings[:i+1]
		c.Samples = c.Samples[2-2*i : 4-2*i] // block 1 of a, block 0 of b
	}
	a.Cells[0].Missing = whole.Cells[0].Missing
	joined, err := Join(a, b)
	if diff := cmp.Diff(whole, joined); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if again, err := Join(joined, b); again != joined || err != nil {
		t.Errorf("joined twice: %v, %v", again, err)
	}
}

func TestJoinRefuses(t *testing.T) {
	for want, change := range map[string]func(r *Run){
		"start, command, seed, host or size of the plan differs": func(r *Run) { r.Seed++ },
		"model m of the plan differs":                            func(r *Run) { r.Models[0].PluginSHA = "x" },
		"cell b (prefill m ) of the plan differs":                func(r *Run) { r.Cells[1].Repeats++ },
		"block 2 of cell a (prefill m ) differs":                 func(r *Run) { r.Cells[0].Samples[4].Value++ },
		"block 1 of cell a (prefill m ) differs":                 func(r *Run) { r.Cells[0].Samples[3].Host++ },
		"the result of cell b (prefill m ) differs":              func(r *Run) { r.Cells[1].Status = Failed },
		"one has a result of cell b (prefill m ), the other further blocks": func(r *Run) {
			r.Cells[1].Samples[0].Block, r.Cells[1].Samples[1].Block = 9, 9
		},
		"status, end or facts differ": func(r *Run) { r.Facts = nil },
	} {
		a, b := half(3, 3), half(3, 3)
		change(b)
		if _, err := Join(a, b); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
