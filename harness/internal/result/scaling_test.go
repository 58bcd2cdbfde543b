package result

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/table"
)

// growing is a run of prefills whose times follow the given functions of the length, with a little noise.
func growing(blocks int, models map[string]func(n float64) float64) *Index {
	random := rand.New(rand.NewPCG(1, 2))
	run := &record.Run{ID: "r"}
	for _, name := range []string{"linear", "steep", "bent", "far", "short"} {
		seconds := models[name]
		if seconds == nil {
			continue
		}
		run.Models = append(run.Models, record.Model{Name: name, Family: name, Causal: true, Parameters: 1, Precision: "f32"})
		for n := 128.0; n <= 8192 && (name != "short" || n <= 512); n *= 4 {
			length := strconv.Itoa(int(n))
			c := record.Cell{ID: name + length, Suite: "speed", Probe: "prefill", Model: name, Status: record.OK, Point: record.Point{{Name: "len", Value: length}, {Name: "batch", Value: "1"}}}
			for block := range blocks {
				c.Samples = append(c.Samples, record.Sample{Metric: probe.PrefillSeconds, Block: block, Value: seconds(n) * (1 + 0.01*random.ExpFloat64())})
			}
			run.Cells = append(run.Cells, c)
		}
	}
	return New(run)
}

func TestCrossovers(t *testing.T) {
	linear := func(n float64) float64 { return 1e-5 * n }
	ix := growing(10, map[string]func(float64) float64{
		"linear": linear,
		"steep":  func(n float64) float64 { return 1e-5 * n * math.Sqrt(n/1000) },
		"bent":   func(n float64) float64 { return 0.5e-5 * n * (1 + n/1000) },
		"far":    func(n float64) float64 { return 1e-5 * n * math.Sqrt(n/1e6) },
		"short":  linear,
	})
	got, ok := ix.Crossovers(PrefillSpeed, ix.Cells("", "prefill"))
	if !ok || len(got.Rows) != 3 || len(got.Columns) != 4 { // each pair once, and none of the model with two lengths
		t.Fatalf("%v, %+v", ok, got)
	}
	entry := func(row, column string) table.Value {
		for _, r := range got.Rows {
			for i, c := range got.Columns {
				if r[0].Text == row && c.Part == column {
					return r[i]
				}
			}
		}
		t.Fatalf("no entry of %s with %s", row, column)
		return table.Value{}
	}
	if v := entry("linear", "steep"); v.Number == nil || math.Abs(*v.Number-1000) > 50 || *v.Lo > 1000 || *v.Hi < 1000 || v.N != 10 || len(v.Notes) > 0 || len(v.Cells) != 8 {
		t.Errorf("curves that meet at 1,000: %+v", v)
	}
	if v := entry("linear", "far"); v.Number != nil || v.Reason != "not from 128 to 8K tokens" {
		t.Errorf("curves that meet at a million: %+v", v)
	}
	if v := entry("steep", "far"); v.Number != nil || v.Reason != "the exponents do not differ beyond doubt" {
		t.Errorf("curves that are parallel: %+v", v)
	}
	if v := entry("linear", "bent"); len(v.Notes) != 1 || !strings.HasPrefix(v.Notes[0], "bent: no single power law") {
		t.Errorf("a curve that bends: %+v", v)
	}
	if v := entry("bent", "steep"); v.Text != table.None.Text {
		t.Errorf("a pair has a second entry: %+v", v)
	}

	alike := growing(10, map[string]func(float64) float64{"linear": linear, "far": linear})
	got, _ = alike.Crossovers(PrefillSpeed, alike.Cells("", "prefill"))
	if v := got.Rows[0][1]; v.Reason != "the exponents do not differ beyond doubt" {
		t.Errorf("curves that are the same: %+v", v)
	}
	near := growing(10, map[string]func(float64) float64{"linear": linear, "far": func(n float64) float64 { return 1e-5 * n * math.Pow(n/7000, 0.01) }})
	got, _ = near.Crossovers(PrefillSpeed, near.Cells("", "prefill"))
	if v := got.Rows[0][1]; v.Number == nil || len(v.Notes) != 1 || v.Notes[0] != "the interval goes beyond the lengths that were measured, 128 to 8K tokens" {
		t.Errorf("curves that meet near the end at a narrow angle: %+v", v)
	}
	few := growing(3, map[string]func(float64) float64{"linear": linear, "steep": func(n float64) float64 { return 1e-5 * n * math.Sqrt(n/1000) }})
	got, _ = few.Crossovers(PrefillSpeed, few.Cells("", "prefill"))
	if v := got.Rows[0][1]; v.Number == nil || v.Lo != nil || !strings.HasSuffix(v.Text, "(no interval: n=3)") {
		t.Errorf("three blocks: %+v", v)
	}
	alone := growing(10, map[string]func(float64) float64{"linear": linear, "short": linear})
	if _, ok := alone.Crossovers(PrefillSpeed, alone.Cells("", "prefill")); ok {
		t.Error("one model with an exponent has a table of crossovers")
	}
}
