package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/klauspost/cpuid/v2"
)

// machine says where and when samples were taken.
type machine struct {
	CPU      string    `json:"cpu"`
	Family   string    `json:"family"` // family, model and stepping
	Features []string  `json:"features"`
	Cores    int       `json:"cores"`
	Virtual  bool      `json:"virtual"` // a guest, which other guests may disturb
	Memory   string    `json:"memory"`
	OS       string    `json:"os"`
	Kernel   string    `json:"kernel"`
	Go       string    `json:"go"`
	Revision string    `json:"revision"` // of the working tree that the program was started in
	Started  time.Time `json:"started"`
	Rounds   int       `json:"rounds"`
}

func thisMachine(rounds int) machine {
	c := cpuid.CPU
	return machine{
		CPU: c.BrandName, Family: fmt.Sprintf("%d/%d/%d", c.Family, c.Model, c.Stepping), Features: vectorFeatures(),
		Cores: runtime.NumCPU(), Virtual: c.VM(), Memory: field("/proc/meminfo", "MemTotal:"), OS: field("/etc/os-release", "PRETTY_NAME="),
		Kernel: kernelVersion(), Go: runtime.Version(), Revision: revision(), Started: time.Now().UTC().Truncate(time.Second),
		Rounds: rounds,
	}
}

// kernelVersion is the kernel release without the builder's suffix.
func kernelVersion() string {
	release, _, _ := strings.Cut(field("/proc/sys/kernel/osrelease", ""), "-")
	return release
}

// revision describes the working tree, or is "" outside one.
func revision() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// vectorFeatures are the CPU features that decide which kernels run.
func vectorFeatures() []string {
	var found []string
	for _, f := range []cpuid.FeatureID{
		cpuid.AVX2, cpuid.FMA3, cpuid.AVX512F, cpuid.AVX512VNNI, cpuid.AVX512BF16, cpuid.AVX512FP16, cpuid.AMXBF16, cpuid.AMXINT8,
	} {
		if cpuid.CPU.Has(f) {
			found = append(found, f.String())
		}
	}
	return found
}

// field returns the rest of a file's first line that begins with key, or "".
func field(path, key string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), key); ok {
			return strings.Trim(strings.TrimSpace(rest), `"`)
		}
	}
	return ""
}

// load1 is the machine's one-minute load average, 0 if unknown.
func load1() float64 {
	var load float64
	_, _ = fmt.Sscan(field("/proc/loadavg", ""), &load) // leaves 0 if it fails
	return load
}
