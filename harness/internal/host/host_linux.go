package host

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/prometheus/procfs"

	"github.com/archbench/archbench/harness/internal/record"
)

// system reads the facts that Linux keeps in /proc and /sys.
func system() []record.Fact {
	return []record.Fact{
		{Name: "kernel", Value: file("/proc/sys/kernel/osrelease")},
		{Name: "memory", Value: totalMemory()},
		{Name: "governor", Value: file("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")},
		{Name: "max frequency kHz", Value: file("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")},
		{Name: "boost", Value: boost()},
		{Name: "transparent huge pages", Value: file("/sys/kernel/mm/transparent_hugepage/enabled")},
		{Name: "cgroup memory limit", Value: told(here.memoryLimit())("MiB", 1<<20)},
		{Name: "cgroup cpu limit", Value: told(here.cpuLimit())("CPU", 1)},
	}
}

// boost reads the two places where drivers say whether the clock may exceed its nominal frequency.
func boost() string {
	if v, err := os.ReadFile("/sys/devices/system/cpu/intel_pstate/no_turbo"); err == nil {
		return "intel_pstate no_turbo=" + strings.TrimSpace(string(v))
	}
	return file("/sys/devices/system/cpu/cpufreq/boost")
}

// told words a limit in units of a size.
func told(l limit, err error) func(unit string, size float64) string {
	return func(unit string, size float64) string {
		switch {
		case err != nil:
			return unavailable(err.Error())
		case l.none():
			return "none"
		}
		return fmt.Sprintf("%.4g %s (%s)", l.value/size, unit, l.group)
	}
}

// cpuLimit is how many CPUs the process's control groups let it use; ok is false where they set no limit.
func cpuLimit() (cpus float64, ok bool) {
	l, err := here.cpuLimit()
	return l.value, err == nil && !l.none()
}

// file returns the contents of a one-line file, or why there are none.
func file(path string) string {
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return unavailable("no " + path)
	case err != nil:
		return unavailable(err.Error())
	}
	return cmp.Or(strings.TrimSpace(string(b)), unavailable(path+" is empty"))
}

func totalMemory() string {
	m, err := meminfo()
	if err != nil || m.MemTotalBytes == nil {
		return unavailable("/proc/meminfo not readable")
	}
	return fmt.Sprintf("%d MiB", *m.MemTotalBytes>>20)
}

func meminfo() (procfs.Meminfo, error) {
	p, err := procfs.NewDefaultFS()
	if err != nil {
		return procfs.Meminfo{}, err
	}
	return p.Meminfo()
}

// FreeMemory returns the bytes that new processes may use without swapping, and whether the machine says so. A
// tighter limit of the process's control groups wins.
func FreeMemory() (bytes int64, ok bool) {
	m, err := meminfo()
	if err != nil || m.MemAvailableBytes == nil {
		return 0, false
	}
	bytes = int64(*m.MemAvailableBytes)
	if l, err := here.memoryLimit(); err == nil && !l.none() {
		bytes = min(bytes, int64(l.value))
	}
	return bytes, true
}
