package probe

import (
	"errors"
	"testing"

	"github.com/archbench/archbench/harness/internal/lmfake"
	"github.com/archbench/archbench/lm"
)

// The losses of a document are held against logits, whatever the model says while it is asked for them.
func TestDocumentIsVerified(t *testing.T) {
	lie := func(r *lm.ScoreReply) {
		for _, s := range r.Scores {
			for i := range s.NLL {
				s.NLL[i] /= 2
			}
		}
	}
	for name, tc := range map[string]struct {
		tell func(*lm.ScoreReply)
		want lm.Fault
	}{
		"honest": {func(*lm.ScoreReply) {}, ""},
		"liar":   {lie, lm.Contradiction},
		"when unwatched": {func(r *lm.ScoreReply) {
			if len(r.Scores[0].Logits) == 0 {
				lie(r)
			}
		}, lm.Contradiction},
	} {
		t.Run(name, func(t *testing.T) {
			a := &lmfake.Architecture{Tell: func(reply any) {
				if r, ok := reply.(*lm.ScoreReply); ok {
					tc.tell(r)
				}
			}}
			s := subject(t, a, qualityProbe)
			documents, err := s.HeldOut.Excerpt(1024)
			if err != nil {
				t.Fatal(err)
			}
			d, err := ScoreDocument(t.Context(), s.Model, nil, documents[0], 32, 32)
			if err != nil {
				t.Fatal(err)
			}
			_, err = d.Verify(t.Context(), s.Model)
			reply, _ := errors.AsType[*lm.ReplyError](err)
			if (reply != nil) != (tc.want != "") || reply != nil && reply.Fault != tc.want {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
	if note, err := (DocumentScore{}).Verify(t.Context(), nil); note != "" || err != nil {
		t.Errorf("nothing scored: %q, %v", note, err)
	}
}
