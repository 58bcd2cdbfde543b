package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/prometheus/procfs"

	"github.com/archbench/archbench/harness/internal/record"
)

// system reads facts from Linux's /proc and /sys.
func system() []record.Fact {
	return []record.Fact{
		file("kernel", "/proc/sys/kernel/osrelease"),
		known("memory", totalMemory(), "/proc/meminfo not readable"),
		file("governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
		file("max frequency kHz", "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"),
		boost(),
		file("transparent huge pages", "/sys/kernel/mm/transparent_hugepage/enabled"),
		limitFact("cgroup memory limit", here.memoryLimit, "MiB", 1<<20),
		limitFact("cgroup cpu limit", here.cpuLimit, "CPU", 1),
	}
}

// boost reads the two files in which drivers say whether the clock may exceed its nominal frequency.
func boost() record.Fact {
	if v, err := os.ReadFile("/sys/devices/system/cpu/intel_pstate/no_turbo"); err == nil {
		return record.Fact{Name: "boost", Value: "intel_pstate no_turbo=" + strings.TrimSpace(string(v))}
	}
	return file("boost", "/sys/devices/system/cpu/cpufreq/boost")
}

// limitFact formats a limit in units of a size.
func limitFact(name string, read func() (limit, error), unit string, size float64) record.Fact {
	l, err := read()
	switch {
	case err != nil:
		return record.Fact{Name: name, Reason: err.Error()}
	case l.none():
		return record.Fact{Name: name, Value: "none"}
	}
	return record.Fact{Name: name, Value: fmt.Sprintf("%.4g %s (%s)", l.value/size, unit, l.group)}
}

// cpuLimit is how many CPUs the process's control groups let it use; ok is false if there is no limit.
func cpuLimit() (cpus float64, ok bool) {
	l, err := here.cpuLimit()
	return l.value, err == nil && !l.none()
}

// file returns the contents of a one-line file, or why there are none.
func file(name, path string) record.Fact {
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return record.Fact{Name: name, Reason: "no " + path}
	case err != nil:
		return record.Fact{Name: name, Reason: err.Error()}
	}
	return known(name, strings.TrimSpace(string(b)), path+" is empty")
}

func totalMemory() string {
	m, err := meminfo()
	if err != nil || m.MemTotalBytes == nil {
		return ""
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

// FreeMemory returns the bytes that new processes may use without swapping, and whether the machine provides that
// number. A tighter limit of the process's control groups wins.
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
