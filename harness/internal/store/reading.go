package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// OpenToRead opens the database at path without changing it, whatever the permissions of its folder. It reads an older
// schema through a copy in memory.
func OpenToRead(ctx context.Context, path string) (*DB, error) {
	return openBy(ctx, path, (*DB).openToRead)
}

func (db *DB) openToRead(ctx context.Context) error {
	db.ReadOnly = true
	if err := regular(db.path); err != nil {
		return err
	}
	var failed error
	for _, query := range db.waysToRead() {
		err := db.readBy(ctx, query)
		if err == nil {
			return nil
		}
		failed = cmp.Or(failed, err)
		if cause(err) != cannotWrite {
			return err
		}
	}
	return failed
}

// waysToRead are connection settings in the order to try, those with the most rights and best protection first. With
// write access to the folder, SQLite's locks are used. Without a journal beside the database, nobody is writing it.
// With one, its writer has either created the shared memory that a reader needs or is gone, and then there is nobody to
// lock out.
func (db *DB) waysToRead() []url.Values {
	switch {
	case db.Writable():
		return []url.Values{{"mode": {"rw"}}}
	case !db.hasJournal():
		return []url.Values{{"mode": {"ro"}, "immutable": {"1"}}}
	}
	return []url.Values{{"mode": {"ro"}}, {"mode": {"ro"}, "vfs": {"unix-none"}, "_locking_mode": {"EXCLUSIVE"}}}
}

// Writable reports whether this process can write the database; SQLite needs write access to its folder, too.
func (db *DB) Writable() bool {
	real := db.realPath()
	return unix.Access(real, unix.W_OK) == nil && unix.Access(filepath.Dir(real), unix.W_OK) == nil
}

// hasJournal reports whether a non-empty journal is beside the database.
func (db *DB) hasJournal() bool {
	real := db.realPath()
	for _, suffix := range []string{"-wal", "-journal"} {
		if info, err := os.Stat(real + suffix); err == nil && info.Size() > 0 {
			return true
		}
	}
	return false
}

// readBy connects with the given settings.
func (db *DB) readBy(ctx context.Context, query url.Values) (err error) {
	if db.sql, err = connect(db.path, query); err != nil {
		return err
	}
	steps, seen, err := missingSteps(ctx, db.sql)
	if err == nil && seen < len(steps) {
		return db.copyAndMigrate(ctx)
	}
	if err != nil {
		return errors.Join(err, db.sql.Close())
	}
	if query.Has("immutable") {
		return db.watch()
	}
	return nil
}

// copyAndMigrate switches to a copy in memory, migrated to this program's schema.
func (db *DB) copyAndMigrate(ctx context.Context) error {
	source := db.sql
	defer source.Close()
	name := "/" + db.token // shared within this process while a connection is open
	var err error
	if db.sql, err = connect(name, url.Values{"vfs": {"memdb"}, "_foreign_keys": {"on"}, "_txlock": {"immediate"}}); err != nil {
		return err
	}
	if err := db.sql.PingContext(ctx); err != nil {
		return err
	}
	if _, err := source.ExecContext(ctx, "VACUUM INTO ?", "file:"+name+"?vfs=memdb"); err != nil {
		return fmt.Errorf("copy the database of an older archbench into memory: %w", err)
	}
	return migrate(ctx, db.sql)
}
