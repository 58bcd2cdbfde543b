//go:build unix && !linux

package lmplugin

import (
	"os/exec"
	"syscall"
)

// groupLeader gives a process its own session and group.
func groupLeader() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// reap waits for a group's leader and kills the rest of the group.
func reap(cmd *exec.Cmd) {
	_ = cmd.Wait()
	_ = killGroup(cmd.Process.Pid)
}

// limitMemory does nothing: only Linux has prlimit.
func limitMemory(int, int64) {}

// hostOOMKills returns 0: unknown on this system.
func hostOOMKills() int64 { return 0 }
