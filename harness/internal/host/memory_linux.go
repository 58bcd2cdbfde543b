package host

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ReadMemory reads the memory of a process; ok is false when it is gone.
func ReadMemory(pid int) (m Memory, ok bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, false
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		switch key {
		case "VmRSS":
			m.RSS = kibibytes(value)
		case "VmHWM":
			m.Peak = kibibytes(value)
		}
	}
	return m, m.Peak > 0
}

// kibibytes reads a value like "  1234 kB".
func kibibytes(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(s), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

// GroupRSS returns the resident bytes of all processes of the group of pid. Pages that they share count once each.
func GroupRSS(pid int) int64 {
	group := groupOf(pid)
	entries, err := os.ReadDir("/proc")
	if err != nil || group == 0 {
		return 0
	}
	var sum int64
	for _, e := range entries {
		other, err := strconv.Atoi(e.Name())
		if err != nil || (other != pid && groupOf(other) != group) {
			continue
		}
		m, _ := ReadMemory(other)
		sum += m.RSS
	}
	return sum
}

// groupOf returns the process group of pid, 0 if it is gone: the third field after the parenthesised name in
// /proc/PID/stat.
func groupOf(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 3 {
		return 0
	}
	group, err := strconv.Atoi(fields[2])
	if err != nil {
		return 0
	}
	return group
}
