package lmplugin

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// groupLeader gives a process its own session and group, so that it can neither join the host's group nor open its
// terminal, and kills it when the host dies.
func groupLeader() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// reap waits for a group's leader and kills the rest of the group before the leader's PID can be reused.
func reap(cmd *exec.Cmd) {
	for {
		err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	_ = killGroup(cmd.Process.Pid)
	_ = cmd.Wait()
}

// limitMemory bounds the writable memory of a process. Mapped files do not count.
func limitMemory(pid int, bytes int64) {
	if bytes > 0 {
		limit := unix.Rlimit{Cur: uint64(bytes), Max: uint64(bytes)}
		_ = unix.Prlimit(pid, unix.RLIMIT_DATA, &limit, nil)
	}
}

// hostOOMKills returns how many processes the system has killed since boot because it was out of memory.
func hostOOMKills() int64 {
	data, _ := os.ReadFile("/proc/vmstat")
	_, rest, _ := strings.Cut(string(data), "\noom_kill ")
	line, _, _ := strings.Cut(rest, "\n")
	n, _ := strconv.ParseInt(line, 10, 64)
	return n
}
