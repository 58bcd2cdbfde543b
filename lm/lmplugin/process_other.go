//go:build unix && !linux

package lmplugin

import (
	"os/exec"
	"syscall"
)

// groupLeader gives a process its own session and group.
func groupLeader() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// reap waits for a group's leader and ends the rest of the group.
func reap(cmd *exec.Cmd) {
	_ = cmd.Wait()
	_ = killGroup(cmd.Process.Pid)
}

// limitMemory needs prlimit, which only Linux has.
func limitMemory(int, int64) {}

// hostOOMKills has no source here.
func hostOOMKills() int64 { return 0 }
