package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/report"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/table"
)

func (a *app) trainingsListCommand() *cobra.Command {
	return a.listCommand("trainings", "archbench trainings list", func(ctx context.Context, db *store.DB) (table.Table, error) {
		all, err := db.Trainings(ctx)
		return report.Trainings(all), err
	})
}

// listCommand lists what a database has of something.
func (a *app) listCommand(what, example string, list func(context.Context, *store.DB) (table.Table, error)) *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "List the " + what + " of a database, latest first", Example: "  " + example,
		Args: count(0, 0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			db, err := a.read(c.Context())
			if err != nil {
				return err
			}
			defer db.Close()
			t, err := list(c.Context(), db)
			if err != nil {
				return err
			}
			return a.print(t)
		},
	}
	a.output(c)
	return c
}
