package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/exchange"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/internal/regularfile"
)

func (a *app) importCommand() *cobra.Command {
	return &cobra.Command{
		Use: "import FILE...", Short: "Read results of hyperfine, llama-bench and Go benchmarks",
		Long: `Import makes a run of each file, with every number in it, and prints the ID of the run. The format is recognised:

  hyperfine --export-json    each command is a model, with one time per process
  llama-bench -o jsonl|json  each model file with its settings is a model; tests are cells of prefill and decode
  Go benchmark format        models are those of /model= or /name=, else packages

A file says nothing about the order of measurement, so its samples are compared as independent, never by block. Runs of
other or unknown machines are compared with --across-hosts. Importing the same bytes again changes nothing.`,
		Example: "  archbench import old.json new.json\n  archbench compare $(archbench import old.json new.json) --across-hosts",
		Args:    count(1, -1, "at least one FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			var runs []*record.Run
			for _, path := range args {
				data, err := regularfile.Read(path, exchange.MostBytes)
				if err != nil {
					return usageError{err}
				}
				run, err := exchange.Read(path, data, time.Now())
				if err != nil {
					return usageError{err}
				}
				run.Version, run.Command = a.revision, a.command()
				runs = append(runs, run)
			}
			db, err := a.create(c.Context())
			if err != nil {
				return err
			}
			defer db.Close()
			for i, run := range runs {
				if err := a.keep(c.Context(), db, args[i], run); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// keep stores an imported run, unless the database has it, and prints its ID.
func (a *app) keep(ctx context.Context, db *store.DB, path string, run *record.Run) error {
	said := fmt.Sprintf("imported %s: %s of %s", path, result.Describe(len(run.Cells), "cell"), result.Describe(len(run.Models), "model"))
	switch known, err := db.LoadRun(ctx, run.ID); {
	case errors.Is(err, store.ErrNotFound):
		if err := db.AddRun(ctx, run); err != nil {
			return err
		}
	case err != nil:
		return err
	case exchange.Digest(known) != exchange.Digest(run):
		return fmt.Errorf("import %s: another run has the ID %s; import it into another database with --db", path, run.ID)
	default:
		said = fmt.Sprintf("%s is already imported: the database has its content as run %s", path, run.ID)
	}
	fmt.Fprintln(a.err, said)
	_, err := fmt.Fprintln(a.out, run.ID)
	return err
}
