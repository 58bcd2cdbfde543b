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

// deadmanScript reads the number of a group and waits for the end of its input, which comes when the host dies. Then it kills
// the group and, where the system has /proc, whatever carries the mark $2 in its environment, and removes the folder $1 of
// the socket.
const deadmanScript = `read -r leader && read -r _
test -n "$leader" && kill -s KILL -- -"$leader"
for f in $(grep -lswF -- "$2" /proc/[0-9]*/environ); do
	f=${f#/proc/}
	kill -s KILL "${f%/environ}"
done
rm -rf -- "$1"`

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

// deadman is a process that outlives the host.
type deadman struct {
	cmd   *exec.Cmd
	input io.Writer
}

// startDeadman starts a process that ends a plugin when the host has died, however it died: the signal at the death of the
// parent reaches the plugin alone, not what the plugin has started. Without a shell there is none, nil, and the group's
// leader must look after itself (see exitWithParent).
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

// watch tells the deadman which group to end.
func (d *deadman) watch(leader int) {
	if d != nil {
		_, _ = fmt.Fprintln(d.input, leader) // one that has been killed watches nothing
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
