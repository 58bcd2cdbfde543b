package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/internal/toy"
)

// broken is a toy model whose Score fails.
type broken struct {
	*toy.Model
	fault fault
}

func (b *broken) Score(ctx context.Context, req lm.ScoreRequest) (lm.ScoreReply, error) {
	return b.fault(ctx, b, req)
}

// fault is a Score that fails.
type fault = func(context.Context, *broken, lm.ScoreRequest) (lm.ScoreReply, error)

var faults = map[string]fault{
	"crash": before(func() error {
		fmt.Fprintln(originalStderr, "about to end")
		os.Exit(3)
		return nil
	}),
	"panic": before(func() error { panic("a broken invariant") }),
	"abort": before(func() error {
		go panic("out of bounds in a worker")
		select {}
	}),
	"hang":   before(func() error { select {} }),
	"oom":    exhaustMemory,
	"flood":  before(flood),
	"nan":    notANumber,
	"leak":   leak,
	"child":  before(func() error { return startChild(exec.Command("sleep", "600")) }),
	"daemon": before(func() error { return startChild(daemon()) }),
	"stranger": before(func() error {
		cmd := daemon()
		cmd.Env = []string{"PATH=/usr/bin:/bin"}
		return startChild(cmd)
	}),
	"orphan": before(startOrphan),
	"files":  before(listFiles),
}

// before returns a fault that calls do and then scores correctly.
func before(do func() error) fault {
	return func(ctx context.Context, b *broken, req lm.ScoreRequest) (lm.ScoreReply, error) {
		if err := do(); err != nil {
			return lm.ScoreReply{}, err
		}
		return b.Model.Score(ctx, req)
	}
}

// originalStderr is os.Stderr before go-plugin replaces it by a pipe.
var originalStderr = os.Stderr

// exhaustMemory touches every page, so that the memory is really allocated.
func exhaustMemory(ctx context.Context, _ *broken, _ lm.ScoreRequest) (lm.ScoreReply, error) {
	var kept [][]byte
	for ctx.Err() == nil {
		block := make([]byte, 16<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		kept = append(kept, block)
	}
	return lm.ScoreReply{}, fmt.Errorf("stopped after %d blocks: %w", len(kept), ctx.Err())
}

// flood writes 64 MiB to stderr.
func flood() error {
	line := strings.Repeat("flood ", 1<<10) + "\n"
	for written := 0; written < 64<<20; written += len(line) {
		fmt.Fprint(originalStderr, line)
	}
	return nil
}

func notANumber(ctx context.Context, b *broken, req lm.ScoreRequest) (lm.ScoreReply, error) {
	reply, err := b.Model.Score(ctx, req)
	for _, s := range reply.Scores {
		for i := range s.NLL {
			s.NLL[i] = math.NaN()
		}
		for i := range s.Logits {
			s.Logits[i] = float32(math.NaN())
		}
	}
	return reply, err
}

// leak lets every prediction depend on the token after the predicted one.
func leak(ctx context.Context, b *broken, req lm.ScoreRequest) (lm.ScoreReply, error) {
	reply, err := b.Model.Score(ctx, req)
	vocab := b.Info().Vocab
	for i, s := range reply.Scores {
		tokens := req.Sequences[i].Tokens[req.Sequences[i].From:]
		for p := range s.NLL {
			if p+1 < len(tokens) {
				s.NLL[p] += 0.01 * float64(tokens[p+1])
			}
			if p+1 < len(tokens) && req.Logits {
				s.Logits[p*vocab] += 0.01 * float32(tokens[p+1])
			}
		}
	}
	return reply, err
}

// startChild leaves a child process behind.
func startChild(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	fmt.Fprintln(originalStderr, cmd.Process.Pid)
	return nil
}

// daemon returns a command that runs in its own session.
func daemon() *exec.Cmd {
	cmd := exec.Command("sleep", "600")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// startOrphan leaves a daemon behind whose parent has already exited.
func startOrphan() error {
	cmd := exec.Command("/bin/sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $! >&2")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stderr = originalStderr
	return cmd.Run()
}

// listFiles prints the open files of the process that have a path, which excludes those of the Go runtime.
func listFiles() error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, entry := range open {
		if target, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil && strings.HasPrefix(target, "/") {
			fmt.Fprintln(originalStderr, target)
		}
	}
	fmt.Fprintln(originalStderr, "listed")
	return nil
}
