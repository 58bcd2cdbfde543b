//go:build !linux

package lmplugin

// hostMemory is not known on this system.
func hostMemory() int64 { return 0 }
