//go:build !linux

package kernel

// tilesPermitted reports whether AMX tiles may be used. How other systems are asked has not been tried.
func tilesPermitted() bool { return false }
