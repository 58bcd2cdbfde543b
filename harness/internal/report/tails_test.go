package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
)

// stepping is a cell of decoding with n single steps of 1 to n milliseconds, in blocks of 64.
func stepping(n int) record.Cell {
	c := record.Cell{ID: strings.Repeat("a", 64), Probe: "decode", Model: "m", Suite: "speed", Status: record.OK, Point: record.Point{{Name: "depth", Value: "128"}}}
	for i := range n {
		value := float64(i*7%n+1) / 1000
		c.Samples = append(c.Samples, record.Sample{Metric: probe.StepSeconds, Label: fmt.Sprint(i%64 + 1), Value: value, Unit: "s", Block: i / 64})
	}
	return c
}

// TestPercentiles checks that a percentile needs ten samples beyond it, and that the reason for a missing one is given.
func TestPercentiles(t *testing.T) {
	enough, few, silent := stepping(640), stepping(19), stepping(0)
	silent.Missing = []record.Missing{{Metric: probe.StepSeconds, Reason: "the plugin does not time single steps"}}
	ix := newIndex(&record.Run{Models: []record.Model{{Name: "m"}}})
	tables := ix.TailTables([]*record.Cell{&enough, &silent})
	if len(tables) != 1 {
		t.Fatalf("%d tables", len(tables))
	}
	row := tables[0].Rows[0][2:]
	if *row[0].Number != 0.320 || *row[1].Number != 0.576 || row[0].N != 640 || row[0].Lo != nil {
		t.Errorf("%+v", row)
	}
	if row[2].Text != "n/a (640 samples, needs 1000)" {
		t.Errorf("%+v", row[2])
	}
	if got := tables[0].Rows[1][2].Text; got != "n/a (the plugin does not time single steps)" {
		t.Errorf("%q", got)
	}
	if got := ix.TailTables([]*record.Cell{&few}); len(got) != 0 {
		t.Errorf("a table of nothing: %+v", got)
	}
	shown := ShowCell(&record.Run{}, &enough)
	derived, steps := shown[1], shown[3]
	if len(derived.Rows) != 3 || len(steps.Rows) != 10 || steps.Rows[0][1].Text != "64" || len(shown[2].Rows) != 0 {
		t.Errorf("%d derived rows, %d blocks of steps, %d samples", len(derived.Rows), len(steps.Rows), len(shown[2].Rows))
	}
}
