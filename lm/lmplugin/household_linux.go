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

// household is what this process has started and what has come from it. While a plugin runs, orphans among its
// descendants become children of this process, even those that have left the plugin's session, so that none outlives
// the plugin. Descendants lie in other sessions than this process; a host must not start children of its own in
// sessions of their own meanwhile.
type household struct {
	mu    sync.Mutex
	marks map[int]string // plugins and deadmen by number: a variable in the environment of a plugin's descendants
}

// ours is the household of this process.
var ours = household{marks: map[int]string{}}

// start starts a plugin, whose descendants carry the mark, or a deadman, which has none.
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

// adopt makes this process the parent of orphans below it, or no longer, unless there are plugins that need it.
func (h *household) adopt(on bool) {
	if len(h.marks) > 0 {
		return
	}
	value := uintptr(0)
	if on {
		value = 1
	}
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, value, 0, 0, 0) // every Linux that Go runs on has it
}

// leave takes in that a process has been waited for, and ends its orphans. Those of other plugins stay.
func (h *household) leave(cmd *exec.Cmd) {
	h.mu.Lock()
	defer h.mu.Unlock()
	mark := h.marks[cmd.Process.Pid]
	delete(h.marks, cmd.Process.Pid)
	for orphans := h.orphans(); mark != "" && len(orphans) > 0; orphans = h.orphans() {
		for _, pid := range orphans {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		for _, pid := range orphans { // whose own children are orphans now
			_, _ = unix.Wait4(pid, nil, 0, nil)
		}
	}
	h.adopt(false)
}

// orphans are the children that this process has not started, without those of the other plugins.
func (h *household) orphans() []int {
	self, session := os.Getpid(), sessionOf(os.Getpid())
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

// belongs reports whether a process carries the mark of a plugin that lives.
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

func sessionOf(pid int) int {
	_, session := kinOf(pid)
	return session
}

// kinOf reads the parent and the session of a process, 0 if it is gone.
func kinOf(pid int) (parent, session int) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	// The name of the program, in brackets, may hold anything. State, parent, group and session follow.
	end := strings.LastIndexByte(string(stat), ')')
	var state string
	var group int
	if _, err := fmt.Sscan(string(stat[end+1:]), &state, &parent, &group, &session); err != nil {
		return 0, 0
	}
	return parent, session
}
