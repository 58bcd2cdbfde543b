package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/table"
)

func (a *app) mergeCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "merge SHARD...", Short: "Copy the runs of other databases into this one",
		Long: `Merge copies all runs of the SHARDs into the database of --db, which it creates if necessary. A run that is there
already is skipped, or completed if the shard has more blocks of an interrupted run; its plan and all samples in
both must be equal. Each run is stored as a whole, so an interrupted merge is repeated by the same command. Nothing
is stored unless all shards can be read.`,
		Example: "  archbench merge node1.db node2.db --db results/all.db",
		Args:    count(1, -1, "at least one SHARD, a database"),
	}
	a.output(c)
	c.RunE = func(c *cobra.Command, shards []string) error {
		ctx := c.Context()
		for _, shard := range shards {
			if err := a.eachRun(ctx, shard, func(*record.Run) error { return nil }); err != nil {
				return err
			}
		}
		db, err := a.create(ctx)
		if err != nil {
			return err
		}
		defer db.Close()
		t := table.Table{ID: "merge", Title: "Merged", Columns: append(table.Keys("shard", "run"), table.Column{Name: "outcome"}),
			Frame: &table.Frame{Keys: []string{"shard", "run", "outcome"}}}
		for _, shard := range shards {
			err = errors.Join(err, a.eachRun(ctx, shard, func(r *record.Run) error { return mergeRun(ctx, db, shard, r, &t) }))
			if err != nil {
				break
			}
		}
		if err != nil && len(t.Rows) == 0 {
			return err
		}
		return errors.Join(a.print(t), err)
	}
	return c
}

// mergeRun merges one run of a shard and adds a row about it.
func mergeRun(ctx context.Context, db *store.DB, shard string, r *record.Run, t *table.Table) error {
	what, err := db.Merge(ctx, r)
	if errors.Is(err, record.ErrConflict) {
		return fmt.Errorf("run %s of %s is another in %s: %w; keep them in two databases, or remove one (archbench runs rm)",
			r.ID, shard, db.Path(), err)
	}
	if err != nil {
		return err
	}
	t.Add(shard, r.ID, what)
	t.Frame.Rows = append(t.Frame.Rows, []any{shard, r.ID, what})
	return nil
}

// eachRun reads all runs of a shard, the oldest first.
func (a *app) eachRun(ctx context.Context, shard string, use func(*record.Run) error) error {
	info, err := os.Stat(shard)
	if err != nil {
		return usageError{err}
	}
	if own, err := os.Stat(a.db); err == nil && os.SameFile(info, own) {
		return usage("%s is the database of --db itself: name another", shard)
	}
	db, err := a.warned(store.OpenToRead(ctx, shard))
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Sound(ctx); err != nil {
		return err
	}
	runs, err := db.Runs(ctx)
	if err != nil {
		return err
	}
	for _, r := range slices.Backward(runs) {
		whole, err := db.LoadRun(ctx, r.ID)
		if err != nil {
			return err
		}
		if err := use(whole); err != nil {
			return err
		}
	}
	return nil
}
