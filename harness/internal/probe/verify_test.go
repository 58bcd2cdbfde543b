package probe

import (
	"errors"
	"testing"

	"github.com/archbench/archbench/harness/internal/lmfake"
	"github.com/archbench/archbench/harness/internal/text"
	"github.com/archbench/archbench/lm"
)

// TestAudit checks that an audit finds lies wherever they are, though the model is honest when asked for logits.
func TestAudit(t *testing.T) {
	halve := func(nll []float64) {
		for i := range nll {
			nll[i] /= 2
		}
	}
	for name, tc := range map[string]struct {
		lie  func(call int, r *lm.ScoreReply)
		lies bool
	}{
		"honest": {func(int, *lm.ScoreReply) {}, false},
		"no divergence": {func(_ int, r *lm.ScoreReply) {
			for _, s := range r.Scores {
				clear(s.KL)
			}
		}, true},
		"always the same choice": {func(_ int, r *lm.ScoreReply) {
			for _, s := range r.Scores {
				for i := range s.Top1 {
					s.Top1[i] = true
				}
			}
		}, true},
		"always": {func(_ int, r *lm.ScoreReply) { halve(r.Scores[0].NLL) }, true},
		"but for the first call": {func(call int, r *lm.ScoreReply) {
			if call > 1 {
				halve(r.Scores[0].NLL)
			}
		}, true},
		"but for the first sequence": {func(_ int, r *lm.ScoreReply) {
			for _, s := range r.Scores[1:] {
				halve(s.NLL)
			}
		}, true},
		"but for the last positions": {func(_ int, r *lm.ScoreReply) {
			for _, s := range r.Scores {
				halve(s.NLL[:max(0, len(s.NLL)-verified)])
			}
		}, true},
		"but for the first positions": {func(_ int, r *lm.ScoreReply) {
			for _, s := range r.Scores {
				halve(s.NLL[min(verified, len(s.NLL)):])
			}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			caught, audits := 0, 20
			if tc.lies {
				audits = 300 // each samples the text, so one may miss a lie, but not all
			}
			for i := 0; i < audits && caught == 0; i++ {
				call := 0
				a := &lmfake.Architecture{Noise: 3, Tell: func(reply any) {
					if r, ok := reply.(*lm.ScoreReply); ok && len(r.Scores[0].Logits) == 0 {
						call++
						tc.lie(call, r)
					}
				}}
				reply, _ := errors.AsType[*lm.ReplyError](auditOf(t, asInt8(t, a, subject(t, a, qualityProbe))))
				switch {
				case reply != nil && reply.Fault == lm.Contradiction:
					caught++
				case reply != nil:
					t.Fatal(reply)
				}
			}
			if (caught > 0) != tc.lies {
				t.Errorf("caught: %v", caught > 0)
			}
		})
	}
	if note, err := new(Audit).Check(t.Context(), nil, nil); note != "" || err != nil {
		t.Errorf("nothing scored: %q, %v", note, err)
	}
}

// TestAuditOfOneDocument checks that one long document is sampled as often as several: a model that lies only in its last
// quarter must be caught nine times in ten.
func TestAuditOfOneDocument(t *testing.T) {
	tokens := make([]int32, 64*64)
	for i := range tokens {
		tokens[i] = int32(i * 31 % 256)
	}
	document := text.Encoded{Name: "one", Bytes: int64(len(tokens)), Tokens: func(yield func([]int32, error) bool) { yield(tokens, nil) }}
	caught := 0
	for range 40 {
		calls := 0
		s := subject(t, &lmfake.Architecture{Tell: func(reply any) {
			if r, ok := reply.(*lm.ScoreReply); ok && len(r.Scores[0].Logits) == 0 {
				if calls++; calls > 6 { // of 8
					for _, scores := range r.Scores {
						clear(scores.NLL)
					}
				}
			}
		}}, qualityProbe)
		var audit Audit
		if _, err := ScoreDocument(t.Context(), s.Model, nil, document, 64, 64, &audit); err != nil {
			t.Fatal(err)
		}
		if _, err := audit.Check(t.Context(), s.Model, nil); err != nil {
			caught++
		}
	}
	if caught < 20 {
		t.Errorf("caught %d of 40 times", caught)
	}
}

// TestBentLogits checks that a model that looks at the target token is caught, although its losses and logits agree: the
// audit does not show it the target.
func TestBentLogits(t *testing.T) {
	s := subject(t, &lmfake.Architecture{Leak: true}, qualityProbe)
	reply, _ := errors.AsType[*lm.ReplyError](auditOf(t, s))
	if reply == nil || reply.Fault != lm.Contradiction {
		t.Errorf("got %v", reply)
	}
}

// asInt8 changes a subject's model to int8 and makes the f32 model its reference.
func asInt8(t *testing.T, a *lmfake.Architecture, s *Subject) *Subject {
	t.Helper()
	m, err := a.Load(t.Context(), lm.LoadRequest{Precision: "int8"})
	if err != nil {
		t.Fatal(err)
	}
	s.Reference, s.Model, s.Info = s.Model, m, m.Info()
	return s
}

// auditOf scores the held-out text of a subject and audits it.
func auditOf(t *testing.T, s *Subject) error {
	t.Helper()
	documents, err := s.HeldOut.Excerpt(4096)
	if err != nil {
		t.Fatal(err)
	}
	var audit Audit
	for _, d := range documents {
		if _, err := ScoreDocument(t.Context(), s.Model, s.Reference, d, 64, 64, &audit); err != nil {
			t.Fatal(err)
		}
	}
	_, err = audit.Check(t.Context(), s.Model, s.Reference)
	return err
}
