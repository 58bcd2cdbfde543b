package host

import (
	"fmt"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
)

// Snapshot is the state of the machine's counters at one moment. Two of them tell what disturbed the time between.
type Snapshot struct {
	at      time.Time
	load    gauge    // runnable processes, mean of the last minute
	steal   gauge    // CPU seconds taken by the hypervisor since boot
	total   gauge    // CPU seconds of all kinds since boot
	stalled [3]gauge // seconds that some task waited for cpu, memory, io since boot
	free    gauge    // bytes
	freq    gauge    // kHz of the first core
}

// gauge is a reading that a machine may not offer.
type gauge struct {
	value float64
	ok    bool
}

// pressures are the resources of the kernel's pressure stall information, in the order of Snapshot.stalled.
var pressures = [3]string{"cpu", "memory", "io"}

// Since words what happened between an earlier snapshot and this one.
func (s Snapshot) Since(earlier Snapshot) []record.Fact {
	elapsed := s.at.Sub(earlier.at).Seconds()
	facts := []record.Fact{
		{Name: "load", Value: pair(earlier.load, s.load, "%.2f")},
		{Name: "steal", Value: stolen(earlier, s)},
		{Name: "free memory MiB", Value: pair(earlier.free.scale(1.0/(1<<20)), s.free.scale(1.0/(1<<20)), "%.0f")},
		{Name: "frequency kHz", Value: pair(earlier.freq, s.freq, "%.0f")},
	}
	for i, resource := range pressures {
		facts = append(facts, record.Fact{Name: resource + " pressure", Value: share(earlier.stalled[i], s.stalled[i], elapsed, "the time")})
	}
	return facts
}

func (g gauge) scale(by float64) gauge { return gauge{g.value * by, g.ok} }

// pair words a quantity before and after.
func pair(before, after gauge, format string) string {
	if !before.ok || !after.ok {
		return unavailable("not offered by this machine")
	}
	return fmt.Sprintf(format+" before, "+format+" after", before.value, after.value)
}

// stolen words the share of CPU time that the hypervisor gave to others.
func stolen(before, after Snapshot) string {
	return share(before.steal, after.steal, after.total.value-before.total.value, "the CPU time")
}

// share words the growth of a counter as a share of whole, which "of" names.
func share(before, after gauge, whole float64, of string) string {
	if !before.ok || !after.ok {
		return unavailable("not offered by this machine")
	}
	if whole <= 0 {
		return unavailable("no time passed")
	}
	return fmt.Sprintf("%.2f %% of %s", 100*(after.value-before.value)/whole, of)
}
