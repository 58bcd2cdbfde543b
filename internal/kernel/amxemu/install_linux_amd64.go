//go:build cgo

package amxemu

// #include "tiles.h"
import "C"

import "fmt"

// Install sets the handler for the rest of the process's life. A SIGILL at any other instruction goes to the previous
// handler, the Go runtime's.
func Install() error {
	if errno := C.amxemu_install(); errno != 0 {
		return fmt.Errorf("amxemu: sigaction: errno %d", errno)
	}
	return nil
}

// Executed is the number of emulated instructions.
func Executed() int64 { return int64(C.amxemu_executed()) }

// trap executes an instruction that no CPU has.
func trap() { C.amxemu_trap() }
