package cli

import (
	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/run"
)

func (a *app) resumeCommand() *cobra.Command {
	var f modelFlags
	var reports string
	c := &cobra.Command{
		Use: "resume RUN", Short: "Go on with an interrupted run",
		Long:    "Resume measures what a run still lacks. Plugins, weights and text must be those of the run; so must the host, for timings.",
		Example: "  archbench resume r-7f3a2c\n  archbench resume r-7f3a2c --reports reports",
		Args:    count(1, 1, "a RUN (archbench runs list)"),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			db, err := a.open(ctx, true)
			if err != nil {
				return err
			}
			defer db.Close()
			line := newProgress(a.err, a.terminal)
			defer line.clear()
			r, err := run.Resume(ctx, db, args[0], run.Options{
				Plugins: run.Installed{Paths: f.pluginPaths()}, Version: a.revision, Command: a.command(), Observe: line.event,
			})
			line.clear()
			id := args[0]
			if r != nil {
				id = r.ID
			}
			return a.finish(ctx, db, id, reports, err)
		},
	}
	f.addPaths(c)
	c.Flags().StringVar(&reports, "reports", "", "write a report into this folder when the run is done")
	a.output(c, "bench")
	return c
}
