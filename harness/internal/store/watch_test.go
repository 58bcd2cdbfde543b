//go:build cgo

package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/record"
)

// TestMoved removes or replaces the database's files during a run in every way. The next write must fail, stored data
// must be saved as far as it still exists, and nothing may be written to the replacement.
func TestMoved(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, db *DB, path string)
		want  string
		saved bool
	}{
		{"deleted", func(t *testing.T, _ *DB, path string) { must(t, os.Remove(path)) }, "was deleted", true},
		{"deleted with its folder", func(t *testing.T, _ *DB, path string) { must(t, os.RemoveAll(filepath.Dir(path))) }, "was deleted", true},
		{"renamed", func(t *testing.T, _ *DB, path string) { must(t, os.Rename(path, path+".old")) }, "was deleted", true},
		{"replaced", func(t *testing.T, _ *DB, path string) {
			must(t, os.WriteFile(path+".new", []byte("mine"), 0o644))
			must(t, os.Rename(path+".new", path))
		}, "was replaced by another file", true},
		{"replaced by another database", func(t *testing.T, _ *DB, path string) {
			other, err := Open(context.Background(), path+".new")
			must(t, err)
			must(t, other.Close())
			must(t, os.Rename(path+".new", path))
		}, "was replaced by another file", true},
		{"cut while all is in the log", func(t *testing.T, _ *DB, path string) { must(t, os.Truncate(path, 0)) }, "was cut", true},
		{"cut", func(t *testing.T, db *DB, path string) {
			_, err := db.sql.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
			must(t, err)
			must(t, db.Record(context.Background(), "r-1", &example("r-1").Cells[0], nil))
			_, err = db.sql.Exec("PRAGMA shrink_memory")
			must(t, err)
			must(t, os.Truncate(path, 0))
		}, "was cut", false},
		{"log deleted", func(t *testing.T, _ *DB, path string) { must(t, os.Remove(path+"-wal")) }, "-wal was deleted", true},
		{"index of the log deleted", func(t *testing.T, _ *DB, path string) { must(t, os.Remove(path+"-shm")) }, "-shm was deleted", true},
		{"folder moved", func(t *testing.T, _ *DB, path string) { must(t, os.Rename(filepath.Dir(path), filepath.Dir(path)+"2")) }, "was deleted", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, db, run := context.Background(), open(t), example("r-1")
			must(t, db.CreateRun(ctx, run))
			must(t, db.Record(ctx, run.ID, &run.Cells[0], []record.Sample{{Metric: "m", Value: 1}}))
			c.spoil(t, db, db.path)
			err := db.Record(ctx, run.ID, &run.Cells[0], []record.Sample{{Metric: "m", Value: 2, Block: 1}})
			if !errors.Is(err, ErrMoved) || !strings.Contains(err.Error(), c.want+" while it was in use") {
				t.Fatalf("got %v, want that it %s", err, c.want)
			}
			if status := db.SetStatus(ctx, run); !errors.Is(status, ErrMoved) {
				t.Errorf("a later write: %v", status)
			}
			if data, err := os.ReadFile(db.path); c.name == "replaced" && (err != nil || string(data) != "mine") {
				t.Errorf("the file in its place holds %q, %v", data, err)
			}
			_ = os.Remove(db.path + "-wal")
			must(t, os.WriteFile(db.path+"-wal", []byte("of another"), 0o644))
			must(t, db.Close())
			if data, err := os.ReadFile(db.path + "-wal"); err != nil || string(data) != "of another" {
				t.Errorf("closing touched the log of what took its place: %q, %v", data, err)
			}
			left, globErr := filepath.Glob(strings.TrimSuffix(db.path, ".db") + ".rescued-*")
			must(t, globErr)
			if !c.saved {
				if len(left) > 0 || !strings.Contains(err.Error(), "restore a copy, or start the run again") {
					t.Errorf("left %v, saying %v", left, err)
				}
				return
			}
			if len(left) != 1 || !strings.Contains(err.Error(), left[0]) {
				t.Fatalf("saved %v, saying %v", left, err)
			}
			checkSaved(t, left[0])
		})
	}
}

// checkSaved opens a saved database: it has the committed data, and the run can go on there.
func checkSaved(t *testing.T, path string) {
	t.Helper()
	ctx := context.Background()
	db, err := Open(ctx, path)
	must(t, err)
	defer db.Close()
	run, err := db.LoadRun(ctx, "r-1")
	must(t, err)
	if diff := cmp.Diff([]record.Sample{{Metric: "m", Value: 1}}, run.Cells[0].Samples); diff != "" {
		t.Error(diff)
	}
}

// TestStays checks that reading, writing and closing by others does no harm.
func TestStays(t *testing.T) {
	ctx, db, run := context.Background(), open(t), example("r-1")
	must(t, db.CreateRun(ctx, run))
	for block := range 3 {
		other, err := Open(ctx, db.path)
		must(t, err)
		second := example("r-" + string(rune('2'+block)))
		must(t, other.CreateRun(ctx, second))
		_, err = other.sql.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
		must(t, err)
		must(t, other.Close())
		reader, err := OpenToRead(ctx, db.path)
		must(t, err)
		must(t, reader.Close())
		must(t, db.Record(ctx, run.ID, &run.Cells[0], []record.Sample{{Metric: "m", Value: 1, Block: block}}))
	}
}

// TestLinked opens a database through a link that is then changed.
func TestLinked(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	link := filepath.Join(dir, "link.db")
	must(t, os.Mkdir(filepath.Join(dir, "far"), 0o755))
	must(t, os.Symlink(filepath.Join(dir, "far", "r.db"), link))
	first, err := Open(ctx, filepath.Join(dir, "far", "r.db"))
	must(t, err)
	must(t, first.Close())
	db, err := Open(ctx, link)
	must(t, err)
	defer db.Close()
	run := example("r-1")
	must(t, db.CreateRun(ctx, run))
	must(t, os.Remove(filepath.Join(dir, "far", "r.db-wal")))
	if err := db.Record(ctx, run.ID, &run.Cells[0], nil); !errors.Is(err, ErrMoved) {
		t.Errorf("the log of the linked database was deleted: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
