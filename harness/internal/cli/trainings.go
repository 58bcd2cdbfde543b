package cli

import (
	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/report"
)

func (a *app) trainingsListCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "List the trainings of a database, latest first", Example: "  archbench trainings list",
		Args: count(0, 0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			db, err := a.read(c.Context())
			if err != nil {
				return err
			}
			defer db.Close()
			all, err := db.Trainings(c.Context())
			if err != nil {
				return err
			}
			return a.print(report.Trainings(all))
		},
	}
	a.output(c)
	return c
}
