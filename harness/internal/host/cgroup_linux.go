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

// machine is the root of /proc and /sys: / except in tests.
type machine string

const here machine = "/"

func (m machine) path(p string) string { return filepath.Join(string(m), p) }

// limit is the tightest limit set by control groups.
type limit struct {
	value float64 // CPUs or bytes; +Inf: none
	group string  // the folder that sets it
}

// none reports whether there is no limit.
func (l limit) none() bool { return math.IsInf(l.value, 1) }

// cpuLimit is how many CPUs the process may use on average.
func (m machine) cpuLimit() (limit, error) { return m.tightest("cpu", cpuQuota) }

// memoryLimit is how many bytes the process's groups may use.
func (m machine) memoryLimit() (limit, error) { return m.tightest("memory", memoryBound) }

// tightest reads the limits of every group that contains the process, up to the root, in the hierarchies of versions 1
// and 2.
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

// groups returns the folders of the process's groups that a controller may limit.
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

// upwards lists the folders from a group up to its hierarchy's mount point. A container sees only the part below root;
// a group outside that part counts as its top.
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

// cpuQuota reads a group's quota in CPUs. ok is false if it has none.
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

// memoryBound reads how many bytes a group may use. Version 1 writes nearly the whole address space for no limit.
func memoryBound(group string) (bytes float64, ok bool) {
	for _, name := range []string{"memory.max", "memory.limit_in_bytes"} {
		if n, err := strconv.ParseInt(content(group, name), 10, 64); err == nil && n < 1<<62 {
			return float64(n), true
		}
	}
	return 0, false
}

// content returns the contents of a one-line file, "" if there is none.
func content(folder, name string) string {
	b, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
