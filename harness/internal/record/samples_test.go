package record

import (
	"bytes"
	"math"
	"testing"
)

// TestSamplesSHA checks that the hash depends on every bit of every field, and that a cell's lines keep full precision.
func TestSamplesSHA(t *testing.T) {
	cell := func(change func(*Sample)) *Cell {
		s := Sample{Metric: "m", Label: "<l>", Value: 0.1, Unit: "s", Block: 1, Position: 2, Host: 3, Plugin: 4, Calls: []float64{0.1, 1e-300}}
		change(&s)
		return &Cell{ID: "aa", Samples: []Sample{s}}
	}
	same := cell(func(*Sample) {})
	var lines bytes.Buffer
	if err := same.WriteSamples(&lines); err != nil {
		t.Fatal(err)
	}
	want := `{"cell":"aa","metric":"m","label":"<l>","value":0.1,"unit":"s","block":1,"position":2,"host_ns":3,"plugin_ns":4,"calls":[0.1,1e-300]}` + "\n"
	if lines.String() != want {
		t.Errorf("%s, want %s", &lines, want)
	}
	seen := map[string]bool{SamplesSHA(same): true}
	for _, change := range []func(*Sample){
		func(s *Sample) { s.Metric = "n" }, func(s *Sample) { s.Label = "" }, func(s *Sample) { s.Value = math.Nextafter(0.1, 1) },
		func(s *Sample) { s.Unit = "" }, func(s *Sample) { s.Block++ }, func(s *Sample) { s.Position++ }, func(s *Sample) { s.Host++ },
		func(s *Sample) { s.Plugin++ }, func(s *Sample) { s.Calls[1] = 0 }, func(s *Sample) { s.Calls = nil },
	} {
		seen[SamplesSHA(cell(change))] = true
	}
	if len(seen) != 11 || seen[""] {
		t.Errorf("%d different hashes of 11", len(seen))
	}
	if got := SamplesSHA(cell(func(s *Sample) { s.Value = math.Inf(1) })); got != "" {
		t.Errorf("infinite: %q", got)
	}
}
