package lmplugin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/archbench/archbench/lm"
)

// TestErrorsSurviveTheWire checks that operation, kind and text survive.
func TestErrorsSurviveTheWire(t *testing.T) {
	for kind := lm.Internal; kind <= lm.Deadline; kind++ {
		sent := lm.Errorf(kind, "load", "tensor %q: %w", "wte", fs.ErrNotExist)
		got := fromStatus(t.Context(), "other", toStatus("other", sent))
		if lm.KindOf(got) != kind || got.Error() != sent.Error() {
			t.Errorf("%v: got kind %v: %v", sent, lm.KindOf(got), got)
		}
		bare := status.Error(kindCodes[kind], "no details") // as from a plugin in another language
		if got := fromStatus(t.Context(), "step", bare); lm.KindOf(got) != kind || got.Error() != "step: no details" {
			t.Errorf("code %v: got kind %v: %v", kindCodes[kind], lm.KindOf(got), got)
		}
	}
}

func TestStatusOfOtherErrors(t *testing.T) {
	for _, c := range []struct {
		sent error
		kind lm.Kind
		text string
	}{
		{errors.New("broken"), lm.Internal, "score: broken"},
		{context.Canceled, lm.Deadline, "score: context canceled"},
		{fmt.Errorf("layer 3: %w", lm.Errorf(lm.Corrupt, "load", "bad shape")), lm.Corrupt, "score: layer 3: load: bad shape"},
		{&lm.Error{Kind: lm.Invalid, Err: errors.New("no inputs")}, lm.Invalid, "score: no inputs"},
		{status.Error(codes.NotFound, "as it is"), lm.NotFound, "score: as it is"},
	} {
		got := fromStatus(t.Context(), "score", toStatus("score", c.sent))
		if lm.KindOf(got) != c.kind || got.Error() != c.text {
			t.Errorf("%v: got kind %v: %v", c.sent, lm.KindOf(got), got)
		}
	}
	if toStatus("score", nil) != nil {
		t.Error("nil has become an error")
	}
}

// TestDeadlineKeepsItsCause checks that errors.Is finds the context's own error.
func TestDeadlineKeepsItsCause(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	<-ctx.Done()
	got := fromStatus(ctx, "score", status.Error(codes.DeadlineExceeded, "context deadline exceeded"))
	if !errors.Is(got, context.DeadlineExceeded) || lm.KindOf(got) != lm.Deadline {
		t.Errorf("%v", got)
	}
}
