package host

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/procfs"
)

// Now reads the counters.
func Now() Snapshot {
	s := Snapshot{counters: count(), freq: frequency()}
	if free, ok := FreeMemory(); ok {
		s.free = gauge{value: float64(free), ok: true}
	}
	if p, err := procfs.NewDefaultFS(); err == nil {
		if l, err := p.LoadAvg(); err == nil {
			s.load = gauge{value: l.Load1, ok: true}
		}
	}
	return s
}

// count reads the counters that are cheap to read.
func count() counters {
	c := counters{at: time.Now(), quota: stopped(), throttled: throttled()}
	p, err := procfs.NewDefaultFS()
	if err != nil {
		return c
	}
	stat, err := p.Stat()
	t := stat.CPUTotal
	c.steal.set(t.Steal, err)
	c.busy.set(t.User+t.Nice+t.System+t.IRQ+t.SoftIRQ, err)
	c.total.set(t.User+t.Nice+t.System+t.Idle+t.Iowait+t.IRQ+t.SoftIRQ+t.Steal, err)
	for i, resource := range pressures {
		psi, err := p.PSIStatsForResource(resource)
		if psi.Some != nil || err != nil {
			c.stalled[i].set(float64(cmp.Or(psi.Some, &procfs.PSILine{}).Total)/1e6, err)
		}
	}
	return c
}

// set takes a value, or the reason why it could not be read.
func (g *gauge) set(value float64, err error) {
	*g = gauge{value: value, ok: true}
	if err != nil {
		*g = failed(err)
	}
}

// add adds a value, unless it could not be read. The reason counts only if nothing can be read.
func (g *gauge) add(value float64, err error) {
	switch {
	case err == nil:
		g.set(g.value+value, nil)
	case !g.ok:
		*g = failed(err)
	}
}

// failed is a gauge that could not be read.
func failed(err error) gauge {
	if path, ok := errors.AsType[*fs.PathError](err); ok && errors.Is(err, fs.ErrNotExist) {
		return lacking("no " + path.Path)
	}
	return lacking(err.Error())
}

// frequency reads the clock of the first core.
func frequency() gauge {
	f := file("", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")
	khz, err := strconv.ParseFloat(f.Value, 64)
	if err != nil {
		return lacking(f.Reason)
	}
	return gauge{value: khz, ok: true}
}

// throttleCounts are the files with the times that a core was too hot.
var throttleCounts = sync.OnceValue(func() []string {
	paths, _ := filepath.Glob("/sys/devices/system/cpu/cpu*/thermal_throttle/core_throttle_count") // the pattern is valid
	return paths
})

func throttled() gauge {
	if len(throttleCounts()) == 0 {
		return lacking("no /sys/devices/system/cpu/cpu0/thermal_throttle")
	}
	var total gauge
	for _, path := range throttleCounts() {
		n, err := strconv.ParseFloat(content(filepath.Dir(path), filepath.Base(path)), 64)
		total.add(n, err)
	}
	return total
}

// quotaGroups are the control groups that may stop the process.
var quotaGroups = sync.OnceValues(func() ([]string, error) { return here.groups("cpu") })

// stopped returns for how long the CPU quota has stopped the process's groups.
func stopped() gauge {
	groups, err := quotaGroups()
	if err != nil {
		return failed(err)
	}
	total := lacking("no control group with a CPU quota")
	for _, group := range groups {
		for line := range strings.Lines(content(group, "cpu.stat")) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if unit := map[string]float64{"throttled_usec": 1e-6, "throttled_time": 1e-9}[name]; unit > 0 { // versions 2 and 1
				n, err := strconv.ParseFloat(value, 64)
				total.add(n*unit, err)
			}
		}
	}
	return total
}

// usageOf reads the counters of a process and its descendants, because a plugin may compute in processes of its own.
func usageOf(pid int) usage {
	if pid == 0 {
		const inside = "the model runs in this process"
		return usage{reason: inside, faults: lacking(inside)}
	}
	u := usage{threads: map[int]thread{}}
	for _, member := range withDescendants(pid) {
		u.include(member)
	}
	if len(u.threads) == 0 && u.reason == "" {
		u.reason = notOffered
	}
	return u
}

// include adds the counters of a process. It may have ended; the reason counts only if nothing can be read.
func (u *usage) include(pid int) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		u.faults.add(0, err)
	} else {
		stat, failure := p.Stat()
		u.faults.add(float64(stat.MajFlt), failure)
		var all procfs.Procs
		all, err = procfs.AllThreads(pid)
		for _, t := range all {
			err = cmp.Or(u.read(t), err)
		}
	}
	switch {
	case len(u.threads) > 0:
		u.reason = ""
	case err != nil:
		u.reason = failed(err).reason
	}
}

// withDescendants returns a process, its children, their children and so on. Without the kernel's lists of children it is
// only the process.
func withDescendants(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", all[i])) // the pattern is valid
		for _, list := range lists {
			for _, child := range strings.Fields(content(filepath.Dir(list), filepath.Base(list))) {
				if id, err := strconv.Atoi(child); err == nil {
					all = append(all, id)
				}
			}
		}
	}
	return all
}

// read reads the counters of a thread.
func (u usage) read(t procfs.Proc) error {
	scheduled, err := t.Schedstat()
	if err != nil {
		return err
	}
	status, err := t.NewStatus()
	if err != nil {
		return err
	}
	u.threads[t.PID] = thread{
		running: float64(scheduled.RunningNanoseconds) / 1e9, waiting: float64(scheduled.WaitingNanoseconds) / 1e9,
		preemptions: float64(status.NonVoluntaryCtxtSwitches),
	}
	return nil
}
