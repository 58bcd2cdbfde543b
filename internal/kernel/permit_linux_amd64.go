package kernel

import (
	"sync"
	"syscall"
)

// tilesPermitted requests AMX tiles from Linux, whose 8 KiB of state a process does not have by default. The permission
// covers all of its threads, including future ones.
var tilesPermitted = sync.OnceValue(func() bool {
	const (
		requestPermission = 0x1023 // ARCH_REQ_XCOMP_PERM
		tileData          = 18     // XFEATURE_XTILE_DATA
	)
	_, _, errno := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, requestPermission, tileData, 0)
	return errno == 0
})
