package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/run"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/harness/internal/store"
)

func (a *app) resumeCommand() *cobra.Command {
	var f modelFlags
	var reports string
	var takeOver bool
	var budget time.Duration
	c := &cobra.Command{
		Use: "resume [RUN]", Short: "Continue an interrupted run",
		Long: `Resume measures the cells that a run still lacks (default: the only interrupted run). Plugins, weights and text must
be the same as before, and so must the host if there are timings. Only one process at a time may measure a run: resume
takes over from a process that has ended, and refuses while it is alive.`,
		Example: "  archbench resume\n  archbench resume r-7f3a2c --reports reports",
		Args:    count(0, 1, "at most one RUN (archbench runs list)"),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			if err := checkBudget(budget); err != nil {
				return err
			}
			if err := checkReports(reports); err != nil {
				return err
			}
			db, err := a.change(ctx)
			if err != nil {
				return err
			}
			defer db.Close()
			id, err := toResume(ctx, db, first(args))
			if err != nil {
				return err
			}
			line := newProgress(a.screen, a.terminal)
			defer line.clear()
			r, err := run.Resume(ctx, db, id, run.Options{
				Plugins: session.Installed{Paths: f.pluginPaths()}, Version: a.revision, Command: a.command(), Observe: line.event,
				Budget: budget, TakeOver: takeOver, Reopened: func(p *run.Plan) { line.clear(); a.warnOfPlan(p) },
			})
			line.clear()
			if r != nil {
				id = r.ID
			}
			return a.finish(ctx, db, id, reports, err)
		},
	}
	f.addPaths(c)
	c.Flags().StringVar(&reports, "reports", "", "write a report to this `DIR` when the run is done")
	c.Flags().DurationVar(&budget, "budget", 0, "time limit, for example 1h: resume ends after the block in flight (default: none)")
	c.Flags().BoolVar(&takeOver, "take-over", false, "take over from a process on another machine or in another container; it must have ended")
	a.output(c, "bench")
	return c
}

// toResume returns the named run, or the only interrupted one.
func toResume(ctx context.Context, db *store.DB, name string) (string, error) {
	if name != "" {
		return name, nil
	}
	runs, err := db.Runs(ctx)
	if err != nil {
		return "", err
	}
	var stopped, busy []string
	for _, r := range runs {
		switch {
		case r.Owner != "" && r.Status != record.Done && r.Status != record.RunFailed:
			busy = append(busy, r.ID+" ("+r.Owner+")")
		case r.Status == record.Interrupted:
			stopped = append(stopped, r.ID)
		}
	}
	switch {
	case len(stopped) == 1:
		return stopped[0], nil
	case len(stopped) > 1:
		return "", usage("several runs were interrupted (%s): name one with archbench resume RUN", strings.Join(stopped, ", "))
	case len(busy) > 0:
		return "", usage("no interrupted run; still being measured: %s", strings.Join(busy, ", "))
	}
	return "", usage("the database has no interrupted run")
}
