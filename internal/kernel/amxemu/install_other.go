//go:build !linux || !amd64 || !cgo

package amxemu

import "errors"

// Install reports that there is no emulation on this platform.
func Install() error { return errors.New("amxemu: needs linux/amd64 and cgo") }

// Executed is the number of emulated instructions.
func Executed() int64 { return 0 }
