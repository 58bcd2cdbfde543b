package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"
)

// The errors that callers tell apart.
var (
	ErrNewer    = errors.New("store: database of a newer archbench")
	ErrForeign  = errors.New("store: not archbench's database")
	ErrNotFound = errors.New("store: not found")
	ErrDiskFull = errors.New("store: disk full")
	ErrDamaged  = errors.New("store: damaged database")
	ErrMoved    = errors.New("store: the database is no longer where it was")
	ErrTaken    = errors.New("store: another process measures the run")
)

// DB is an open database. It has one connection, so calls wait for each other; other processes may read meanwhile.
type DB struct {
	path  string
	sql   *sql.DB
	token string   // of this handle, in the runs that it measures
	files []*place // that must stay where they are
	moved error    // why the database must not be written any more
	// ReadOnly databases refuse to be written.
	ReadOnly bool
	// Warnings say what is less safe or slower than usual about this database, for example a network file system.
	Warnings []string
}

// Open opens the database at path for writing, creates it with its folder when it does not exist, and brings its
// schema up to date. Write-ahead logging is used where the file system supports it, so that a reader never blocks the
// run.
func Open(ctx context.Context, path string) (*DB, error) { return openBy(ctx, path, (*DB).openToWrite) }

func openBy(ctx context.Context, path string, how func(*DB, context.Context) error) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open results: %w", err)
	}
	db := &DB{path: path, token: rand.Text()}
	if err := how(db, ctx); err != nil {
		if db.sql != nil {
			_ = db.sql.Close() // the first error counts
		}
		return nil, fmt.Errorf("open results %s: %w", path, db.explain(err))
	}
	return db, nil
}

// openToWrite connects and migrates.
func (db *DB) openToWrite(ctx context.Context) error {
	dir := filepath.Dir(db.path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := regular(db.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	mode := "WAL"
	if reason := noSharedMemory(ctx, dir, db.path); reason != "" {
		mode = "DELETE"
		db.Warnings = append(db.Warnings, reason+": write-ahead log off; keep to one writer, or name a --db on a local disk")
	}
	var err error
	if db.sql, err = connect(db.path, writing(mode)); err != nil {
		return err
	}
	if err := sound(ctx, db.sql); err != nil {
		return err
	}
	if err := migrate(ctx, db.sql); err != nil {
		return err
	}
	return db.watch()
}

// sound fails for a damaged database: what is written to it may spoil what is still readable, and be lost itself.
func sound(ctx context.Context, db *sql.DB) error {
	var found string
	err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found)
	if err == nil && found != "ok" {
		err = fmt.Errorf("%w: %s", ErrDamaged, strings.Join(strings.Fields(found), " "))
	}
	return err
}

// regular refuses what is no file: opening a FIFO may wait for ever.
func regular(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: it is no regular file; name another --db", ErrForeign)
	}
	return err
}

// writing are the settings for a database that is written, in a mode of its journal.
func writing(journal string) url.Values {
	query := url.Values{
		"_foreign_keys": {"on"}, "_journal_mode": {journal}, "_txlock": {"immediate"},
		"_synchronous": {"NORMAL"}, // survives kill -9 and, with a write-ahead log, power cuts lose at most the last commits
	}
	if journal != "WAL" {
		query.Set("_synchronous", "FULL")
	}
	return query
}

// connect opens one connection.
func connect(path string, query url.Values) (*sql.DB, error) {
	query.Set("_busy_timeout", "5000")
	location := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query.Encode()}
	db, err := sql.Open("sqlite3", location.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// noSharedMemory says why a write-ahead log must not be used in dir, "" if it may. Some network file systems accept
// the mode and fail at the first write, so a new database tries it on a scratch file beside it.
func noSharedMemory(ctx context.Context, dir, path string) string {
	if name := networkFileSystem(dir); name != "" {
		return dir + " is on " + name
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	scratch := path + fmt.Sprintf(".probe-%d", os.Getpid())
	defer func() {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(scratch + suffix) // what is left of a scratch file harms nobody
		}
	}()
	if err := tryWAL(ctx, scratch); err != nil && strings.Contains(err.Error(), "locking protocol") {
		return "the file system of " + dir + " has no shared memory (" + err.Error() + ")"
	}
	return "" // another error comes again, with its explanation, when the database itself is opened
}

// tryWAL writes to a scratch database in write-ahead mode.
func tryWAL(ctx context.Context, path string) error {
	db, err := connect(path, writing("WAL"))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, "CREATE TABLE t (x INTEGER) STRICT; INSERT INTO t VALUES (1)")
	return err
}

// Path is where the database lies.
func (db *DB) Path() string { return db.path }

// Close writes what is pending and closes the database. One that is no longer where it was stays open until the process
// ends: SQLite would clean up under its name, where something else may be by now.
func (db *DB) Close() error {
	if db.moved != nil {
		return nil
	}
	return db.sql.Close()
}
