package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/shell"
	"github.com/archbench/archbench/harness/internal/store"
)

// defaultDB is the database of results, unless --db names another.
const defaultDB = "results/archbench.db"

// create opens the database for writing and creates it if necessary.
func (a *app) create(ctx context.Context) (*store.DB, error) {
	return a.warned(store.Open(ctx, a.db))
}

// change opens an existing database for writing.
func (a *app) change(ctx context.Context) (*store.DB, error) {
	if err := a.exists(); err != nil {
		return nil, err
	}
	return a.create(ctx)
}

// read opens an existing database, which need not be writable, for reading.
func (a *app) read(ctx context.Context) (*store.DB, error) {
	if err := a.exists(); err != nil {
		return nil, err
	}
	return a.warned(store.OpenToRead(ctx, a.db))
}

// warned prints the warnings of a database.
func (a *app) warned(db *store.DB, err error) (*store.DB, error) {
	if err != nil {
		return nil, err
	}
	for _, w := range db.Warnings {
		a.warn(w)
	}
	return db, nil
}

// exists fails if there is no database; the error names others nearby.
func (a *app) exists() error {
	if _, err := os.Stat(a.db); !errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if others := databases(filepath.Dir(a.db), filepath.Dir(defaultDB)); len(others) > 0 {
		return usage("no database %s, but there are: %s\nname one with --db, or create one with archbench run", a.db, strings.Join(others, ", "))
	}
	return usage("no database %s: create one with archbench run, or name another with --db", a.db)
}

// databases lists the database files in the given folders.
func databases(dirs ...string) (all []string) {
	for _, dir := range dirs {
		entries, _ := os.ReadDir(dir) // skip unreadable folders
		for _, e := range entries {
			if path := filepath.Join(dir, e.Name()); filepath.Ext(path) == ".db" && e.Type().IsRegular() && !slices.Contains(all, path) {
				all = append(all, path)
			}
		}
	}
	return all
}

// load reads a run by a prefix of its ID; "" is the latest run that measured anything.
func (a *app) load(ctx context.Context, id string) (*record.Run, error) {
	db, err := a.read(ctx)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if id == "" {
		var empty []string
		if id, empty, err = db.Latest(ctx); err != nil {
			return nil, err
		}
		if len(empty) > 0 {
			fmt.Fprintf(a.err, "showing run %s: later runs measured nothing (%s)\n", id, strings.Join(empty, ", "))
		}
	}
	return db.LoadRun(ctx, id)
}

// loadAll loads runs by their IDs, the latest one if there are none.
func (a *app) loadAll(ctx context.Context, ids []string) (runs []*record.Run, err error) {
	if len(ids) == 0 {
		ids = []string{""}
	}
	for _, id := range ids {
		r, err := a.load(ctx, id)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	return runs, nil
}

// dbFlag is the flag with which later commands find the same database.
func (a *app) dbFlag() string {
	if a.db == defaultDB {
		return ""
	}
	return " " + shell.Join("--db", a.db)
}
