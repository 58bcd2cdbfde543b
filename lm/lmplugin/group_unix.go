//go:build unix

package lmplugin

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/hashicorp/go-plugin"
)

// killGroup ends a process group at once.
func killGroup(leader int) error { return syscall.Kill(-leader, syscall.SIGKILL) }

// killOwnGroup ends this process with its group, if it leads one.
func killOwnGroup() {
	if syscall.Getpgrp() == os.Getpid() {
		_ = syscall.Kill(0, syscall.SIGKILL)
	}
}

// socketVariable is where go-plugin tells a plugin the folder of its socket, which no other plugin has: so it marks the
// plugin's descendants.
const socketVariable = plugin.EnvUnixSocketDir

// deadmanScript waits for the end of its input, which comes when the host dies, kills the group $1 and, where the system
// has /proc, whatever carries the mark $3 in its environment, and removes the folder $2 of its socket.
const deadmanScript = `read -r _
kill -s KILL -- -"$1"
for f in $(grep -lswF -- "$3" /proc/[0-9]*/environ); do
	f=${f#/proc/}
	kill -s KILL "${f%/environ}"
done
rm -rf -- "$2"`

// closeOnExec keeps every open file of this process from the programs that it starts: those that it inherited, from a
// shell with a lock for example, and those that some library has opened without care.
func closeOnExec() {
	open, err := os.ReadDir("/dev/fd")
	if err != nil {
		return // a system without it gives nothing away but what is inherited
	}
	for _, entry := range open {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

// startDeadman starts a process that outlives the host and ends the plugin's group when the host has died, however
// it died: the signal at the death of the parent reaches the plugin alone, not what the plugin has started. Without
// a shell there is none, and the group's leader must look after itself (see exitWithParent).
func startDeadman(leader int, socketDir string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", "-c", deadmanScript, "deadman", strconv.Itoa(leader), socketDir, socketVariable+"="+socketDir)
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if _, err := cmd.StdinPipe(); err != nil {
		return nil
	}
	if err := ours.start(cmd, ""); err != nil {
		return nil
	}
	return cmd
}

// stopDeadman ends it when there is nothing left to kill.
func stopDeadman(cmd *exec.Cmd) {
	if cmd != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		ours.leave(cmd)
	}
}
