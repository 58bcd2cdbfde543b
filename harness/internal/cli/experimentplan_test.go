package cli

import (
	"testing"

	"github.com/archbench/archbench/harness/internal/host"
)

// TestLoadable lets no search for a width load a model that is larger than the memory.
func TestLoadable(t *testing.T) {
	if _, known := host.FreeMemory(); !known {
		t.Skip("the system does not say how much memory is free")
	}
	for _, c := range []struct {
		width, widest, parameters int64
		ok                        bool
	}{{8, 0, 0, true}, {16, 8, 1000, true}, {8, 16, 1 << 50, true}, {1 << 20, 8, 1 << 20, false}} {
		if err := loadable(c.width, c.widest, c.parameters); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
