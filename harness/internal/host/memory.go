package host

// Memory is what the kernel accounts to one process.
type Memory struct {
	RSS  int64 // resident now (VmRSS)
	Peak int64 // resident at most since the process started (VmHWM)
}
