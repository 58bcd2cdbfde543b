package host

import (
	"cmp"
	"maps"
	"os"

	"github.com/archbench/archbench/harness/internal/record"
)

// Sensors that are read around a sample. Those up to Frequency are about the machine, the others about a plugin's process.
const (
	Steal          = "steal"           // share of the CPU time that the hypervisor gave to others
	Strangers      = "other processes" // share of the CPU time that went to processes other than the plugins and archbench
	CPUPressure    = "cpu pressure"    // share of the time in which some task waited for a CPU
	MemoryPressure = "memory pressure" // share of the time in which some task waited for memory
	IOPressure     = "io pressure"     // share of the time in which some task waited for a disk
	Quota          = "cpu quota"       // share of the time in which the CPU quota stopped the process
	Throttling     = "throttling"      // times that a hot core was slowed down
	Frequency      = "frequency"       // kHz of the first core at the end
	Waiting        = "waiting"         // share of the time in which working threads of the process were ready but had no CPU
	Preemptions    = "preemptions"     // involuntary context switches per second of CPU time
	MajorFaults    = "major faults"    // pages that the process had to wait for
)

// Watch observes the machine and some processes from one moment on.
type Watch struct {
	machine   counters
	pids      []int
	processes []usage
	own       usage // of this process and its descendants
}

// usage is what a process and its descendants have used and suffered since they started.
type usage struct {
	threads map[int]thread
	reason  string // why nothing is known about threads; "": it is
	faults  gauge  // major faults
}

// thread is what a thread has used and suffered since it started.
type thread struct {
	running, waiting float64 // seconds on a CPU, and ready to run without one
	preemptions      float64 // involuntary context switches
}

// Begin starts to watch processes.
func Begin(pids []int) *Watch {
	w := &Watch{pids: pids, own: usageOf(os.Getpid())}
	for _, pid := range pids {
		w.processes = append(w.processes, usageOf(pid))
	}
	w.machine = count() // last, so that reading the processes is not in the window
	return w
}

// End reads the sensors again. It returns readings of the machine, and of each process in the order of Begin.
func (w *Watch) End() (machine []record.Reading, processes [][]record.Reading) {
	now := count()
	then, later := w.own, usageOf(os.Getpid())
	for i, pid := range w.pids {
		used := usageOf(pid)
		processes = append(processes, w.processes[i].until(used))
		then, later = then.with(w.processes[i]), later.with(used)
	}
	strangers := growth(w.machine.busy, now.busy).minus(then.worked(later)).over(growth(w.machine.total, now.total)).as(Strangers)
	return append([]record.Reading{strangers}, w.machine.until(now, frequency())...), processes
}

// until returns what happened on the machine up to a later moment.
func (c counters) until(later counters, frequency gauge) []record.Reading {
	elapsed := gauge{value: later.at.Sub(c.at).Seconds(), ok: true}
	readings := []record.Reading{growth(c.steal, later.steal).over(growth(c.total, later.total)).as(Steal)}
	for i, name := range []string{CPUPressure, MemoryPressure, IOPressure} {
		readings = append(readings, growth(c.stalled[i], later.stalled[i]).over(elapsed).as(name))
	}
	return append(readings, growth(c.quota, later.quota).over(elapsed).as(Quota),
		growth(c.throttled, later.throttled).as(Throttling), frequency.as(Frequency))
}

// until returns what happened to the process up to a later moment. The waiting of each thread counts in proportion to its work:
// a thread that only looks after others may wait long, and delays nothing.
func (u usage) until(later usage) []record.Reading {
	var running, waiting, preemptions float64
	for id, now := range later.threads {
		then := u.threads[id] // zero if it has started meanwhile
		ran, waited := now.running-then.running, now.waiting-then.waiting
		if ran > 0 {
			running += ran
			waiting += ran * waited / (ran + waited)
		}
		preemptions += now.preemptions - then.preemptions
	}
	work := gauge{value: running, ok: later.reason == "", reason: later.reason}
	return []record.Reading{
		gauge{value: waiting, ok: true}.over(work).as(Waiting),
		gauge{value: preemptions, ok: true}.over(work).as(Preemptions),
		growth(u.faults, later.faults).as(MajorFaults),
	}
}

// worked returns the CPU seconds that the process used up to a later moment.
func (u usage) worked(later usage) gauge {
	g := gauge{ok: later.reason == "", reason: later.reason}
	for id, now := range later.threads {
		g.value += max(0, now.running-u.threads[id].running)
	}
	return g
}

// with adds the threads of another process, each once: plugins are descendants of this process.
func (u usage) with(other usage) usage {
	all := maps.Clone(u.threads)
	maps.Copy(all, other.threads)
	return usage{threads: all, reason: cmp.Or(u.reason, other.reason)}
}

// minus subtracts a gauge, down to 0.
func (g gauge) minus(other gauge) gauge {
	if !g.ok || !other.ok {
		return gauge{reason: cmp.Or(g.reason, other.reason)}
	}
	g.value = max(0, g.value-other.value)
	return g
}

// growth returns how much a counter grew.
func growth(before, after gauge) gauge {
	switch {
	case !before.ok:
		return before
	case !after.ok:
		return after
	}
	return gauge{value: max(0, after.value-before.value), ok: true}
}

// over divides a gauge by another.
func (g gauge) over(whole gauge) gauge {
	switch {
	case !g.ok:
		return lacking(cmp.Or(g.reason, notOffered))
	case !whole.ok:
		return lacking(cmp.Or(whole.reason, notOffered))
	case whole.value <= 0:
		return lacking("no time passed")
	}
	g.value /= whole.value
	return g
}

// lacking is a gauge without a value.
func lacking(reason string) gauge { return gauge{reason: reason} }

// as returns a gauge as a reading.
func (g gauge) as(name string) record.Reading {
	if !g.ok {
		return record.Reading{Name: name, Reason: cmp.Or(g.reason, notOffered)}
	}
	return record.Reading{Name: name, Value: g.value}
}
