package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/exchange"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/internal/atomicfile"
	"github.com/archbench/archbench/internal/printable"
)

func (a *app) exportCommand() *cobra.Command {
	var format, to string
	c := &cobra.Command{
		Use: "export [RUN...]", Short: "Write the samples of runs in the format of another tool",
		Long: `Export writes the samples of runs (default: the latest) for other tools, or the rows of one training (t-...).

  parquet      every sample, one row per call, for pandas, polars and DuckDB
  bench        times in the Go benchmark format, one line per block, for benchstat
  hyperfine    times as hyperfine --export-json writes them, one per block
  llama-bench  times of prefill and decode as llama-bench -o jsonl writes them, one per call
  rows         updates, evaluations and events of a training, one JSON line each
  tensorboard  curves of a training as an event file (events.out.tfevents...)`,
		Example: "  archbench export -o parquet --to samples.parquet\n  archbench export r-7f3a2c r-90cc1e -o bench | benchstat -col archbench-run -",
		RunE: func(c *cobra.Command, args []string) error {
			if of := exchange.NamedTraining(format); of != nil {
				return a.exportTraining(c.Context(), of, args, to)
			}
			f := exchange.Named(format)
			switch {
			case f == nil:
				return usage("export needs -o: one of %s", strings.Join(exportNames(), ", "))
			case f.Binary && to == "" && isTerminal(a.out):
				return usage("%s is binary: write it to a file with --to, or to a pipe", f.Name)
			}
			runs, err := a.loadAll(c.Context(), args)
			if err != nil {
				return err
			}
			return a.export(f, runs, to)
		},
	}
	c.Flags().VarP(formatFlag{&format, exportNames()}, "output", "o", "format")
	c.Flags().StringVar(&to, "to", "", "`FILE` to write (default: standard output)")
	return c
}

// exportNames are the formats of runs, then those of trainings.
func exportNames() []string {
	names := exchange.Names()
	for _, f := range exchange.TrainingFormats {
		names = append(names, f.Name)
	}
	return names
}

// exportTraining writes one training.
func (a *app) exportTraining(ctx context.Context, f *exchange.TrainingFormat, args []string, to string) error {
	if len(args) != 1 {
		return usage("export -o %s takes one training (archbench trainings list)", f.Name)
	}
	if f.Binary && to == "" && isTerminal(a.out) {
		return usage("%s is binary: write it to a file with --to, or to a pipe", f.Name)
	}
	db, err := a.read(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	t, err := db.LoadTraining(ctx, args[0])
	if err != nil {
		return err
	}
	return a.writeTo(to, func(w io.Writer) error { return f.Write(w, t) })
}

// export writes runs to a file, which appears once it is complete, or to standard output.
func (a *app) export(f *exchange.Format, runs []*record.Run, to string) error {
	var leftOut []string
	write := func(w io.Writer) (err error) {
		if !f.Binary {
			w = printable.Writer(w)
		}
		leftOut, err = f.Write(w, runs)
		return err
	}
	err := a.writeTo(to, write)
	switch {
	case errors.Is(err, exchange.ErrNothing), errors.Is(err, fs.ErrNotExist):
		return usageError{err}
	case err != nil:
		return err
	}
	for _, what := range leftOut {
		fmt.Fprintln(a.err, "left out:", what)
	}
	return nil
}

// writeTo writes a whole file, or to standard output if no file is named. It replaces only regular files.
func (a *app) writeTo(path string, write func(io.Writer) error) error {
	if path == "" {
		return write(a.out)
	}
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return usage("--to %s: it is no regular file; name another, or omit --to to write to standard output", path)
	}
	return atomicfile.Write(path, write)
}
