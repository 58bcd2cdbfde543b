package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// timing is one measurement.
type timing struct {
	own  time.Duration // by the contender's clock, work only
	host time.Duration // by ours, including the round trip
}

// contender has a model, or a product's operands, loaded and works on request.
type contender interface {
	// version identifies what was measured: program, version, kernels.
	version() string
	run(ctx context.Context, t task) (timing, error)
	close()
}

// child is a contender in its own process. It speaks a line protocol: it prints "ready VERSION" once, then answers each
// task with its seconds. Instead of either it may print "error REASON".
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
	stderr *strings.Builder
	says   string // version
}

// inherited are the environment variables passed to a child: those that programs need to start, and none that steer
// numeric libraries, which would silently change a peer.
var inherited = []string{"PATH", "HOME", "TMPDIR", "LANG"}

// environment returns the inherited variables plus the given ones.
func environment(extra ...string) []string {
	var env []string
	for _, key := range inherited {
		if value, ok := os.LookupEnv(key); ok {
			env = append(env, key+"="+value)
		}
	}
	return append(env, extra...)
}

// startChild starts a program and waits until it is ready.
func startChild(ctx context.Context, env []string, name string, args ...string) (*child, error) {
	c := &child{cmd: exec.CommandContext(ctx, name, args...), stderr: &strings.Builder{}}
	c.cmd.Env, c.cmd.Stderr, c.cmd.WaitDelay = env, c.stderr, patience
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	c.out = bufio.NewScanner(out)
	line, err := c.answer()
	if err == nil {
		var ready bool
		if c.says, ready = strings.CutPrefix(line, "ready "); !ready {
			err = fmt.Errorf("%s says %q instead of being ready", name, line)
		}
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// answer reads a line that is not an error. If there is none, it closes the child.
func (c *child) answer() (string, error) {
	if !c.out.Scan() {
		c.close()
		if errors.Is(c.out.Err(), bufio.ErrTooLong) {
			return "", fmt.Errorf("%s answers with a line of %d bytes or more", c.cmd.Path, bufio.MaxScanTokenSize)
		}
		return "", fmt.Errorf("%s ended: %s", c.cmd.Path, lastLine(c.stderr.String()))
	}
	line := c.out.Text()
	if reason, failed := strings.CutPrefix(line, "error "); failed {
		return "", errors.New(reason)
	}
	return line, nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

func (c *child) version() string { return c.says }

func (c *child) run(_ context.Context, t task) (timing, error) {
	start := time.Now()
	if _, err := fmt.Fprintln(c.in, t); err != nil {
		return timing{}, err
	}
	line, err := c.answer()
	host := time.Since(start)
	if err != nil {
		return timing{}, fmt.Errorf("%s: %w", t, err)
	}
	seconds, err := strconv.ParseFloat(line, 64)
	if err != nil || seconds <= 0 {
		return timing{}, fmt.Errorf("%s: the answer %q is no time", t, line)
	}
	return timing{own: time.Duration(seconds * float64(time.Second)), host: host}, nil
}

// patience is how long a child may take to end, and its descendants to close its output.
const patience = 2 * time.Second

// close ends the child by closing its input, and kills it if that does not work.
func (c *child) close() {
	_ = c.in.Close()
	timer := time.AfterFunc(patience, func() { _ = c.cmd.Process.Kill() })
	defer timer.Stop()
	_ = c.cmd.Wait() // killed or not, it is done
}
