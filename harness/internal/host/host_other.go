//go:build !linux

package host

import (
	"runtime"

	"github.com/archbench/archbench/harness/internal/store"
)

// system has no source on this platform.
func system() []store.Fact {
	reason := unavailable("no source on " + runtime.GOOS)
	return []store.Fact{
		{Name: "kernel", Value: reason}, {Name: "memory", Value: reason}, {Name: "governor", Value: reason},
		{Name: "boost", Value: reason}, {Name: "cgroup memory limit", Value: reason},
	}
}

// FreeMemory has no source on this platform.
func FreeMemory() (bytes int64, ok bool) { return 0, false }

// ReadMemory has no source on this platform.
func ReadMemory(int) (Memory, bool) { return Memory{}, false }

// Now has no source on this platform: every difference of two snapshots is "n/a".
func Now() Snapshot { return Snapshot{} }
