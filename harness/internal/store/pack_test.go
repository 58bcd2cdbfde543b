package store

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/archbench/archbench/harness/internal/record"
)

// samples draws samples whose every field may be set.
var samples = rapid.SliceOf(rapid.Custom(func(t *rapid.T) record.Sample {
	numbers := rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64)
	words := rapid.SliceOfN(rapid.String(), 0, 3)
	s := record.Sample{
		Block: rapid.IntRange(0, 9).Draw(t, "block"), Attempt: rapid.IntRange(0, 2).Draw(t, "attempt"),
		Metric: rapid.String().Draw(t, "metric"), Label: rapid.String().Draw(t, "label"), Unit: rapid.String().Draw(t, "unit"),
		Value: numbers.Draw(t, "value"), Position: rapid.Int().Draw(t, "position"), Dropped: rapid.Int().Draw(t, "dropped"),
		Host: time.Duration(rapid.Int64().Draw(t, "host")), Plugin: time.Duration(rapid.Int64().Draw(t, "plugin")),
		Calls: rapid.SliceOfN(numbers, 0, 3).Draw(t, "calls"), Disturbed: words.Draw(t, "disturbed"),
	}
	for _, w := range words.Draw(t, "sensors") {
		s.Readings = append(s.Readings, record.Reading{Name: w, Value: numbers.Draw(t, "reading"), Reason: rapid.String().Draw(t, "reason")})
	}
	return s
}))

// TestPack checks that samples survive packing bit by bit, and that damage is found: a missing end, or another count.
func TestPack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := samples.Draw(t, "samples")
		b := packed(want)
		got, err := unpack(b, len(want))
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("%v\n%s", err, diff)
		}
		if len(b) == 0 {
			return
		}
		if _, err := unpack(b, len(want)+1); !errors.Is(err, ErrDamaged) {
			t.Errorf("one sample too few: %v", err)
		}
		if _, err := unpack(b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")], len(want)); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut: %v", err)
		}
	})
}

// FuzzUnpack checks that no bytes make a reader panic or allocate beyond their size, and that what can be read is read the
// same again.
func FuzzUnpack(f *testing.F) {
	s := record.Sample{Metric: "m", Unit: "s", Value: 1, Calls: []float64{1, 2}, Disturbed: []string{"x"}, Readings: []record.Reading{{Name: "steal", Value: 1}}}
	f.Add(packed([]record.Sample{s}), 1)
	f.Add(packed([]record.Sample{s, {}}), 2)
	f.Add(bytes.Repeat([]byte{0xff}, 30), math.MaxInt)
	f.Fuzz(func(t *testing.T, data []byte, count int) {
		got, err := unpack(data, count)
		if err != nil {
			return
		}
		again, err := unpack(packed(got), count)
		if err != nil || !bytes.Equal(packed(got), packed(again)) {
			t.Errorf("%v: %+v, again %+v", err, got, again)
		}
	})
}

// packed packs samples.
func packed(samples []record.Sample) (b []byte) {
	for i := range samples {
		b = pack(b, &samples[i])
	}
	return b
}
