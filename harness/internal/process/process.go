// Package process names processes so that none is taken for another: a number alone is given again, by the same
// system, by the next boot and in every container.
package process

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ID names one process. What the system does not tell is empty.
type ID struct {
	PID       int
	Start     string // when the process started, in the system's own unit
	Namespace string // in which PID counts
	Boot      string // of the system, another one each time
	Machine   string // stays the same over boots
	Host      string // the machine's name, for messages
}

// State says whether a process lives.
type State int

// The states of a process.
const (
	Gone    State = iota
	Alive         // or stopped
	Unknown       // it runs elsewhere, or the system does not tell
)

// Self returns the name of this process.
func Self() ID {
	host, err := os.Hostname()
	if err != nil {
		host = "" // a name for messages only
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

// State says whether the process lives, as far as this process can see.
func (id ID) State() State { return id.seenFrom(Self()) }

// seenFrom says whether the process lives, as seen from another one.
func (id ID) seenFrom(self ID) State {
	switch {
	case id.Boot != self.Boot && id.Boot != "" && self.Boot != "" && id.Machine == self.Machine:
		return Gone // with the boot that it belonged to
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
