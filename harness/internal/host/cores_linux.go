package host

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/archbench/archbench/harness/internal/record"
)

// physicalCores describes how many cores the process's CPUs belong to.
func physicalCores() string {
	var mask unix.CPUSet
	if err := unix.SchedGetaffinity(0, &mask); err != nil {
		return record.NA("physical cores not told: " + err.Error())
	}
	var cpus []int
	for i := 0; len(cpus) < mask.Count(); i++ {
		if mask.IsSet(i) {
			cpus = append(cpus, i)
		}
	}
	n, err := here.cores(cpus)
	if err != nil {
		return record.NA("physical cores not told: " + err.Error())
	}
	return fmt.Sprintf("%d physical", n)
}

// cores counts cores of the given CPUs: CPUs of one core list the same siblings. So there are never more cores than
// CPUs, whatever the processor reports to a virtual machine.
func (m machine) cores(cpus []int) (int, error) {
	siblings := map[string]bool{}
	for _, cpu := range cpus {
		list, err := os.ReadFile(m.path(fmt.Sprintf("sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu)))
		if err != nil {
			return 0, err
		}
		siblings[string(list)] = true
	}
	return len(siblings), nil
}
