// Command peers times archbench beside its peers on the same CPU: OpenBLAS for matrix products, PyTorch and llama.cpp
// for models. Contenders are processes that stay loaded. Within a group they take turns in random order, round after
// round, so that changes in the machine's speed affect all of them equally. See ../README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// productsArg as the first argument makes this program a contender: archbench's kernels in one format.
const productsArg = "products"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) == 4 && os.Args[1] == productsArg {
		threads, err := strconv.Atoi(os.Args[3])
		if err != nil {
			return err
		}
		return serveProducts(os.Stdin, os.Stdout, os.Args[2], threads)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return compare(ctx)
}

// startSelf starts this program as a contender.
func startSelf(ctx context.Context, precision string, threads int) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startChild(ctx, environment(), self, productsArg, precision, strconv.Itoa(threads))
}

func compare(ctx context.Context) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	var w workshop
	rounds := flag.Int("rounds", 7, "measurements of each contender, after one to warm up")
	threads := flag.Int("threads", 2, "threads of each contender; products are also timed on fewer")
	only := flag.String("only", "", "groups to run, by the beginnings of their names, separated by commas; default all")
	out := flag.String("o", "", "write the machine and every sample to this file, as JSON lines")
	pause := flag.Duration("pause", 200*time.Millisecond, "time between measurements")
	seed := flag.Uint64("seed", 1, "of the order of measurements")
	flag.StringVar(&w.bin, "bin", "bin", "folder with archbench's plugins (make build)")
	flag.StringVar(&w.work, "work", filepath.Join(cache, "archbench-peers"), "folder for what the peers need: up to 15 GB")
	flag.StringVar(&w.python, "python", "/usr/bin/python3", "interpreter that finds PyTorch")
	flag.StringVar(&w.blasDir, "blas", "/usr/lib/x86_64-linux-gnu/openblas-openmp", "folder of the OpenBLAS to use")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if w.work, err = filepath.Abs(w.work); err != nil {
		return err
	}
	if err := w.unpack(); err != nil {
		return err
	}
	s := session{rounds: *rounds, pause: *pause, random: rand.New(rand.NewPCG(*seed, 0)), progress: os.Stderr}
	return s.all(ctx, chosen(w.groups(*threads), *only), *out)
}

// all measures groups, prints each when it is done, and publishes the results so far.
func (s session) all(ctx context.Context, groups []group, out string) error {
	if len(groups) == 0 {
		return errors.New("no group has such a name")
	}
	m := thisMachine(s.rounds)
	fmt.Printf("%s, %d cores, %s, %s\n", m.CPU, m.Cores, strings.Join(m.Features, " "), m.Memory)
	var all []sample
	for _, g := range groups {
		samples, err := s.measure(ctx, g)
		all = append(all, samples...)
		if err == nil {
			err = report(os.Stdout, g, samples)
		}
		if err == nil && out != "" {
			err = publish(out, m, all)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// chosen returns the groups whose names begin with a requested prefix.
func chosen(groups []group, only string) []group {
	return slices.DeleteFunc(slices.Clone(groups), func(g group) bool {
		return !slices.ContainsFunc(strings.Split(only, ","), func(prefix string) bool { return strings.HasPrefix(g.name, prefix) })
	})
}
