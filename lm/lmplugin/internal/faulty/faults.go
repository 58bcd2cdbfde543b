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
	fault func(ctx context.Context, b *broken, req lm.ScoreRequest) (lm.ScoreReply, error)
}

func (b *broken) Score(ctx context.Context, req lm.ScoreRequest) (lm.ScoreReply, error) {
	return b.fault(ctx, b, req)
}

var faults = map[string]func(context.Context, *broken, lm.ScoreRequest) (lm.ScoreReply, error){
	"crash": func(context.Context, *broken, lm.ScoreRequest) (lm.ScoreReply, error) {
		fmt.Fprintln(originalStderr, "about to end")
		os.Exit(3)
		return lm.ScoreReply{}, nil
	},
	"panic": func(context.Context, *broken, lm.ScoreRequest) (lm.ScoreReply, error) {
		panic("a broken invariant")
	},
	"abort": func(context.Context, *broken, lm.ScoreRequest) (lm.ScoreReply, error) {
		go panic("out of bounds in a worker")
		select {}
	},
	"hang": func(context.Context, *broken, lm.ScoreRequest) (lm.ScoreReply, error) {
		select {}
	},
	"oom":   exhaustMemory,
	"flood": flood,
	"nan":   notANumber,
	"leak":  leak,
	"child": func(ctx context.Context, b *broken, req lm.ScoreRequest) (lm.ScoreReply, error) {
		return startChild(ctx, b, req, exec.Command("sleep", "600"))
	},
	"daemon": func(ctx context.Context, b *broken, req lm.ScoreRequest) (lm.ScoreReply, error) {
		return startChild(ctx, b, req, daemon())
	},
	"stranger": func(ctx context.Context, b *broken, req lm.ScoreRequest) (lm.ScoreReply, error) {
		cmd := daemon()
		cmd.Env = []string{"PATH=/usr/bin:/bin"}
		return startChild(ctx, b, req, cmd)
	},
	"orphan": startOrphan,
	"files":  listFiles,
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

// flood writes 64 MiB to stderr and then replies correctly.
func flood(ctx context.Context, b *broken, req lm.ScoreRequest) (lm.ScoreReply, error) {
	line := strings.Repeat("flood ", 1<<10) + "\n"
	for written := 0; written < 64<<20; written += len(line) {
		fmt.Fprint(originalStderr, line)
	}
	return b.Model.Score(ctx, req)
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
func startChild(ctx context.Context, b *broken, req lm.ScoreRequest, cmd *exec.Cmd) (lm.ScoreReply, error) {
	if err := cmd.Start(); err != nil {
		return lm.ScoreReply{}, err
	}
	fmt.Fprintln(originalStderr, cmd.Process.Pid)
	return b.Model.Score(ctx, req)
}

// daemon returns a command that runs in its own session.
func daemon() *exec.Cmd {
	cmd := exec.Command("sleep", "600")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// startOrphan leaves a daemon behind whose parent has already exited.
func startOrphan(ctx context.Context, b *broken, req lm.ScoreRequest) (lm.ScoreReply, error) {
	cmd := exec.Command("/bin/sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $! >&2")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stderr = originalStderr
	if err := cmd.Run(); err != nil {
		return lm.ScoreReply{}, err
	}
	return b.Model.Score(ctx, req)
}

// listFiles prints the open files of the process that have a path, which excludes those of the Go runtime.
func listFiles(ctx context.Context, b *broken, req lm.ScoreRequest) (lm.ScoreReply, error) {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return lm.ScoreReply{}, err
	}
	for _, entry := range open {
		if target, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil && strings.HasPrefix(target, "/") {
			fmt.Fprintln(originalStderr, target)
		}
	}
	fmt.Fprintln(originalStderr, "listed")
	return b.Model.Score(ctx, req)
}
