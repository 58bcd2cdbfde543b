package lmplugin

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// process is a plugin's operating system process, the leader of its own session and process group. It implements go-plugin's
// runner.Runner, because go-plugin's own runner does not handle groups and does not report how a process ended or what it
// printed before the handshake.
type process struct {
	cmd       *exec.Cmd
	socketDir string // removed when the process ends
	output    *tail  // stderr, and stdout after the handshake
	limit     int64  // bytes of memory; 0: none
	deadman   *deadman
	oomKills  int64 // of the host at the start

	mu     sync.Mutex
	pid    int  // 0 before the start
	killed bool // by the host

	greeting  *io.PipeReader // the first line of stdout
	greeted   *io.PipeWriter
	firstLine atomic.Pointer[string]
	drained   chan struct{} // closed when both outputs have ended
	done      chan struct{} // closed when the process has been waited for
	ended     *os.ProcessState
}

func newProcess(path string, output *tail, limit int64) *process {
	p := &process{
		cmd:     exec.Command(path),
		output:  output,
		limit:   limit,
		drained: make(chan struct{}),
		done:    make(chan struct{}),
	}
	p.cmd.SysProcAttr = groupLeader()
	p.greeting, p.greeted = io.Pipe()
	return p
}

func (p *process) Start(ctx context.Context) error {
	p.deadman = startDeadman(p.socketDir)
	if err := p.launch(); err != nil {
		p.removeSocket()
		p.deadman.stop()
		return err
	}
	if p.started() {
		return p.Kill(ctx)
	}
	return nil
}

// launch starts the process and the goroutines that read its output and wait for it.
func (p *process) launch() error {
	stdout, stdoutW, err := os.Pipe()
	if err != nil {
		return err
	}
	stderr, stderrW, err := os.Pipe()
	if err != nil {
		return errors.Join(err, stdout.Close(), stdoutW.Close())
	}
	p.cmd.Stdout, p.cmd.Stderr = stdoutW, stderrW
	p.oomKills = hostOOMKills()
	err = ours.start(p.cmd, socketVariable+"="+p.socketDir)
	_, _ = stdoutW.Close(), stderrW.Close()
	if err != nil {
		return errors.Join(err, stdout.Close(), stderr.Close())
	}
	limitMemory(p.cmd.Process.Pid, p.limit)
	p.deadman.watch(p.cmd.Process.Pid)
	go p.read(stdout, stderr)
	go p.wait()
	return nil
}

// removeSocket removes the folder of the socket. go-plugin does that later and not always.
func (p *process) removeSocket() { _ = os.RemoveAll(p.socketDir) }

// started makes the process known to Kill, and reports whether Kill has already been called.
func (p *process) started() (killed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pid = p.cmd.Process.Pid
	return p.killed
}

// startUnlocked starts a command that inherits no open files but its own. It starts it in a new goroutine, because Linux
// sends the parent death signal when the forking thread ends, and the caller's thread may be locked to a goroutine that
// ends.
func startUnlocked(cmd *exec.Cmd) error {
	closeOnExec()
	started := make(chan error)
	go func() { started <- cmd.Start() }()
	return <-started
}

// read drains both outputs, so that the plugin never blocks on them, and passes the first line of stdout to go-plugin.
func (p *process) read(stdout, stderr *os.File) {
	defer close(p.drained)
	errDone := make(chan struct{})
	go func() {
		defer close(errDone)
		defer stderr.Close()
		_, _ = io.Copy(p.output, stderr)
	}()
	defer stdout.Close()
	r := bufio.NewReaderSize(stdout, 4<<10)
	line, _ := r.ReadSlice('\n') // of an endless line only the start
	first := string(line)
	p.firstLine.Store(&first)
	_, _ = p.greeted.Write([]byte(first))
	_ = p.greeted.Close()
	_, _ = io.Copy(p.output, r)
	<-errDone
}

// wait waits for the process, then kills its group and the descendants that have left the group. The deadman watches until
// nothing is left.
func (p *process) wait() {
	reap(p.cmd)
	p.ended = p.cmd.ProcessState
	ours.leave(p.cmd)
	p.removeSocket()
	p.deadman.stop()
	select {
	case <-p.drained:
	case <-time.After(time.Second): // a descendant that left the group may hold the pipes open forever
	}
	close(p.done)
}

func (p *process) Wait(context.Context) error {
	<-p.done
	return nil
}

// Kill implements runner.Runner. It kills the whole group.
func (p *process) Kill(context.Context) error {
	pid := p.expectEnd()
	if pid == 0 || p.exited() {
		return nil
	}
	return killGroup(pid)
}

// expectEnd records that the host ends the process, and returns its PID, 0 before the start.
func (p *process) expectEnd() (pid int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = p.killed || !p.exited()
	return p.pid
}

func (p *process) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Stdout implements runner.Runner: go-plugin sees only the first line.
func (p *process) Stdout() io.ReadCloser { return p.greeting }

// Stderr implements runner.Runner: go-plugin sees nothing.
func (p *process) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

func (p *process) Name() string { return p.cmd.Path }

func (p *process) ID() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pid == 0 {
		return ""
	}
	return strconv.Itoa(p.pid)
}

// Diagnose implements runner.Runner; startFailure says more.
func (p *process) Diagnose(context.Context) string { return "" }

// PluginToHost implements runner.Runner: both ends see the same addresses.
func (p *process) PluginToHost(network, addr string) (string, string, error) {
	return network, addr, nil
}

func (p *process) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}

// greetingLine returns the first line of stdout; greeted is false while stdout is open and has no line yet.
func (p *process) greetingLine() (line string, greeted bool) {
	if first := p.firstLine.Load(); first != nil {
		return *first, true
	}
	return "", false
}

func (p *process) wasKilled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killed
}

// exit describes how the process ended, once done is closed.
func (p *process) exit() *ExitError {
	e := &ExitError{Plugin: p.cmd.Path, Class: Crash, ExitCode: p.ended.ExitCode(), Stderr: p.output.String()}
	e.Message = "ended with " + p.ended.String()
	if status, ok := p.ended.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		e.Signal = status.Signal()
	}
	switch {
	case p.wasKilled() && (e.Signal == syscall.SIGKILL || e.ExitCode == 0):
		e.Class, e.Message = Closed, "the host has closed it"
	case e.Signal == syscall.SIGKILL && hostOOMKills() > p.oomKills:
		e.Class, e.Message = OutOfMemory, "killed by the system because it was out of memory"
	case e.Signal == syscall.SIGKILL || e.Signal == syscall.SIGTERM:
		e.Class = Killed
	case saysOutOfMemory(e.Stderr):
		e.Class, e.Message = OutOfMemory, e.Message+" after it was refused memory"
	}
	return e
}
