//go:build amxemu

package kernel

import "github.com/archbench/archbench/internal/kernel/amxemu"

// hasAMX reports whether there is AMX or, which the build tag amxemu asks for, its emulation: with the tag the tests of
// every package can run the amx tier.
func hasAMX() bool { return tilesPermitted() || amxemu.Install() == nil }
