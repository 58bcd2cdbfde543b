package lmplugin

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// household tracks the plugins of this process and their descendants. While a plugin runs, its orphaned descendants become
// children of this process, even if they have left the plugin's session, so none outlives the plugin. Descendants are
// recognised by being in other sessions than this process: meanwhile a host must not start other children in new sessions.
type household struct {
	mu    sync.Mutex
	marks map[int]string // by PID of a plugin or deadman: the environment variable that marks a plugin's descendants, or ""
}

// ours is the household of this process.
var ours = household{marks: map[int]string{}}

// start starts a plugin, whose descendants carry the mark, or a deadman, without a mark.
func (h *household) start(cmd *exec.Cmd, mark string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.adopt(true)
	if err := startUnlocked(cmd); err != nil {
		h.adopt(false)
		return err
	}
	h.marks[cmd.Process.Pid] = mark
	return nil
}

// adopt sets whether orphaned descendants become children of this process. It does nothing while there are plugins.
func (h *household) adopt(on bool) {
	if len(h.marks) > 0 {
		return
	}
	value := uintptr(0)
	if on {
		value = 1
	}
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, value, 0, 0, 0) // supported by every Linux that Go runs on
}

// leave removes a process that has been waited for and kills its orphans, but not those of other plugins.
func (h *household) leave(cmd *exec.Cmd) {
	h.mu.Lock()
	defer h.mu.Unlock()
	mark := h.marks[cmd.Process.Pid]
	delete(h.marks, cmd.Process.Pid)
	for orphans := h.orphans(); mark != "" && len(orphans) > 0; orphans = h.orphans() {
		for _, pid := range orphans {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		for _, pid := range orphans { // their own children are orphans now
			_, _ = unix.Wait4(pid, nil, 0, nil)
		}
	}
	h.adopt(false)
}

// orphans returns the children that this process did not start itself, without those of running plugins.
func (h *household) orphans() []int {
	self := os.Getpid()
	_, session := kinOf(self)
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var all []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		_, started := h.marks[pid]
		if parent, s := kinOf(pid); parent == self && s != session && !started && !h.belongs(pid) {
			all = append(all, pid)
		}
	}
	return all
}

// belongs reports whether a process carries the mark of a running plugin.
func (h *household) belongs(pid int) bool {
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return false
	}
	variables := bytes.Split(environ, []byte{0})
	for _, mark := range h.marks {
		if mark != "" && slices.ContainsFunc(variables, func(v []byte) bool { return string(v) == mark }) {
			return true
		}
	}
	return false
}

// kinOf returns the parent and the session of a process, 0 if it is gone.
func kinOf(pid int) (parent, session int) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	// The program name in parentheses may contain any byte. State, parent, group and session follow it.
	end := strings.LastIndexByte(string(stat), ')')
	var state string
	var group int
	if _, err := fmt.Sscan(string(stat[end+1:]), &state, &parent, &group, &session); err != nil {
		return 0, 0
	}
	return parent, session
}
