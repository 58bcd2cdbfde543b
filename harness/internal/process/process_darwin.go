package process

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// zombie is the status of an ended process that was not waited for (SZOMB).
const zombie = 5

// start returns a process's start time, in microseconds since 1970, and whether it has ended.
func start(pid int) (at string, ended bool, err error) {
	p, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return "", false, err
	}
	t := p.Proc.P_starttime
	return fmt.Sprintf("%d.%06d", t.Sec, t.Usec), p.Proc.P_stat == zombie, nil
}

func namespace() string { return "" } // there is only one

func boot() string { return text("kern.bootsessionuuid") }

func machine() string { return text("kern.uuid") }

// text returns a kernel value, or "".
func text(name string) string {
	v, err := unix.Sysctl(name)
	if err != nil {
		return ""
	}
	return v
}
