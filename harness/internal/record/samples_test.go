package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestLines checks that lines are those of package encoding/json, for any text and number.
func TestLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.OneOf(rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64), rapid.Float64Range(-1e-5, 1e-5), rapid.SampledFrom([]float64{0, 1e21, -1e21, 1e-6, 1e-7, 5e-324}))
		word := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "<a>&\u2028\xff\"\\\n", "prefill_seconds"}))
		s := Sample{Metric: word.Draw(t, "metric"), Label: word.Draw(t, "label"), Unit: word.Draw(t, "unit"), Value: number.Draw(t, "value"),
			Block: rapid.Int().Draw(t, "block"), Position: rapid.Int().Draw(t, "position"), Attempt: rapid.IntRange(-1, 2).Draw(t, "attempt"),
			Host: time.Duration(rapid.Int64().Draw(t, "host")), Plugin: time.Duration(rapid.Int64().Draw(t, "plugin")), Dropped: rapid.IntRange(0, 2).Draw(t, "dropped"),
			Calls: rapid.SliceOfN(number, 0, 4).Draw(t, "calls"), Disturbed: rapid.SliceOfN(word, 0, 2).Draw(t, "disturbed")}
		if rapid.Bool().Draw(t, "reads") {
			s.Readings = []Reading{{Name: word.Draw(t, "sensor"), Value: number.Draw(t, "reading"), Reason: word.Draw(t, "reason")}}
		}
		c := Cell{ID: word.Draw(t, "id"), Samples: []Sample{s, s}}
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		for range c.Samples {
			if err := e.Encode(&SampleLine{c.ID, s}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := c.lines()
		if diff := cmp.Diff(want.String(), string(got)); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}

// TestDigestsOf checks that cells have the digests that each has alone, and all of them that of their lines together.
func TestDigestsOf(t *testing.T) {
	var cells []*Cell
	var text bytes.Buffer
	for i := range 50 {
		c := &Cell{ID: string(rune('a' + i))}
		for range i % 7 {
			c.Samples = append(c.Samples, Sample{Metric: "m", Value: float64(i)})
		}
		if err := c.WriteSamples(&text); err != nil {
			t.Fatal(err)
		}
		cells = append(cells, c)
	}
	d := DigestsOf(cells...)
	if want := hash(text.Bytes()); d.All != want {
		t.Errorf("all: %s, want %s", d.All, want)
	}
	for i, c := range cells {
		if want := SamplesSHA(c); d.Each[i] != want {
			t.Errorf("cell %d: %s, want %s", i, d.Each[i], want)
		}
	}
	cells[7].Samples = []Sample{{Value: math.NaN()}}
	if d := DigestsOf(cells...); d.All != "" || d.Each[7] != "" || d.Each[8] != SamplesSHA(cells[8]) {
		t.Errorf("not a number: %+v", d)
	}
}

func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

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
