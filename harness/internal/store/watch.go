package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// place is a file of the open database as last seen.
type place struct {
	path string
	info fs.FileInfo
	log  bool // may shrink
}

// watch records the database's files. SQLite keeps writing to files that were removed or replaced, and such data is
// lost.
func (db *DB) watch() error {
	real := db.realPath()
	for _, p := range []*place{{path: db.path}, {path: real + "-wal", log: true}, {path: real + "-shm", log: true}} {
		var err error
		if p.info, err = os.Stat(p.path); errors.Is(err, fs.ErrNotExist) && p.log {
			continue // this database has none
		} else if err != nil {
			return err
		}
		db.files = append(db.files, p)
	}
	return nil
}

// unchanged fails if a file read without locks was written meanwhile.
func (db *DB) unchanged() error {
	for _, p := range db.files {
		now, err := os.Stat(p.path)
		if db.ReadOnly && (err != nil || !os.SameFile(p.info, now) || !now.ModTime().Equal(p.info.ModTime()) || db.hasJournal()) {
			return errors.New("the database was written while it was read: try again")
		}
	}
	return nil
}

// realPath resolves links: SQLite keeps its other files beside the link's target.
func (db *DB) realPath() string {
	if real, err := filepath.EvalSymlinks(db.path); err == nil {
		return real
	}
	return db.path
}

// intact fails if any database file is no longer the one that was opened.
func (db *DB) intact(ctx context.Context) error {
	if db.moved != nil {
		return db.moved
	}
	for _, p := range db.files {
		if what := p.look(); what != "" {
			db.moved = fmt.Errorf("%w: %s %s while it was in use; %s", ErrMoved, p.path, what, db.rescue(ctx))
			return db.moved
		}
	}
	return nil
}

// look says what has happened to a file, or "".
func (p *place) look() string {
	now, err := os.Stat(p.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "was deleted"
	case err != nil:
		return fmt.Sprintf("cannot be found any more (%v)", err)
	case !os.SameFile(p.info, now):
		return "was replaced by another file"
	case !p.log && now.Size() < p.info.Size():
		return "was cut"
	}
	p.info = now
	return ""
}

// rescue saves what the connection still sees beside the database's old place, and reports it. SQLite holds its files
// open, so nothing is lost while this process lives.
func (db *DB) rescue(ctx context.Context) string {
	path := fmt.Sprintf("%s.rescued-%d.db", strings.TrimSuffix(db.path, ".db"), os.Getpid())
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		_, err = db.sql.ExecContext(context.WithoutCancel(ctx), "VACUUM INTO ?", path)
	}
	if err != nil {
		_ = os.Remove(path) // half a copy is worthless
		return fmt.Sprintf("what it held could not be saved (%v): restore a copy, or start the run again", err)
	}
	return fmt.Sprintf("what it held is in %s: move it to where it belongs, or name it with --db", path)
}
