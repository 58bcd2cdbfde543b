package host

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// files makes a machine from files by path below its root, for process number 7.
func files(t *testing.T, contents map[string]string) machine {
	t.Helper()
	root := t.TempDir()
	for path, text := range contents {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("7", filepath.Join(root, "proc", "self")); err != nil {
		t.Fatal(err)
	}
	return machine(root)
}

const (
	mountsV1 = `31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`
	mountsV2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
)

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name     string
		contents map[string]string
		cpus     float64 // 0: none
		memory   float64
		group    string // sets the CPU limit
	}{
		{"version 1, in a group", map[string]string{
			"proc/7/cgroup": "4:memory:/a\n1:cpu,cpuacct:/t\n0::/\n", "proc/7/mountinfo": mountsV1,
			"sys/fs/cgroup/cpu/t/cpu.cfs_quota_us": "100000\n", "sys/fs/cgroup/cpu/t/cpu.cfs_period_us": "100000\n",
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "1073741824\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 1, 1 << 30, "/sys/fs/cgroup/cpu/t"},
		{"version 1, without limits", map[string]string{
			"proc/7/cgroup": "4:memory:/\n1:cpu,cpuacct:/\n", "proc/7/mountinfo": mountsV1,
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 0, 0, ""},
		{"version 1, in a container that sees its own part", map[string]string{
			"proc/7/cgroup":                          "1:cpu:/docker/abc\n",
			"proc/7/mountinfo":                       "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n",
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us":     "150000\n",
			"sys/fs/cgroup/cpu/cpu.cfs_period_us":    "100000\n",
			"sys/fs/cgroup/cpu/sub/cpu.cfs_quota_us": "1000\n",
		}, 1.5, 0, "/sys/fs/cgroup/cpu"},
		{"version 2, the tightest of the groups above", map[string]string{
			"proc/7/cgroup": "0::/user.slice/app/x\n", "proc/7/mountinfo": mountsV2,
			"sys/fs/cgroup/user.slice/app/x/cpu.max": "max 100000\n", "sys/fs/cgroup/user.slice/app/cpu.max": "50000 100000\n",
			"sys/fs/cgroup/user.slice/cpu.max": "400000 100000\n", "sys/fs/cgroup/user.slice/app/x/memory.max": "max\n",
			"sys/fs/cgroup/user.slice/memory.max": "2147483648\n",
		}, 0.5, 2 << 30, "/sys/fs/cgroup/user.slice/app"},
		{"version 2, in a namespace", map[string]string{
			"proc/7/cgroup": "0::/\n", "proc/7/mountinfo": mountsV2, "sys/fs/cgroup/cpu.max": "300000 100000\n",
		}, 3, 0, "/sys/fs/cgroup"},
		{"version 2, moved out of the namespace", map[string]string{
			"proc/7/cgroup": "0::/../other\n", "proc/7/mountinfo": mountsV2, "sys/fs/cgroup/cpu.max": "100000 50000\n",
		}, 2, 0, "/sys/fs/cgroup"},
		{"both versions", map[string]string{
			"proc/7/cgroup": "1:cpu,cpuacct:/\n0::/x\n", "proc/7/mountinfo": mountsV1,
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
			"sys/fs/cgroup/unified/x/cpu.max": "20000 10000\n",
		}, 2, 0, "/sys/fs/cgroup/unified/x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := files(t, c.contents)
			cpu, err := m.cpuLimit()
			if err != nil || cpu.value != or(c.cpus) || cpu.group != c.group {
				t.Errorf("CPUs %+v, %v, want %v by %s", cpu, err, c.cpus, c.group)
			}
			if memory, _ := m.memoryLimit(); c.memory > 0 && memory.value != c.memory || c.memory == 0 && memory.value > 0 && !memory.none() {
				t.Errorf("memory %+v, want %v", memory, c.memory)
			}
		})
	}
}

// or returns v, or no limit for 0.
func or(v float64) float64 {
	if v == 0 {
		return math.Inf(1)
	}
	return v
}

func TestNoGroups(t *testing.T) {
	m := files(t, map[string]string{"proc/7/cgroup": "0::/\n", "proc/7/mountinfo": "23 1 254:0 / / rw - ext4 /dev/vda rw\n"})
	if l, err := m.cpuLimit(); err == nil || !strings.HasPrefix(limitFact("x", m.cpuLimit, "CPU", 1).Reason, "no control group of cpu") {
		t.Errorf("%+v, %v", l, err)
	}
	half := func() (limit, error) { return limit{value: 1.5, group: "/g"}, nil }
	if got := limitFact("x", half, "CPU", 1).Value; got != "1.5 CPU (/g)" {
		t.Error(got)
	}
}

// TestCores counts cores whose CPUs are shared, with and without an affinity mask.
func TestCores(t *testing.T) {
	const topology = "/topology/thread_siblings_list"
	m := files(t, map[string]string{
		"proc/7/stat": "", "sys/devices/system/cpu/cpu0" + topology: "0,2\n", "sys/devices/system/cpu/cpu1" + topology: "1,3\n",
		"sys/devices/system/cpu/cpu2" + topology: "0,2\n", "sys/devices/system/cpu/cpu3" + topology: "1,3\n",
	})
	for _, c := range []struct {
		cpus []int
		want int
	}{{[]int{0, 1, 2, 3}, 2}, {[]int{0, 2}, 1}, {[]int{3}, 1}} {
		if n, err := m.cores(c.cpus); err != nil || n != c.want {
			t.Errorf("CPUs %v: %d cores, %v, want %d", c.cpus, n, err, c.want)
		}
	}
	if _, err := m.cores([]int{4}); err == nil {
		t.Error("a CPU without topology has a core")
	}
}
