package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/report"
	"github.com/archbench/archbench/harness/internal/store"
)

func (a *app) showCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "show CELL|RUN", Short: "Show a cell with its raw samples, or a run with its cells",
		Example: "  archbench show r-7f3a2c\n  archbench show 3fa1c209be\n  archbench show 3fa1c209be -o csv",
		Args:    count(1, 1, "a CELL from a report, or a RUN"),
	}
	a.output(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		ctx := c.Context()
		db, err := a.read(ctx)
		if err != nil {
			return err
		}
		defer db.Close()
		run, err := db.LoadRun(ctx, args[0])
		if err == nil {
			return a.print(report.ShowRun(run)...)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		run, cell, err := db.Cell(ctx, args[0])
		if errors.Is(err, store.ErrNotFound) {
			return usage("%s has neither a run nor a cell %q: see archbench runs list, or the links of a report", a.db, args[0])
		}
		if err != nil {
			return err
		}
		return a.print(report.ShowCell(run, cell)...)
	}
	return c
}
