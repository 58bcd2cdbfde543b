package lmplugin

import (
	"fmt"
	"strings"
	"syscall"
)

// Class says how a plugin failed as a process.
type Class string

// The classes of an ExitError.
const (
	Crash        Class = "crash"         // it ended by itself: an exit code or a signal of its own making
	Killed       Class = "killed"        // somebody else has killed it
	OutOfMemory  Class = "out of memory" // the system or a limit refused it memory
	Protocol     Class = "protocol"      // it does not speak the handshake, or printed something before it
	Incompatible Class = "version"       // it speaks no version of the protocol that the host speaks
	TimedOut     Class = "time-out"      // it did not come up in time
	NotStarted   Class = "start"         // the system could not start it
	Closed       Class = "closed"        // the host has closed it
)

// ExitError is the error of a plugin whose process has failed, at start or later.
type ExitError struct {
	Plugin   string // path of the executable
	Class    Class
	Message  string         // what happened, in words
	Signal   syscall.Signal // that ended it, 0 if none
	ExitCode int            // -1 if a signal ended it or it still ran
	Stderr   string         // what it printed last
}

// Error returns one or two lines: what happened and the last line of stderr.
func (e *ExitError) Error() string {
	s := fmt.Sprintf("plugin %s: %s: %s", e.Plugin, e.Class, e.Message)
	if line := e.lastLine(); line != "" {
		s += " (stderr: " + line + ")"
	}
	return s
}

// lastLine is the most telling line of stderr: that of a panic or fatal error, else the last one.
func (e *ExitError) lastLine() string {
	lines := strings.Split(strings.TrimSpace(e.Stderr), "\n")
	for _, line := range lines {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return line
		}
	}
	return strings.TrimSpace(lines[len(lines)-1])
}

// memoryWords are how runtimes say that they were refused memory. A thread that cannot be made is a refusal of the
// memory for its stack.
var memoryWords = []string{
	"out of memory", "cannot allocate memory", "MemoryError", "failed to allocate", "std::bad_alloc", "pthread_create failed", "failed to create new OS thread",
}

func saysOutOfMemory(stderr string) bool {
	for _, words := range memoryWords {
		if strings.Contains(stderr, words) {
			return true
		}
	}
	return false
}
