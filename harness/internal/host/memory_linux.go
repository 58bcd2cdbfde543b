package host

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ReadMemory reads a process's memory; ok is false if the process is gone.
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

// kibibytes parses a value like " 1234 kB".
func kibibytes(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(s), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}
