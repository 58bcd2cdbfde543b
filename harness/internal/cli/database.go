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

// create opens the database to add to it, and makes it if there is none.
func (a *app) create(ctx context.Context) (*store.DB, error) {
	return a.warned(store.Open(ctx, a.db))
}

// change opens a database that exists to change it.
func (a *app) change(ctx context.Context) (*store.DB, error) {
	if err := a.exists(); err != nil {
		return nil, err
	}
	return a.create(ctx)
}

// read opens a database that exists to read it, for which it need not be writable.
func (a *app) read(ctx context.Context) (*store.DB, error) {
	if err := a.exists(); err != nil {
		return nil, err
	}
	return a.warned(store.OpenToRead(ctx, a.db))
}

// warned passes the warnings of a database on.
func (a *app) warned(db *store.DB, err error) (*store.DB, error) {
	if err != nil {
		return nil, err
	}
	for _, w := range db.Warnings {
		a.warn(w)
	}
	return db, nil
}

// exists fails if there is no database, and names those that there are.
func (a *app) exists() error {
	if _, err := os.Stat(a.db); !errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if others := databases(filepath.Dir(a.db), filepath.Dir(defaultDB)); len(others) > 0 {
		return usage("there is no database %s, but there are: %s\nname one with --db, or make one with archbench run", a.db, strings.Join(others, ", "))
	}
	return usage("there is no database %s: archbench run makes one, --db names another", a.db)
}

// databases are the files in some folders that look like databases.
func databases(dirs ...string) (all []string) {
	for _, dir := range dirs {
		entries, _ := os.ReadDir(dir) // a folder that cannot be read has nothing to offer
		for _, e := range entries {
			if path := filepath.Join(dir, e.Name()); filepath.Ext(path) == ".db" && e.Type().IsRegular() && !slices.Contains(all, path) {
				all = append(all, path)
			}
		}
	}
	return all
}

// load reads a run by a prefix of its ID; "" is the latest that has measured something.
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
			fmt.Fprintf(a.err, "this is run %s: nothing was measured in %s, which started later\n", id, strings.Join(empty, ", "))
		}
	}
	return db.LoadRun(ctx, id)
}

// dbFlag is what a later command must say to find the same database.
func (a *app) dbFlag() string {
	if a.db == defaultDB {
		return ""
	}
	return " " + shell.Join("--db", a.db)
}
