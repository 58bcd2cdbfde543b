package lmplugin

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
)

// Class classifies the failure of a plugin's process.
type Class string

// The classes of an ExitError.
const (
	Crash        Class = "crash"         // it exited or raised a fatal signal
	Killed       Class = "killed"        // killed by somebody other than the host
	OutOfMemory  Class = "out of memory" // refused memory by the system or a limit
	Protocol     Class = "protocol"      // no handshake, or output before it
	Incompatible Class = "version"       // no protocol version in common with the host
	TimedOut     Class = "time-out"      // not ready in time
	NotStarted   Class = "start"         // the system could not start it
	Closed       Class = "closed"        // closed by the host
)

// ExitError reports that a plugin's process has failed, at start or later.
type ExitError struct {
	Plugin   string // path of the executable
	Class    Class
	Message  string         // what happened
	Signal   syscall.Signal // that ended it, 0 if none
	ExitCode int            // -1 if a signal ended it or it was still running
	Stderr   string         // end of its output
}

// Error returns one or two lines: what happened and the last line of stderr.
func (e *ExitError) Error() string {
	s := fmt.Sprintf("plugin %s: %s: %s", e.Plugin, e.Class, e.Message)
	if line := e.lastLine(); line != "" {
		s += " (stderr: " + line + ")"
	}
	return s
}

// lastLine returns the line of stderr with a panic or fatal error, or else the last line.
func (e *ExitError) lastLine() string {
	lines := strings.Split(strings.TrimSpace(e.Stderr), "\n")
	for _, line := range lines {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return line
		}
	}
	return strings.TrimSpace(lines[len(lines)-1])
}

// memoryWords are the messages of runtimes that were refused memory. Creating a thread fails for lack of memory for its
// stack.
var memoryWords = []string{
	"out of memory", "cannot allocate memory", "MemoryError", "failed to allocate", "std::bad_alloc", "pthread_create failed", "failed to create new OS thread",
}

func saysOutOfMemory(stderr string) bool {
	return slices.ContainsFunc(memoryWords, func(words string) bool { return strings.Contains(stderr, words) })
}
