package host

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"

	"github.com/archbench/archbench/harness/internal/store"
)

// system reads the facts that Linux keeps in /proc and /sys.
func system() []store.Fact {
	return []store.Fact{
		{Name: "kernel", Value: file("/proc/sys/kernel/osrelease")},
		{Name: "memory", Value: totalMemory()},
		{Name: "governor", Value: file("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")},
		{Name: "max frequency kHz", Value: file("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")},
		{Name: "boost", Value: boost()},
		{Name: "transparent huge pages", Value: file("/sys/kernel/mm/transparent_hugepage/enabled")},
		{Name: "cgroup memory limit", Value: cgroupLimit("memory.max", "memory/memory.limit_in_bytes")},
		{Name: "cgroup cpu limit", Value: cgroupLimit("cpu.max", "cpu/cpu.cfs_quota_us")},
	}
}

// boost reads the two places where drivers say whether the clock may exceed its nominal frequency.
func boost() string {
	if v, err := os.ReadFile("/sys/devices/system/cpu/intel_pstate/no_turbo"); err == nil {
		return "intel_pstate no_turbo=" + strings.TrimSpace(string(v))
	}
	return file("/sys/devices/system/cpu/cpufreq/boost")
}

// cgroupLimit reads a limit of version 2 of the calling process's group, else that of version 1's root.
func cgroupLimit(v2, v1 string) string {
	const root = "/sys/fs/cgroup"
	if group, err := os.ReadFile("/proc/self/cgroup"); err == nil {
		if path, ok := strings.CutPrefix(strings.TrimSpace(string(group)), "0::"); ok {
			return bound(file(filepath.Join(root, path, v2)))
		}
	}
	return bound(file(filepath.Join(root, v1)))
}

// bound says "none" where the kernel writes that nothing is limited: "max", a negative quota, or all of the address
// space.
func bound(limit string) string {
	n, err := strconv.ParseInt(limit, 10, 64)
	if strings.HasPrefix(limit, "max") || err == nil && (n < 0 || n > 1<<62) {
		return "none"
	}
	return limit
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
// tighter limit of the process's cgroup wins.
func FreeMemory() (bytes int64, ok bool) {
	m, err := meminfo()
	if err != nil || m.MemAvailableBytes == nil {
		return 0, false
	}
	bytes = int64(*m.MemAvailableBytes)
	var limit int64
	if n, err := fmt.Sscan(cgroupLimit("memory.max", "memory/memory.limit_in_bytes"), &limit); n == 1 && err == nil {
		bytes = min(bytes, limit)
	}
	return bytes, true
}
