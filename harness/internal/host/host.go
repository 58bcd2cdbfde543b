// Package host describes the machine that a run happens on, and what disturbed it meanwhile. It reads files and
// registers and changes nothing. A fact that the machine does not provide is recorded with the reason.
package host

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/cpuid/v2"

	"github.com/archbench/archbench/harness/internal/record"
)

// Describe reads the machine's facts. Those that decide its speed make up the fingerprint: timings are comparable only
// within one fingerprint. The ID covers all facts.
func Describe() record.Host {
	class := []record.Fact{
		{Name: "platform", Value: runtime.GOOS + "/" + runtime.GOARCH},
		known("cpu", strings.TrimSpace(cpuid.CPU.BrandName), "the processor does not name itself"),
		{Name: "cores", Value: fmt.Sprintf("%d logical, %s", runtime.NumCPU(), physicalCores())},
		known("cpu features", features(), "no vector feature reported"),
		{Name: "caches", Value: caches()},
		{Name: "virtualisation", Value: virtualisation()},
	}
	facts := slices.Concat(class, system())
	return record.Host{ID: digest(facts), Fingerprint: digest(class), Facts: facts}
}

// digest hashes facts in order.
func digest(facts []record.Fact) string {
	h := sha256.New()
	for _, f := range facts {
		fmt.Fprintf(h, "%s=%s\n", f.Name, f.Words())
	}
	return hex.EncodeToString(h.Sum(nil))
}

// known is a fact that a machine may not provide, with the reason for a blank value.
func known(name, value, reason string) record.Fact {
	if value != "" {
		return record.Fact{Name: name, Value: value}
	}
	return record.Fact{Name: name, Reason: reason}
}

// numericFeatures are the instruction sets that the kernels may use.
var numericFeatures = []cpuid.FeatureID{
	cpuid.AVX, cpuid.AVX2, cpuid.FMA3, cpuid.F16C, cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512VL, cpuid.AVX512DQ,
	cpuid.AVX512VNNI, cpuid.AVX512BF16, cpuid.AVX512FP16, cpuid.AVXVNNI, cpuid.AMXTILE, cpuid.AMXBF16, cpuid.AMXINT8,
	cpuid.ASIMD, cpuid.SVE,
}

func features() string {
	var names []string
	for _, id := range numericFeatures {
		if cpuid.CPU.Supports(id) {
			names = append(names, id.String())
		}
	}
	return strings.Join(names, " ")
}

func caches() string {
	c := cpuid.CPU.Cache
	return fmt.Sprintf("L1d %s, L2 %s, L3 %s", cacheSize(c.L1D), cacheSize(c.L2), cacheSize(c.L3))
}

func cacheSize(bytes int) string {
	if bytes <= 0 {
		return "n/a"
	}
	return strconv.Itoa(bytes>>10) + " KiB"
}

func virtualisation() string {
	switch {
	case cpuid.CPU.HypervisorVendorString != "":
		return strings.TrimRight(cpuid.CPU.HypervisorVendorString, "\x00")
	case cpuid.CPU.VM():
		return "yes"
	default:
		return "none seen"
	}
}
