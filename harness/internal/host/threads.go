package host

import "runtime"

// Threads is the default number of threads per model: one for each CPU that the process may use. It honours the
// affinity mask, GOMAXPROCS, and a CPU quota, rounded down because threads beyond a quota would be stopped during
// measurement.
func Threads() int {
	n := min(runtime.GOMAXPROCS(0), runtime.NumCPU())
	if quota, ok := cpuLimit(); ok {
		n = min(n, max(1, int(quota)))
	}
	return n
}
