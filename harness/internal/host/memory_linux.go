package host

import "github.com/prometheus/procfs"

// ReadMemory reads a process's memory; ok is false if the process is gone.
func ReadMemory(pid int) (m Memory, ok bool) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return Memory{}, false
	}
	s, err := p.NewStatus()
	return Memory{RSS: int64(s.VmRSS), Peak: int64(s.VmHWM)}, err == nil && s.VmHWM > 0
}
