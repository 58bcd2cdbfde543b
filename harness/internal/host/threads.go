package host

import "runtime"

// Threads is how many threads a model gets unless the user says otherwise: one for each CPU that the process may use. It
// follows the affinity mask, GOMAXPROCS, and a quota of CPU time, rounded down, because threads beyond a quota are
// stopped while they are measured.
func Threads() int {
	n := min(runtime.GOMAXPROCS(0), runtime.NumCPU())
	if quota, ok := cpuLimit(); ok {
		n = min(n, max(1, int(quota)))
	}
	return n
}
