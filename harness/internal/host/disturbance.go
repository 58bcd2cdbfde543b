package host

import (
	"fmt"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
)

// Snapshot is the state of the machine's counters at one moment. Two snapshots show what disturbed the time between
// them.
type Snapshot struct {
	counters
	load gauge // runnable processes, one-minute average
	free gauge // bytes
	freq gauge // kHz of the first core
}

// counters are the part of a snapshot that is cheap to read and only grows.
type counters struct {
	at        time.Time
	steal     gauge    // CPU seconds taken by the hypervisor since boot
	busy      gauge    // CPU seconds of processes and the kernel since boot
	total     gauge    // CPU seconds of all kinds since boot
	stalled   [3]gauge // seconds since boot in which some task waited for cpu, memory, io
	quota     gauge    // seconds in which the process's control groups were stopped because their CPU quota was used up
	throttled gauge    // times that a core was slowed down because it was hot
}

// gauge is a number that a machine may not provide.
type gauge struct {
	value  float64
	ok     bool
	reason string // why there is no value; "": notOffered
}

// pressures are the resources of the kernel's pressure stall information, in the order of counters.stalled.
var pressures = [3]string{"cpu", "memory", "io"}

const notOffered = "not offered by this machine"

// Since describes what happened between an earlier snapshot and this one.
func (s Snapshot) Since(earlier Snapshot) []record.Fact {
	elapsed := s.at.Sub(earlier.at).Seconds()
	facts := []record.Fact{
		pair("load", earlier.load, s.load, "%.2f"),
		share("steal", earlier.steal, s.steal, s.total.value-earlier.total.value, "the CPU time"), // given to others by the hypervisor
		pair("free memory MiB", earlier.free.scale(1.0/(1<<20)), s.free.scale(1.0/(1<<20)), "%.0f"),
		pair("frequency kHz", earlier.freq, s.freq, "%.0f"),
	}
	for i, resource := range pressures {
		facts = append(facts, share(resource+" pressure", earlier.stalled[i], s.stalled[i], elapsed, "the time"))
	}
	return facts
}

func (g gauge) scale(by float64) gauge {
	g.value *= by
	return g
}

// pair formats a quantity before and after.
func pair(name string, before, after gauge, format string) record.Fact {
	if !before.ok || !after.ok {
		return record.Fact{Name: name, Reason: notOffered}
	}
	return record.Fact{Name: name, Value: fmt.Sprintf(format+" before, "+format+" after", before.value, after.value)}
}

// share formats a counter's growth as a share of whole; of names the whole.
func share(name string, before, after gauge, whole float64, of string) record.Fact {
	part := growth(before, after).over(gauge{value: whole, ok: true})
	if !part.ok {
		return record.Fact{Name: name, Reason: part.reason}
	}
	return record.Fact{Name: name, Value: fmt.Sprintf("%.2f %% of %s", 100*part.value, of)}
}
