package report

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/unit"
)

// eventful is a cell of the synthetic run whose samples have calls, of which some do not count, and a block that was disturbed
// and repeated.
func eventful(run *record.Run) *record.Cell {
	for _, c := range run.All() {
		if c.Suite != "speed" || c.Probe != "prefill" || c.Model != "bk" || c.Point.Get("len") != "512" {
			continue
		}
		for i := range c.Samples {
			s := &c.Samples[i]
			for call := range 8 {
				s.Calls = append(s.Calls, s.Value*(1+0.01*float64((call*5)%8)))
			}
			s.Dropped = i % 2
		}
		repeated := c.Samples[3]
		c.Samples[3].Disturbed = []string{"steal 31 % of the time"}
		repeated.Attempt = 1
		c.Samples = append(c.Samples, repeated)
		return c
	}
	return nil
}

func TestPageHoldsEverySample(t *testing.T) {
	run := syntheticRun()
	special := eventful(run)
	data, err := samplesJSON(Build(run))
	if err != nil {
		t.Fatal(err)
	}
	var page struct {
		Labels []string
		Cells  map[string]struct {
			Metrics map[string]struct {
				Value     []float64
				Calls     [][]float64
				Block     []int
				Next      bool
				Label     []int
				Aside     []int
				Disturbed map[int]string
			}
		}
	}
	if err := json.Unmarshal([]byte(data), &page); err != nil {
		t.Fatal(err)
	}
	for _, c := range run.All() {
		of := map[string]int{} // samples of each metric so far
		for _, s := range c.Samples {
			m, i := page.Cells[c.ID[:10]].Metrics[s.Metric], of[s.Metric]
			of[s.Metric]++
			want := s.Value
			if s.Unit == unit.Second {
				want *= 1e9
			}
			if i >= len(m.Value) || math.Abs(m.Value[i]-want) > 1e-5*math.Abs(want) {
				t.Fatalf("sample %d of %s of cell %s: %v, want %g", i, s.Metric, c.ID, m.Value, s.Value)
			}
			switch {
			case m.Next && (i != s.Block || m.Block != nil), !m.Next && m.Block == nil && s.Block != 0, m.Block != nil && m.Block[i] != s.Block:
				t.Errorf("sample %d of %s of cell %s is not of block %d: %v, %v", i, s.Metric, c.ID, s.Block, m.Next, m.Block)
			}
			if s.Label != "" && page.Labels[m.Label[i]] != s.Label {
				t.Errorf("label of sample %d of %s: %q, want %q", i, s.Metric, page.Labels[m.Label[i]], s.Label)
			}
			if s.Calls != nil && len(m.Calls[i]) != len(s.Calls) {
				t.Errorf("sample %d of %s has %d calls, want %d", i, s.Metric, len(m.Calls[i]), len(s.Calls))
			}
		}
	}
	m := page.Cells[special.ID[:10]].Metrics["prefill_seconds"]
	if len(m.Aside) != 1 || m.Aside[0] != 3 || m.Disturbed[3] != "steal 31 % of the time" {
		t.Errorf("the disturbed sample: aside %v, disturbed %v", m.Aside, m.Disturbed)
	}
	if strings.Contains(string(data), "<") {
		t.Error("the data could end the element that holds it")
	}
}

// TestDerivation checks that every quantity is proportional to its metric or to the metric's inverse, as the page assumes.
func TestDerivation(t *testing.T) {
	for _, q := range result.Quantities() {
		point := record.Point{{Name: "len", Value: "384"}, {Name: "batch", Value: "3"}, {Name: "depth", Value: "40"}, {Name: "context", Value: "256"}}
		rule := derivation(q, point)
		for _, v := range []float64{1e-7, 0.3, 5, 4096} {
			got := rule.Factor * v
			if rule.Inverse {
				got = rule.Factor / v
			}
			if want := q.Of(point, v); math.Abs(got-want) > 1e-9*math.Abs(want) {
				t.Errorf("%s of %g is %g, the page shows %g", q.Name, v, want, got)
			}
		}
	}
}

func TestFigureData(t *testing.T) {
	f := chart.Figure{Name: "f", X: chart.Axis{Label: "length", Unit: unit.Token}, Y: chart.Axis{Label: "time", Unit: unit.Second}, Series: []chart.Series{
		{Name: "a", Points: []chart.Point{{X: 2048, Y: 0.002, Lo: 0.001, Hi: 0.004, Label: "int8"}, {X: 1, Y: math.NaN()}}},
	}}
	got := figureData(f)
	var texts []string
	for _, row := range got.Rows {
		for _, v := range row {
			texts = append(texts, v.Text)
		}
	}
	if want := "a|int8|2K|2.000 ms [1.000 ms, 4.000 ms]|a|–|1|–"; strings.Join(texts, "|") != want {
		t.Errorf("%q, want %q", strings.Join(texts, "|"), want)
	}
}
