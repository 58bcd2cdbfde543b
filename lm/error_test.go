package lm_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/archbench/archbench/lm"
)

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want lm.Kind
	}{
		{errors.New("broken"), lm.Internal},
		{lm.Errorf(lm.NotFound, "load", "no folder"), lm.NotFound},
		{fmt.Errorf("model a: %w", lm.Errorf(lm.Corrupt, "load", "bad header")), lm.Corrupt},
		{context.Canceled, lm.Deadline},
		{fmt.Errorf("waiting: %w", context.DeadlineExceeded), lm.Deadline},
	} {
		if got := lm.KindOf(c.err); got != c.want {
			t.Errorf("%v is of kind %v, want %v", c.err, got, c.want)
		}
	}
}

func TestError(t *testing.T) {
	err := lm.Errorf(lm.NotFound, "load", "weights: %w", fs.ErrNotExist)
	if err.Error() != "load: weights: file does not exist" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if bare := (&lm.Error{Err: errors.New("no inputs")}).Error(); bare != "no inputs" {
		t.Errorf("without an operation: %q", bare)
	}
	if lm.Unsupported.String() != "unsupported" || lm.Kind(99).String() != "kind(99)" {
		t.Errorf("%v, %v", lm.Unsupported, lm.Kind(99))
	}
}

func TestHas(t *testing.T) {
	d := lm.Description{Abilities: []lm.Ability{lm.AbilityStep}}
	if !d.Has(lm.AbilityStep) || d.Has(lm.AbilitySave) {
		t.Errorf("%v", d.Abilities)
	}
}
