// Package process identifies processes unambiguously. A PID alone is not enough: it is reused on the same system, after
// the next boot and in every container.
package process

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ID identifies one process. Parts that the system does not provide are empty.
type ID struct {
	PID       int
	Start     string // start time, in the system's own unit
	Namespace string // namespace of PID
	Boot      string // different after each boot
	Machine   string // stable across boots
	Host      string // the machine's name, for messages
}

// State says whether a process is alive.
type State int

// Process states.
const (
	Gone    State = iota
	Alive         // running or stopped
	Unknown       // it runs elsewhere, or the system does not tell
)

// Self returns this process's ID.
func Self() ID {
	host, err := os.Hostname()
	if err != nil {
		host = "" // used in messages only
	}
	id := ID{PID: os.Getpid(), Namespace: namespace(), Boot: boot(), Machine: machine() + "/" + host, Host: host}
	id.Start, _, _ = start(id.PID)
	return id
}

// String returns "process 12 on host".
func (id ID) String() string {
	if id.Host == "" {
		return fmt.Sprintf("process %d", id.PID)
	}
	return fmt.Sprintf("process %d on %s", id.PID, id.Host)
}

// State returns whether the process is alive, as far as this process can tell.
func (id ID) State() State { return id.seenFrom(Self()) }

// seenFrom returns whether the process is alive, as far as self can tell.
func (id ID) seenFrom(self ID) State {
	switch {
	case id.Boot != self.Boot && id.Boot != "" && self.Boot != "" && id.Machine == self.Machine:
		return Gone // the system has rebooted
	case id.Boot != self.Boot, id.Boot == "" && id.Machine != self.Machine, id.Namespace != self.Namespace:
		return Unknown
	}
	return id.here()
}

// here looks for the process on this system.
func (id ID) here() State {
	if err := syscall.Kill(id.PID, 0); errors.Is(err, syscall.ESRCH) {
		return Gone
	}
	now, ended, err := start(id.PID)
	switch {
	case err != nil || now == "" || id.Start == "":
		return Unknown // hidden from this user
	case ended || now != id.Start:
		return Gone
	}
	return Alive
}
