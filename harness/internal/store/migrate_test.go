//go:build cgo

package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/record"
)

// firstSchema makes a database with the first schema.
func firstSchema(t *testing.T, path string, rows string) {
	t.Helper()
	text, err := migrations.ReadFile("migrations/0001_runs.sql")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(string(text) + "PRAGMA application_id = 1634886504; PRAGMA user_version = 1; PRAGMA journal_mode = WAL;" + rows); err != nil {
		t.Fatal(err)
	}
}

// oldRuns are rows of the first schema: r-1, which two processes measured at once, and r-2, in which nothing loaded.
const oldRuns = `
INSERT INTO hosts VALUES ('h', 'f', '[{"Name":"cpu","Value":"x, n/a (y)"},{"Name":"governor","Value":"n/a (no \"cpufreq\" (x))"}]');
INSERT INTO runs VALUES ('r-1', 1, 2, 'done', 'v', 'c', 1, '[]', '', '[{"Name":"threads","Value":"2"},{"Name":"ceiling","Value":"n/a (no echo)"}]', 'h');
INSERT INTO runs VALUES ('r-2', 2, 3, 'done', 'v', 'c', 1, '[]', '', '[]', 'h');
INSERT INTO runs VALUES ('r-3', 3, NULL, 'running', 'v', 'c', 1, '[]', '', '[]', 'h');
INSERT INTO models SELECT id, 'a', 0, 'a', '', '', '', 0, '', '', 1, '{}', '', '', '', '', '', 1, 1, 0, 0, 1, 0, 0, '', '[]' FROM runs;
INSERT INTO cells SELECT 1, 'r-1', 'aa', 0, 's', 'decode', 'a', '[]', '[]', 2, 0, 'ok', '', '', '', '', '',
	'["slow", "time between tokens n/a (the plugin (x) does not)", "time n/a (left as it is)"]';
INSERT INTO cells SELECT 2, 'r-1', 'ab', 1, 's', 'memory', 'a', '[]', '[]', 1, 0, 'ok', '', '', '', '', '',
	'["state n/a (no ability step)", "process memory n/a (the system does not tell)"]';
INSERT INTO cells SELECT 3, 'r-2', 'aa', 0, 's', 'decode', 'a', '[]', '[]', 2, 0, 'failed', '', 'crash', '', '', '', '[]';
INSERT INTO cells SELECT 4, 'r-3', 'aa', 0, 's', 'decode', 'a', '[]', '[]', 2, 0, 'pending', '', '', '', '', '', '[]';
-- Blocks 0 and 1 of aa, by one process and by the other; block 1 comes in between.
INSERT INTO samples VALUES (1, 0, 'seconds', '', 1.0, 's', 0, 4, 1, 1), (1, 1, 'share', 'fma', 0.1, '', 0, 4, 0, 0),
	(1, 2, 'seconds', '', 2.0, 's', 1, 3, 1, 1), (1, 3, 'share', 'fma', 0.2, '', 1, 3, 0, 0),
	(1, 4, 'seconds', '', 1.5, 's', 0, 4, 1, 1), (1, 5, 'share', 'fma', 0.3, '', 0, 4, 0, 0),
	(1, 6, 'seconds', '', 2.5, 's', 1, 3, 1, 1), (1, 7, 'share', 'fma', 0.4, '', 1, 3, 0, 0);
-- One process whose plugin names a class twice: no duplicate.
INSERT INTO samples VALUES (2, 0, 'bytes', 'blocks', 1, 'B', 0, 0, 0, 0), (2, 1, 'bytes', 'blocks', 2, 'B', 0, 0, 0, 0), (2, 2, 'state', '', 3, 'B', 0, 0, 0, 0);
`

// TestMigrate reads a database with the first schema, in place and through a copy.
func TestMigrate(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "old.db")
	firstSchema(t, path, oldRuns)
	for _, how := range []func(context.Context, string) (*DB, error){OpenToRead, Open, OpenToRead} {
		db, err := how(ctx, path)
		if err != nil {
			t.Fatal(err)
		}
		var values []float64
		run, err := db.LoadRun(ctx, "r-1")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range run.Cells {
			for _, s := range c.Samples {
				values = append(values, s.Value)
			}
		}
		if diff := cmp.Diff([]float64{1, 0.1, 2, 0.2, 1, 2, 3}, values); diff != "" {
			t.Error(diff)
		}
		want := []record.Fact{{Name: "threads", Value: "2"}, {Name: "ceiling", Reason: "no echo"}, {Name: "samples stored twice", Value: "4 left out: two processes measured this run at the same time"}}
		if diff := cmp.Diff(want, run.Facts); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]record.Fact{{Name: "cpu", Value: "x, n/a (y)"}, {Name: "governor", Reason: `no "cpufreq" (x)`}}, run.Host.Facts); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]record.Missing{{Metric: "decode_step_seconds", Reason: "the plugin (x) does not"}}, run.Cells[0].Missing); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"slow", "time n/a (left as it is)"}, run.Cells[0].Warnings); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]record.Missing{{Metric: "state_bytes", Reason: "no ability step"}, {Metric: "process_peak_bytes", Reason: "the system does not tell"}}, run.Cells[1].Missing); diff != "" {
			t.Error(diff)
		}
		runs, err := db.Runs(ctx)
		if err != nil || len(runs) != 3 || runs[0].Status != record.Interrupted || runs[1].Status != record.RunFailed || runs[2].Status != record.Done {
			t.Errorf("runs %+v, %v", runs, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	db, err := Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Remove(ctx, "r-1"); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := db.sql.QueryRow("SELECT count(*) FROM attempts").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d samples outlive their run, %v", left, err)
	}
}
