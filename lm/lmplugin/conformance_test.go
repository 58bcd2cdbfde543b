package lmplugin

import (
	"testing"

	"github.com/archbench/archbench/lm/internal/toy"
	"github.com/archbench/archbench/lm/lmtest"
)

func TestConformanceInMemory(t *testing.T) {
	lmtest.Report(t, lmtest.Run(t.Context(), inMemory(t, toy.Architecture{}), lmtest.Options{TempDir: t.TempDir()}))
}

func TestConformanceOfProcess(t *testing.T) {
	p := launch(t, Options{})
	lmtest.Report(t, lmtest.Run(t.Context(), p, lmtest.Options{Variant: "default", TempDir: t.TempDir()}))
}

// TestLeakIsFound checks that a plugin fails that declares itself causal but sees the future.
func TestLeakIsFound(t *testing.T) {
	checks := lmtest.Run(t.Context(), launch(t, Options{}), lmtest.Options{Variant: "leak", TempDir: t.TempDir(), Skip: []string{"cancellation"}})
	for _, c := range checks {
		if c.Name == "causality" && c.Status == lmtest.Fail {
			t.Log(c)
			return
		}
	}
	t.Errorf("not found: %v", checks)
}
