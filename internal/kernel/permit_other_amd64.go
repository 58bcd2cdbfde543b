//go:build !linux

package kernel

// tilesPermitted reports false: requesting AMX tiles has not been tried on other systems.
func tilesPermitted() bool { return false }
