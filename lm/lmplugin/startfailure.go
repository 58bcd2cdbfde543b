package lmplugin

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/go-plugin"
)

// startFailure says why there is no handshake.
func (p *Plugin) startFailure(cause error) *ExitError {
	if p.process.ID() == "" {
		return &ExitError{Plugin: p.path, Class: NotStarted, Message: cause.Error(), ExitCode: -1}
	}
	// go-plugin kills what does not greet it, so the first line is looked at before the way that the process ended.
	line, greeted := p.process.greetingLine()
	exit := &ExitError{Plugin: p.path, Class: Protocol, ExitCode: -1, Stderr: p.process.output.String()}
	switch version, ok := handshakeVersion(line); {
	case ok && version != Version:
		exit.Class = Incompatible
		exit.Message = fmt.Sprintf("it speaks protocol version %d, this host version %d: rebuild one of them", version, Version)
	case ok:
		exit.Message = cause.Error()
		if p.awaitExit(); p.Exit() != nil {
			exit = p.Exit()
		}
	case line != "":
		exit.Message = fmt.Sprintf("it printed %q to stdout before the handshake: messages belong on stderr", strings.TrimSpace(line))
	case greeted:
		<-p.process.done
		exit = p.process.exit()
		switch {
		case exit.Class == Closed && exit.ExitCode != 0: // the host has given up waiting and killed it
			exit.Class, exit.Message = TimedOut, noHandshake
		case exit.ExitCode == 0:
			exit.Class, exit.Message = Protocol, "it closed stdout without a handshake: it is no plugin of archbench"
		}
	default:
		exit.Class, exit.Message = TimedOut, noHandshake
	}
	return exit
}

// noHandshake is what is said of a plugin that does not come up.
const noHandshake = "no handshake in time"

// handshakeVersion reads the protocol version of a line "1|VERSION|unix|PATH|grpc".
func handshakeVersion(line string) (version int, ok bool) {
	parts := strings.Split(strings.TrimSpace(line), "|")
	if len(parts) < 5 || parts[0] != strconv.Itoa(plugin.CoreProtocolVersion) {
		return 0, false
	}
	version, err := strconv.Atoi(parts[1])
	return version, err == nil
}
