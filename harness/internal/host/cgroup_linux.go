package host

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
)

// machine is the folder that /proc and /sys lie in: / except in tests.
type machine string

const here machine = "/"

func (m machine) path(p string) string { return filepath.Join(string(m), p) }

// limit is the tightest bound that control groups set.
type limit struct {
	value float64 // CPUs or bytes; +Inf: none
	group string  // the folder that sets it
}

// none reports whether nothing is limited.
func (l limit) none() bool { return math.IsInf(l.value, 1) }

// cpuLimit is how many CPUs the process may use at a time, on average.
func (m machine) cpuLimit() (limit, error) { return m.tightest("cpu", cpuQuota) }

// memoryLimit is how many bytes the process's groups may hold.
func (m machine) memoryLimit() (limit, error) { return m.tightest("memory", memoryBound) }

// tightest reads the bound of every group that the process is in: its own and all above it, in the hierarchies of
// version 1 and of version 2.
func (m machine) tightest(controller string, read func(group string) (float64, bool)) (limit, error) {
	groups, err := m.groups(controller)
	if err != nil {
		return limit{}, err
	}
	least := limit{value: math.Inf(1)}
	for _, group := range groups {
		if v, ok := read(m.path(group)); ok && v < least.value {
			least = limit{v, group}
		}
	}
	return least, nil
}

// groups returns the folders of the groups that the process is in and a controller may bound.
func (m machine) groups(controller string) ([]string, error) {
	proc, err := procfs.NewFS(m.path("proc"))
	if err != nil {
		return nil, err
	}
	self, err := proc.Self()
	if err != nil {
		return nil, err
	}
	memberships, err := self.Cgroups()
	if err != nil {
		return nil, err
	}
	mounts, err := self.MountInfo()
	if err != nil {
		return nil, err
	}
	var all []string
	for _, g := range memberships {
		unified := g.HierarchyID == 0
		if !unified && !slices.Contains(g.Controllers, controller) {
			continue
		}
		for _, mount := range mounts {
			_, has := mount.SuperOptions[controller]
			if unified && mount.FSType == "cgroup2" || !unified && mount.FSType == "cgroup" && has {
				all = append(all, upwards(strings.ReplaceAll(mount.MountPoint, `\040`, " "), mount.Root, g.Path)...)
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no control group of %s is mounted", controller)
	}
	return all, nil
}

// upwards lists the folders from a group up to the mount point of its hierarchy, of which a container sees the part
// below root. A group outside of that part is taken for its top.
func upwards(mountPoint, root, group string) []string {
	below, err := filepath.Rel(root, group)
	if err != nil || below == ".." || strings.HasPrefix(below, "../") {
		below = "."
	}
	var all []string
	for ; below != "."; below = filepath.Dir(below) {
		all = append(all, filepath.Join(mountPoint, below))
	}
	return append(all, mountPoint)
}

// cpuQuota reads the quota of a group in CPUs. ok is false where it has none.
func cpuQuota(group string) (cpus float64, ok bool) {
	quota, period, _ := strings.Cut(content(group, "cpu.max"), " ")
	if quota == "" {
		quota, period = content(group, "cpu.cfs_quota_us"), content(group, "cpu.cfs_period_us")
	}
	q, qErr := strconv.ParseFloat(quota, 64)
	p, pErr := strconv.ParseFloat(period, 64)
	if qErr != nil || pErr != nil || q <= 0 || p <= 0 {
		return 0, false
	}
	return q / p, true
}

// memoryBound reads how many bytes a group may hold. Version 1 says nearly all of the address space for no bound.
func memoryBound(group string) (bytes float64, ok bool) {
	for _, name := range []string{"memory.max", "memory.limit_in_bytes"} {
		if n, err := strconv.ParseInt(content(group, name), 10, 64); err == nil && n < 1<<62 {
			return float64(n), true
		}
	}
	return 0, false
}

// content is what a one-line file holds, "" if there is none.
func content(folder, name string) string {
	b, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
