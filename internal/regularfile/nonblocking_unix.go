//go:build unix

package regularfile

import "syscall"

// nonBlocking keeps open from waiting for a FIFO's writer; reads of regular files ignore it.
const nonBlocking = syscall.O_NONBLOCK
