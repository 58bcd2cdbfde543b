//go:build unix

package lmplugin

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// killGroup ends a process group at once.
func killGroup(leader int) error { return syscall.Kill(-leader, syscall.SIGKILL) }

// killOwnGroup ends this process with its group, if it leads one.
func killOwnGroup() {
	if syscall.Getpgrp() == os.Getpid() {
		_ = syscall.Kill(0, syscall.SIGKILL)
	}
}

// deadmanScript waits for the end of its input, which comes when the host dies, kills the group $1 and removes the
// folder $2 of its socket.
const deadmanScript = `read -r _; kill -s KILL -- -"$1"; rm -rf -- "$2"`

// startDeadman starts a process that outlives the host and ends the plugin's group when the host has died, however
// it died: the signal at the death of the parent reaches the plugin alone, not what the plugin has started. Without
// a shell there is none, and the group's leader must look after itself (see exitWithParent).
func startDeadman(leader int, socketDir string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", "-c", deadmanScript, "deadman", strconv.Itoa(leader), socketDir)
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if _, err := cmd.StdinPipe(); err != nil {
		return nil
	}
	if err := startUnlocked(cmd); err != nil {
		return nil
	}
	return cmd
}

// stopDeadman ends it when there is nothing left to kill.
func stopDeadman(cmd *exec.Cmd) {
	if cmd != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}
