//go:build unix

package lmplugin

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/hashicorp/go-plugin"
)

// killGroup kills a process group.
func killGroup(leader int) error { return syscall.Kill(-leader, syscall.SIGKILL) }

// killOwnGroup kills this process and its group if it is the leader.
func killOwnGroup() {
	if syscall.Getpgrp() == os.Getpid() {
		_ = syscall.Kill(0, syscall.SIGKILL)
	}
}

// socketVariable tells a plugin the folder of its socket. The folder is unique to the plugin, so the variable also marks
// the plugin's descendants.
const socketVariable = plugin.EnvUnixSocketDir

// deadmanScript reads the number of a process group and waits for the end of its input, which comes when the host dies.
// Then it kills the group and, where the system has /proc, every process with the mark $2 in its environment, and removes
// the socket folder $1.
const deadmanScript = `read -r leader && read -r _
test -n "$leader" && kill -s KILL -- -"$leader"
for f in $(grep -lswF -- "$2" /proc/[0-9]*/environ); do
	f=${f#/proc/}
	kill -s KILL "${f%/environ}"
done
rm -rf -- "$1"`

// closeOnExec keeps child processes from inheriting the open files of this process, such as a lock held by the shell or
// files that a library opened without O_CLOEXEC.
func closeOnExec() {
	open, err := os.ReadDir("/dev/fd")
	if err != nil {
		return // without /dev/fd, children still inherit what this process inherited
	}
	for _, entry := range open {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

// deadman is a process that outlives the host and then kills the plugin.
type deadman struct {
	cmd   *exec.Cmd
	input io.Writer
}

// startDeadman starts a process that kills a plugin when the host has died for any reason. Linux's parent death signal
// reaches only the plugin, not its children. Without a shell startDeadman returns nil, and the plugin must notice the
// host's death by itself (see exitWithParent).
func startDeadman(socketDir string) *deadman {
	cmd := exec.Command("/bin/sh", "-c", deadmanScript, "deadman", socketDir, socketVariable+"="+socketDir)
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	input, err := cmd.StdinPipe()
	if err != nil || ours.start(cmd, "") != nil {
		return nil
	}
	return &deadman{cmd, input}
}

// watch tells the deadman which group to kill.
func (d *deadman) watch(leader int) {
	if d != nil {
		_, _ = fmt.Fprintln(d.input, leader) // fails only if the deadman has been killed
	}
}

// stop ends the deadman when there is nothing left to kill.
func (d *deadman) stop() {
	if d != nil {
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait()
		ours.leave(d.cmd)
	}
}
