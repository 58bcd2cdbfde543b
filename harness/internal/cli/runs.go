package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/report"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/table"
)

func (a *app) runsListCommand() *cobra.Command {
	return a.listCommand("runs", "archbench runs list --db results/quickstart.db", func(ctx context.Context, db *store.DB) (table.Table, error) {
		runs, err := db.Runs(ctx)
		return report.Runs(runs), err
	})
}

func (a *app) runsRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "rm RUN...", Short: "Remove runs with all their samples", Example: "  archbench runs rm r-7f3a2c",
		Args: count(1, -1, "at least one RUN, by its full ID"),
		RunE: func(c *cobra.Command, args []string) error {
			db, err := a.change(c.Context())
			if err != nil {
				return err
			}
			defer db.Close()
			for _, id := range args {
				if err := db.Remove(c.Context(), id); err != nil {
					return err
				}
				fmt.Fprintln(a.err, "removed", id)
			}
			return nil
		},
	}
}
