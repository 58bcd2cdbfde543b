package host

// Memory is a process's memory as accounted by the kernel.
type Memory struct {
	RSS  int64 // resident now (VmRSS)
	Peak int64 // largest resident size since the process started (VmHWM)
}
