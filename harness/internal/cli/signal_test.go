package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAwait checks that the first Ctrl-C ends even a command that waits forever.
func TestAwait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	done <- ExitCells
	if code := await(ctx, done, time.Hour); code != ExitCells {
		t.Errorf("done: code %d", code)
	}
	cancel()
	if code := await(ctx, make(chan int), 0); code != ExitInterrupted {
		t.Errorf("stuck: code %d", code)
	}
	done <- ExitOK
	if code := await(ctx, done, time.Hour); code != ExitOK {
		t.Errorf("ended in time: code %d", code)
	}
}

// TestInterruptedFindings checks that an interrupted command prints nothing about plugins that had no time to answer.
func TestInterruptedFindings(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "archbench-plugin-x")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"doctor"}, {"doctor", "--calibrate"}, {"plugins", "list", "--plugin", "x=" + path}, {"plugins", "test", "x", "--plugin", "x=" + path}} {
		var out, errs strings.Builder
		code := execute(ctx, args, strings.NewReader(""), &out, &errs, "")
		if code != ExitInterrupted || out.Len() > 0 || !strings.HasSuffix(errs.String(), "archbench: interrupted\n") {
			t.Errorf("%v: code %d, output %q, errors %q", args, code, out.String(), errs.String())
		}
	}
}

// TestHangUp checks that SIGHUP ends a command, unless nohup ignores it.
func TestHangUp(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("started with hang-ups ignored")
	}
	if !slices.Contains(endSignals(), os.Signal(syscall.SIGHUP)) {
		t.Error("a hang-up does not end a command")
	}
	signal.Ignore(syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	if slices.Contains(endSignals(), os.Signal(syscall.SIGHUP)) {
		t.Error("an ignored hang-up ends a command")
	}
}

func TestReadPrompt(t *testing.T) {
	if got, err := readPrompt(t.Context(), strings.NewReader("text\n")); got != "text\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := readPrompt(t.Context(), endless{}); exitCode(t.Context(), err) != ExitUsage {
		t.Errorf("an endless prompt: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	silent, w := io.Pipe()
	defer w.Close()
	if _, err := readPrompt(ctx, silent); !errors.Is(err, context.Canceled) {
		t.Errorf("a prompt that never comes: %v", err)
	}
}

// endless is a reader without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestOutOfMemory checks that a shortage of the machine is not a usage error.
func TestOutOfMemory(t *testing.T) {
	if code := exitCode(t.Context(), usageError{fmt.Errorf("map weights: %w", syscall.ENOMEM)}); code != ExitUndecided {
		t.Errorf("code %d", code)
	}
}

// TestRefusedMemory allocates more memory than there is: the process ends by a signal, not with the code of wrong usage.
func TestRefusedMemory(t *testing.T) {
	const variable = "ARCHBENCH_TEST_MEMORY"
	if os.Getenv(variable) != "" {
		crashLoudly()
		sink = make([]byte, 1<<46)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestRefusedMemory$")
	cmd.Env = append(os.Environ(), variable+"=1")
	out, err := cmd.CombinedOutput()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGABRT || !strings.Contains(string(out), "fatal error: ") {
		t.Errorf("%v: %.300s", err, out)
	}
}

// sink keeps an allocation from being optimised away.
var sink []byte
