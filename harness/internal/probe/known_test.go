package probe

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/lmfake"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/lm"
)

// telling returns a fake that changes one kind of reply.
func telling[R any](change func(*R)) *lmfake.Architecture {
	return &lmfake.Architecture{Tell: func(reply any) {
		if own, ok := reply.(*R); ok {
			change(own)
		}
	}}
}

// TestTimedWorkIsVerified checks that a timed answer is compared with scoring if Verify is set, unless the model's
// predictions cannot be compared.
func TestTimedWorkIsVerified(t *testing.T) {
	lastLogits := telling(func(r *lm.StepReply) {
		for _, o := range r.Outputs {
			clear(o.Logits)
		}
	})
	otherTokens := telling(func(c *lm.GenerateChunk) {
		for _, made := range c.Tokens {
			for i := range made {
				made[i] = (made[i] + 1) % lmfake.Vocab
			}
		}
	})
	lowLosses := telling(func(r *lm.ScoreReply) {
		for _, s := range r.Scores {
			for i := range s.NLL {
				s.NLL[i] /= 2
			}
		}
	})
	lowLosses.Abilities = []lm.Ability{}
	for name, tc := range map[string]struct {
		probe *Probe
		lie   *lmfake.Architecture
	}{
		"prefill": {prefillProbe, lastLogits}, "prefill without state": {prefillProbe, lowLosses},
		"first token": {ttftProbe, otherTokens}, "decode": {decodeProbe, otherTokens},
	} {
		point := []string{"len", "16", "depth", "16"}
		honest := subject(t, &lmfake.Architecture{Abilities: tc.lie.Abilities}, tc.probe, point...)
		honest.Verify = true
		if _, err := tc.probe.Measure(t.Context(), honest); err != nil {
			t.Errorf("%s, honest: %v", name, err)
		}
		liar := subject(t, tc.lie, tc.probe, point...)
		if _, err := tc.probe.Measure(t.Context(), liar); err != nil {
			t.Errorf("%s, not verified: %v", name, err)
		}
		liar.Verify = true
		var bad *lm.ReplyError
		if _, err := tc.probe.Measure(t.Context(), liar); !errors.As(err, &bad) || bad.Fault != lm.Contradiction {
			t.Errorf("%s: %v, want a contradiction", name, err)
		}
		liar.Unfit = "sees the future"
		if _, err := tc.probe.Measure(t.Context(), liar); err != nil {
			t.Errorf("%s of a model whose predictions cannot be compared: %v", name, err)
		}
	}
	unsteady := subject(t, &lmfake.Architecture{Unsteady: true}, prefillProbe, "len", "16")
	unsteady.Verify = true
	var bad *lm.ReplyError
	if _, err := prefillProbe.Measure(t.Context(), unsteady); !errors.As(err, &bad) || bad.Fault != lm.Unsteady {
		t.Errorf("a non-deterministic model: %v", err)
	}
}

// TestWork checks the work of points.
func TestWork(t *testing.T) {
	for _, tc := range []struct {
		probe *Probe
		point []string
		want  []Work
	}{
		{prefillProbe, []string{"len", "64", "batch", "3"}, []Work{{lm.Prefill, 3, 64, 1}}},
		{ttftProbe, []string{"len", "64"}, []Work{{lm.Prefill, 1, 64, 1}}},
		{decodeProbe, []string{"depth", "64", "batch", "3", "tokens", "70"}, []Work{{lm.Prefill, 3, 64, 1}, {lm.Decode, 3, 64, 70}}},
		{costProbe, []string{"phase", "decode", "len", "8", "batch", "2"}, []Work{{lm.Prefill, 2, 8, 1}, {lm.Decode, 2, 8, 1}}},
		{costProbe, []string{"phase", "score", "len", "8"}, []Work{{lm.Scoring, 1, 8, 1}}},
		{costProbe, []string{"count", "no"}, nil},
		{memoryProbe, []string{"len", "32"}, []Work{{lm.Prefill, 1, 32, 1}}},
		{streamProbe, []string{"len", "4096"}, []Work{{lm.Scoring, 1, 4096, 1}}},
		{qualityProbe, []string{"context", "64", "stride", "32", "text_bytes", "6400"}, []Work{{lm.Scoring, 1, 64, 101}}},
	} {
		if diff := cmp.Diff(tc.want, tc.probe.Work(subject(t, &lmfake.Architecture{}, tc.probe, tc.point...).Settings)); diff != "" {
			t.Errorf("%s %v:\n%s", tc.probe.Name, tc.point, diff)
		}
	}
}

// TestContextOfPoints checks that a point fits a model with exactly the positions that it needs, but not one with fewer.
func TestContextOfPoints(t *testing.T) {
	for _, tc := range []struct {
		probe *Probe
		point []string
		want  int
	}{
		{prefillProbe, []string{"len", "64"}, 64}, {ttftProbe, []string{"len", "64"}, 64}, {memoryProbe, []string{"len", "64"}, 64},
		{decodeProbe, []string{"depth", "64", "tokens", "70"}, 64 + 70 + 1}, {streamProbe, []string{"len", "64"}, 64},
		{costProbe, []string{"phase", "decode", "len", "64"}, 65}, {costProbe, []string{"phase", "score", "len", "64"}, 64},
		{qualityProbe, []string{"context", "64", "stride", "64"}, 64}, {divergenceProbe, []string{"len", "64"}, 3},
	} {
		for limit, fits := range map[int]bool{0: true, tc.want: true, tc.want - 1: false} {
			s := subject(t, &lmfake.Architecture{Limit: limit}, tc.probe, tc.point...)
			err := tc.probe.Available(s.Info, s.Settings)
			if fits != (err == nil) || !fits && !strings.HasPrefix(err.Error(), "n/a (context limit ") {
				t.Errorf("%s %v with %d positions: %v", tc.probe.Name, tc.point, limit, err)
			}
		}
		if got := tc.probe.Warnings(tc.want, subject(t, &lmfake.Architecture{}, tc.probe, tc.point...).Settings); got != nil {
			t.Errorf("%s %v at the trained context: %q", tc.probe.Name, tc.point, got)
		}
	}
}

// TestDerivedQuantities checks the quantities derived from metrics.
func TestDerivedQuantities(t *testing.T) {
	point := record.Point{{Name: "len", Value: "50"}, {Name: "depth", Value: "9"}, {Name: "batch", Value: "2"}, {Name: "phase", Value: "prefill"}}
	decoding := slices.Clone(point)
	decoding[3].Value = "decode"
	for _, tc := range []struct {
		quantity string
		point    record.Point
		value    float64
		want     float64
	}{
		{"prefill", point, 0.5, 200}, {"decode", point, 0.5, 0.5}, {"decode-speed", point, 0.5, 4}, {"ttft", point, 0.5, 0.5},
		{"flops", point, 1000, 1000}, {"flops-per-token", point, 1000, 10}, {"flops-per-token", decoding, 1000, 500},
		{"decode-speed", record.Point{{Name: "depth", Value: "9"}}, 0.5, 2}, // no axis batch: one document
	} {
		found := false
		for _, p := range Table {
			for _, q := range p.Quantities {
				if q.Name == tc.quantity {
					found = true
					if got := q.Of(tc.point, tc.value); got != tc.want {
						t.Errorf("%s of %v at %v is %v, want %v", q.Name, tc.value, tc.point, got, tc.want)
					}
				}
			}
		}
		if !found {
			t.Errorf("no probe has the quantity %s", tc.quantity)
		}
	}
}

// TestQualityOfWholeDocuments checks losses and bytes against scoring each document at once. A first token that is not
// scored must not count in the bytes.
func TestQualityOfWholeDocuments(t *testing.T) {
	for _, noBOS := range []bool{false, true} {
		a := &lmfake.Architecture{NoBOS: noBOS}
		s := subject(t, a, qualityProbe, "context", "8000", "stride", "8000", "text_bytes", "4000")
		got, r := measure(t, qualityProbe, s)
		documents, err := s.HeldOut.Excerpt(4000)
		if err != nil || len(documents) != 2 {
			t.Fatal(len(documents), err)
		}
		for _, d := range documents {
			var tokens []int32
			for more, err := range d.Tokens {
				if err != nil {
					t.Fatal(err)
				}
				tokens = append(tokens, more...)
			}
			scored := len(tokens)
			if noBOS {
				scored--
			} else {
				tokens = slices.Insert(tokens, 0, s.Info.BOS)
			}
			reply, err := s.Model.Score(t.Context(), lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: tokens, From: 1}}})
			if err != nil {
				t.Fatal(err)
			}
			nats := 0.0
			for _, x := range reply.Scores[0].NLL {
				nats += x
			}
			if x := got[DocumentNats+" "+d.Name].Value; math.Abs(x-nats) > 1e-6*nats {
				t.Errorf("no start token %v, %s: %v nats, want %v", noBOS, d.Name, x, nats)
			}
			for _, metric := range []string{DocumentBytes, DocumentTokens} { // a token is one byte
				if x := got[metric+" "+d.Name].Value; x != float64(scored) {
					t.Errorf("no start token %v, %s: %s %v, want %d", noBOS, d.Name, metric, x, scored)
				}
			}
		}
		if warns := slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.HasPrefix(w, "no start token") }); warns != noBOS {
			t.Errorf("no start token %v: warnings %q", noBOS, r.Warnings)
		}
	}
}

// TestMissingMemory checks that missing values have a reason and no number.
func TestMissingMemory(t *testing.T) {
	a := telling(func(m *lm.Memory) { m.Peak = nil })
	if got, _ := measure(t, memoryProbe, subject(t, a, memoryProbe, "len", "32")); len(got) != 3 || got[StateBytes].Value != 64 {
		t.Errorf("without a peak: %v", got)
	}
	s := subject(t, &lmfake.Architecture{}, memoryProbe, "len", "32")
	s.PID = 1 << 30 // no process
	if _, r := measure(t, memoryProbe, s); Lacking(&record.Cell{Missing: r.Missing}, ProcessRSSBytes) != "the system does not tell" {
		t.Errorf("missing %q", r.Missing)
	}
	if _, err := memoryProbe.Measure(t.Context(), subject(t, &lmfake.Architecture{Abilities: []lm.Ability{}}, memoryProbe, "len", "1")); err == nil || !strings.Contains(err.Error(), "reads at least 2 tokens") {
		t.Errorf("one token without a state: %v", err)
	}
}

// TestFailuresAreNotSwallowed checks that a probe returns the error of a failing call.
func TestFailuresAreNotSwallowed(t *testing.T) {
	boom := errors.New("boom")
	for _, p := range Table {
		a := &lmfake.Architecture{}
		s := subject(t, a, p, "len", "64", "depth", "16", "context", "64", "stride", "64", "text_bytes", "1024", "trials", "1")
		if p == divergenceProbe {
			s.Reference = s.Model
		}
		if _, err := p.Measure(t.Context(), s); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		a.Fail = boom
		if r, err := p.Measure(t.Context(), s); !errors.Is(err, boom) || len(r.Samples) > 0 {
			t.Errorf("%s: %v and %d samples of a model that fails", p.Name, err, len(r.Samples))
		}
	}
}

// TestSettingsInRange checks that invalid settings are rejected with an error that names them.
func TestSettingsInRange(t *testing.T) {
	for _, tc := range []struct{ name, value, want string }{
		{"phase", "Prefill", `phase is one of ["prefill" "score" "decode" "train"], not "Prefill"`},
		{"len", "+5", `len is a whole number of at least 1, not "+5"`}, {"len", "1e3", "whole number"}, {"len", " 5", "whole number"},
		{"len", "0", "at least 1"}, {"batch", "-1", "at least 1"}, {"len", "1073741825", "len is at most 1073741824"}, {"len", "99999999999999999999", "whole number"},
	} {
		s := subject(t, &lmfake.Architecture{}, costProbe, tc.name, tc.value)
		if _, err := costProbe.Measure(t.Context(), s); err == nil || !strings.HasPrefix(err.Error(), "probe cost: ") || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s=%q: %v, want %s", tc.name, tc.value, err, tc.want)
		}
	}
	err := qualityProbe.Check(subject(t, &lmfake.Architecture{}, qualityProbe, "context", "64", "stride", "65").Settings)
	if err == nil || err.Error() != "probe quality: stride 65 is above context 64: tokens would stay unscored" {
		t.Errorf("a stride above the context: %v", err)
	}
}
