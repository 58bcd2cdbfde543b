package process

import (
	"os"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
)

// start returns a process's start time, in clock ticks since boot, and whether it has ended without being waited for.
func start(pid int) (ticks string, ended bool, err error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return "", false, err
	}
	s, err := p.Stat()
	if err != nil {
		return "", false, err
	}
	return strconv.FormatUint(s.Starttime, 10), s.State == "Z" || s.State == "X", nil
}

// namespace identifies this process's PID namespace.
func namespace() string {
	name, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return name
}

func boot() string { return line("/proc/sys/kernel/random/boot_id") }

func machine() string { return line("/etc/machine-id") }

// line returns the text of a one-line file, or "".
func line(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
