package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/report"
)

func (a *app) runsListCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "List the runs of a database, latest first", Example: "  archbench runs list --db results/quickstart.db",
		Args: count(0, 0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			db, err := a.read(c.Context())
			if err != nil {
				return err
			}
			defer db.Close()
			runs, err := db.Runs(c.Context())
			if err != nil {
				return err
			}
			return a.print(report.Runs(runs))
		},
	}
	a.output(c)
	return c
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
