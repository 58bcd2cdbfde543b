package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// recorder records pieces of a fixed time with each method.
type recorder struct {
	condition, machine, file, folder string
	piece                            time.Duration
	span                             string
	blocks                           int // of the next piece of archbench
}

// recordCommand records cycles: three pieces of archbench, three of sequential calls, one of hyperfine, if it is installed.
func recordCommand(ctx context.Context, args []string) (err error) {
	var r recorder
	flags := flag.NewFlagSet("record", flag.ExitOnError)
	flags.StringVar(&r.file, "to", "", "file to append to")
	flags.StringVar(&r.condition, "condition", "idle", "what else runs on the machine")
	flags.StringVar(&r.machine, "machine", "", "name of the machine")
	flags.StringVar(&r.span, "span", "250ms", "time of the calls of a model in a block of archbench")
	flags.DurationVar(&r.piece, "piece", 5*time.Minute, "time of a piece")
	methods := flags.String("methods", "archbench,archbench,archbench,sequential,sequential,sequential,hyperfine", "pieces of a cycle")
	cycles := flags.Int("cycles", 1, "number of cycles")
	load := flags.String("load", "", "shell command that runs meanwhile, for example: stress-ng --cpu 1 --cpu-load 50")
	flags.Parse(args)
	if r.file == "" {
		return fmt.Errorf("record needs -to FILE")
	}
	if r.folder, err = os.MkdirTemp("", "resolution"); err != nil {
		return err
	}
	defer os.RemoveAll(r.folder)
	if err := r.prepare(ctx); err != nil {
		return err
	}
	if *load != "" {
		stranger := exec.CommandContext(ctx, "sh", "-c", "exec "+*load)
		if err := stranger.Start(); err != nil {
			return err
		}
		defer stranger.Wait()
		defer stranger.Process.Signal(os.Interrupt)
	}
	for range *cycles {
		for method := range strings.SplitSeq(*methods, ",") {
			if err := r.record(ctx, method); err != nil {
				return err
			}
		}
	}
	return nil
}

// prepare builds the slowed plugin and writes a plugin for each copy, so that each has a hash of its own.
func (r *recorder) prepare(ctx context.Context) error {
	for name, pkg := range map[string]string{"slowed": "./bench/resolution/slowed", "resolution": "./bench/resolution"} {
		build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(r.folder, name), pkg)
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	inner, err := filepath.Abs("bin/archbench-plugin-mistral")
	if err != nil {
		return err
	}
	for _, c := range copies {
		script := fmt.Sprintf("#!/bin/sh\n# %s\nexec '%s' -percent %v -plugin '%s'\n", c.name, filepath.Join(r.folder, "slowed"), c.percent, inner)
		if err := os.WriteFile(r.plugin(c.name), []byte(script), 0o755); err != nil {
			return err
		}
	}
	// The blocks of the first piece: each model's calls, and about 0.1 s for its process.
	span, err := time.ParseDuration(r.span)
	r.blocks = max(6, int(r.piece/(time.Duration(len(copies))*(span+100*time.Millisecond))))
	return err
}

func (r *recorder) plugin(name string) string { return filepath.Join(r.folder, "plugin-"+name) }

// record records a piece.
func (r *recorder) record(ctx context.Context, method string) (err error) {
	p := &piece{Condition: r.condition, Method: method, Machine: r.machine, Start: time.Now().UTC()}
	log.Printf("%s  %s, %s", p.Start.Format(time.TimeOnly), method, r.condition)
	switch method {
	case alternating:
		err = r.alternate(ctx, p)
	case sequential:
		err = r.inSequence(ctx, p)
	case hyperfine:
		err = r.hyperfine(ctx, p)
	default:
		err = fmt.Errorf("no method %q", method)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return add(r.file, p)
}

// output runs a command, whose stderr is shown if it fails.
func output(ctx context.Context, name string, args ...string) ([]byte, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if failed, ok := err.(*exec.ExitError); ok {
		return nil, fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, failed.Stderr)
	}
	return out, err
}

// alternate runs archbench over all copies.
func (r *recorder) alternate(ctx context.Context, p *piece) error {
	db := filepath.Join(r.folder, fmt.Sprintf("%d.db", p.Start.UnixNano()))
	args := []string{"run", "speed", "--db", db, "--probe", "prefill", "--set", "len=512", "--set", "batch=1",
		"--set", "repeats=" + strconv.Itoa(r.blocks), "--set", "span=" + r.span, "--seed", strconv.Itoa(int(p.Start.Unix()))}
	for _, c := range copies {
		args = append(args, "--plugin", c.name+"="+r.plugin(c.name), "--model", c.name+"="+c.name+":init:1:3m")
	}
	if _, err := output(ctx, "bin/archbench", args...); err != nil {
		return err
	}
	p.Seconds = time.Since(p.Start).Seconds()
	r.blocks = max(6, int(float64(r.blocks)*r.piece.Seconds()/p.Seconds))
	return p.readRun(ctx, db)
}

// line is a line of archbench's output.
type line struct {
	Cell, Model, Metric, Verdict string
	Block, Attempt               int
	Calls                        []float64
	Value, Ratio                 float64
	Adjusted                     *float64 `json:"p_adjusted"`
}

// lines reads JSON lines of archbench.
func lines(ctx context.Context, db string, args ...string) (all []line, err error) {
	out, err := output(ctx, "bin/archbench", append(args, "--db", db, "-o", "jsonl")...)
	if err != nil {
		return nil, err
	}
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var l line
		if err := d.Decode(&l); err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// readRun takes the calls of a run's first attempts, and what archbench says of them.
func (p *piece) readRun(ctx context.Context, db string) error {
	compared, err := lines(ctx, db, "compare", "--quantity", "prefill")
	if err != nil {
		return err
	}
	cells := []string{}
	for _, l := range compared {
		d := decided{Model: l.Model, Time: 1 / l.Ratio, Verdict: l.Verdict}
		if l.Adjusted != nil {
			d.Adjusted = *l.Adjusted
		}
		p.Decided = append(p.Decided, d)
		cells = append(cells, l.Cell)
	}
	base, err := baseCell(ctx, db)
	if err != nil {
		return err
	}
	for _, cell := range append([]string{base}, cells...) {
		samples, err := lines(ctx, db, "show", cell)
		if err != nil {
			return err
		}
		for _, s := range samples {
			if s.Metric == "prefill_seconds" && s.Attempt == 0 {
				p.Chunks = append(p.Chunks, chunk{Model: s.Model, Block: s.Block, Calls: microseconds(s.Calls)})
			}
		}
	}
	return nil
}

// baseCell finds the timing cell of the base, the first cell of the plan.
func baseCell(ctx context.Context, db string) (string, error) {
	runs, err := output(ctx, "bin/archbench", "runs", "list", "--db", db, "-o", "jsonl")
	if err != nil {
		return "", err
	}
	var first struct{ Run string }
	if err := json.Unmarshal(bytes.SplitN(runs, []byte("\n"), 2)[0], &first); err != nil {
		return "", err
	}
	cells, err := lines(ctx, db, "show", first.Run)
	if err != nil {
		return "", err
	}
	for _, c := range cells {
		if c.Model == copies[0].name {
			return c.Cell, nil
		}
	}
	return "", fmt.Errorf("the run has no cell of %s", copies[0].name)
}

func microseconds(seconds []float64) (all []int64) {
	for _, s := range seconds {
		all = append(all, int64(s*1e6+0.5))
	}
	return all
}

// inSequence calls one copy after the other, each in one process, in random order.
func (r *recorder) inSequence(ctx context.Context, p *piece) error {
	each := r.piece / time.Duration(len(copies))
	for i, at := range rand.Perm(len(copies)) {
		name := copies[at].name
		out, err := output(ctx, filepath.Join(r.folder, "resolution"), "calls", "-plugin", r.plugin(name), "-for", each.String())
		if err != nil {
			return err
		}
		c := chunk{Model: name, Block: i}
		for scan := bufio.NewScanner(bytes.NewReader(out)); scan.Scan(); {
			us, err := strconv.ParseInt(scan.Text(), 10, 64)
			if err != nil {
				return err
			}
			c.Calls = append(c.Calls, us)
		}
		p.Chunks = append(p.Chunks, c)
	}
	p.Seconds = time.Since(p.Start).Seconds()
	return nil
}

// callsPerProcess is the number of calls in a command that hyperfine times.
const callsPerProcess = 20

// hyperfine times commands of 20 calls each with hyperfine, as many runs as fit into a piece.
func (r *recorder) hyperfine(ctx context.Context, p *piece) error {
	command := func(name string) string {
		return fmt.Sprintf("'%s' calls -plugin '%s' -n %d", filepath.Join(r.folder, "resolution"), r.plugin(name), callsPerProcess)
	}
	start := time.Now()
	if _, err := output(ctx, "sh", "-c", command(copies[0].name)); err != nil {
		return err
	}
	runs := max(10, int(r.piece/time.Duration(len(copies))/time.Since(start)))
	result := filepath.Join(r.folder, "hyperfine.json")
	args := []string{"-N", "--runs", strconv.Itoa(runs), "--export-json", result}
	order := rand.Perm(len(copies))
	for _, at := range order {
		args = append(args, command(copies[at].name))
	}
	if _, err := output(ctx, "hyperfine", args...); err != nil {
		return err
	}
	p.Seconds = time.Since(p.Start).Seconds()
	b, err := os.ReadFile(result)
	if err != nil {
		return err
	}
	var exported struct{ Results []struct{ Times []float64 } }
	if err := json.Unmarshal(b, &exported); err != nil {
		return err
	}
	for i, at := range order {
		p.Chunks = append(p.Chunks, chunk{Model: copies[at].name, Block: i, Calls: microseconds(exported.Results[i].Times)})
	}
	return nil
}
