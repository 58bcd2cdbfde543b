//go:build !linux

package host

import (
	"fmt"
	"runtime"
	"time"

	"github.com/klauspost/cpuid/v2"

	"github.com/archbench/archbench/harness/internal/record"
)

// system has no source on this platform.
func system() []record.Fact {
	reason := "no source on " + runtime.GOOS
	return []record.Fact{
		{Name: "kernel", Reason: reason}, {Name: "memory", Reason: reason}, {Name: "governor", Reason: reason},
		{Name: "boost", Reason: reason}, {Name: "cgroup memory limit", Reason: reason},
	}
}

// physicalCores returns the processor's own number, unless it is impossible.
func physicalCores() string {
	n := cpuid.CPU.PhysicalCores
	if n == 0 || n > runtime.NumCPU() {
		return record.NA("physical cores not told")
	}
	return fmt.Sprintf("%d physical", n)
}

// cpuLimit has no source on this platform.
func cpuLimit() (cpus float64, ok bool) { return 0, false }

// FreeMemory has no source on this platform.
func FreeMemory() (bytes int64, ok bool) { return 0, false }

// ReadMemory has no source on this platform.
func ReadMemory(int) (Memory, bool) { return Memory{}, false }

// Now has no source on this platform: every difference between two snapshots is "n/a".
func Now() Snapshot {
	return Snapshot{counters: count(), freq: frequency(), load: noSource(), free: noSource()}
}

func noSource() gauge { return lacking("no source on " + runtime.GOOS) }

func frequency() gauge { return noSource() }

func usageOf(int) usage { return usage{reason: noSource().reason, faults: noSource()} }

func count() counters {
	g := noSource()
	return counters{at: time.Now(), steal: g, busy: g, total: g, stalled: [3]gauge{g, g, g}, quota: g, throttled: g}
}
