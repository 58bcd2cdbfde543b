//go:build !linux

package lmplugin

// hostMemory returns 0: unknown on this system.
func hostMemory() int64 { return 0 }
