package lmplugin

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/go-plugin"
)

// startFailure explains why the handshake failed.
func (p *Plugin) startFailure(cause error) *ExitError {
	if p.process.ID() == "" {
		return &ExitError{Plugin: p.path, Class: NotStarted, Message: cause.Error(), ExitCode: -1}
	}
	// go-plugin kills plugins without a valid handshake, so the first line tells more than how the process ended.
	line, greeted := p.process.greetingLine()
	exit := &ExitError{Plugin: p.path, Class: Protocol, ExitCode: -1, Stderr: p.process.output.String()}
	switch version, ok := handshakeVersion(line); {
	case ok && version != Version:
		exit.Class = Incompatible
		exit.Message = fmt.Sprintf("it speaks protocol version %d and this host speaks %d: rebuild one of them", version, Version)
	case ok:
		exit.Message = cause.Error()
		if p.awaitExit(); p.Exit() != nil {
			exit = p.Exit()
		}
	case line != "":
		exit.Message = fmt.Sprintf("it printed %q to stdout before the handshake: messages belong on stderr", strings.TrimSpace(line))
	case greeted:
		<-p.process.done
		if exit = p.process.exit(); exit.ExitCode == 0 {
			exit.Class, exit.Message = Protocol, "it closed stdout without a handshake: it is not an archbench plugin"
		}
	default:
		exit.Message = cause.Error()
	}
	return exit
}

// late explains how far a plugin came that was not ready in time.
func (p *Plugin) late() *ExitError {
	exit := &ExitError{Plugin: p.path, Class: TimedOut, Message: "no handshake in time", ExitCode: -1, Stderr: p.Stderr()}
	if line, _ := p.process.greetingLine(); line != "" {
		exit.Message = "no description in time"
	}
	return exit
}

// handshakeVersion returns the protocol version of a line "1|VERSION|unix|PATH|grpc".
func handshakeVersion(line string) (version int, ok bool) {
	parts := strings.Split(strings.TrimSpace(line), "|")
	if len(parts) < 5 || parts[0] != strconv.Itoa(plugin.CoreProtocolVersion) {
		return 0, false
	}
	version, err := strconv.Atoi(parts[1])
	return version, err == nil
}
