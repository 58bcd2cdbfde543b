//go:build !amxemu

package kernel

import "github.com/klauspost/cpuid/v2"

// hasAMX reports whether this CPU multiplies bf16 and int8 tiles and the system permits it.
func hasAMX() bool {
	return cpuid.CPU.Supports(cpuid.AMXTILE, cpuid.AMXBF16, cpuid.AMXINT8) && tilesPermitted()
}
