package host

import (
	"strconv"
	"time"

	"github.com/prometheus/procfs"
)

// Now reads the counters.
func Now() Snapshot {
	s := Snapshot{at: time.Now()}
	if free, ok := FreeMemory(); ok {
		s.free = gauge{float64(free), true}
	}
	if khz, err := strconv.ParseFloat(file("", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq").Value, 64); err == nil {
		s.freq = gauge{khz, true}
	}
	p, err := procfs.NewDefaultFS()
	if err != nil {
		return s
	}
	if l, err := p.LoadAvg(); err == nil {
		s.load = gauge{l.Load1, true}
	}
	if stat, err := p.Stat(); err == nil {
		c := stat.CPUTotal
		s.steal = gauge{c.Steal, true}
		s.total = gauge{c.User + c.Nice + c.System + c.Idle + c.Iowait + c.IRQ + c.SoftIRQ + c.Steal, true}
	}
	for i, resource := range pressures {
		if psi, err := p.PSIStatsForResource(resource); err == nil && psi.Some != nil {
			s.stalled[i] = gauge{float64(psi.Some.Total) / 1e6, true}
		}
	}
	return s
}
