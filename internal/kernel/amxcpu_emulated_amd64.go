//go:build amxemu

package kernel

import "github.com/archbench/archbench/internal/kernel/amxemu"

// hasAMX reports whether AMX or its emulation is available. The build tag amxemu selects the emulation, so that the
// tests of every package can run the amx tier.
func hasAMX() bool { return tilesPermitted() || amxemu.Install() == nil }
