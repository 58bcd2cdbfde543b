// Package store keeps runs in SQLite: what was planned, every raw sample, every failure. It is the only importer of the
// driver.
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

	_ "github.com/mattn/go-sqlite3" // registers the driver "sqlite3"
)

// Errors that callers distinguish.
var (
	ErrNewer    = errors.New("store: database of a newer archbench")
	ErrForeign  = errors.New("store: not archbench's database")
	ErrNotFound = errors.New("store: not found")
	ErrDiskFull = errors.New("store: disk full")
	ErrDamaged  = errors.New("store: damaged database")
	ErrMoved    = errors.New("store: the database is no longer where it was")
	ErrTaken    = errors.New("store: another process measures the run")
)

// missing is an ErrNotFound that says itself what is not found.
type missing struct{ error }

// Is implements the interface of [errors.Is].
func (missing) Is(target error) bool { return target == ErrNotFound }

func notFound(format string, args ...any) error { return missing{fmt.Errorf(format, args...)} }

// DB is an open database. It has one connection, so calls wait for each other; other processes may read meanwhile.
type DB struct {
	path  string
	sql   *sql.DB
	token string   // identifies this handle in the runs that it measures
	files []*place // must not be moved or replaced
	moved error    // why the database must not be written any more
	// ReadOnly databases refuse writes.
	ReadOnly bool
	// Warnings say what is less safe or slower than usual, for example a network file system.
	Warnings []string
}

// Open opens the database at path for writing. It creates the file and its folder if needed and migrates the schema. It
// uses a write-ahead log if the file system supports one, so readers never block the run.
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

// sound fails if the database is damaged: writing to it could lose the new data and spoil data that can still be read.
func sound(ctx context.Context, db *sql.DB) error {
	var found string
	err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found)
	if err == nil && found != "ok" {
		err = fmt.Errorf("%w: %s", ErrDamaged, strings.Join(strings.Fields(found), " "))
	}
	return err
}

// regular refuses special files: opening a FIFO may wait forever.
func regular(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: it is no regular file; name another file", ErrForeign)
	}
	return err
}

// writing returns the settings for a writable database with the given journal mode.
func writing(journal string) url.Values {
	query := url.Values{
		"_foreign_keys": {"on"}, "_journal_mode": {journal}, "_txlock": {"immediate"},
		"_synchronous": {"NORMAL"}, // survives kill -9; with a write-ahead log, a power cut loses at most the last commits
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

// noSharedMemory says why a write-ahead log must not be used in dir, or "" if it may. Some network file systems accept
// the mode and fail at the first write, so a new database first tries it on a scratch file beside it.
func noSharedMemory(ctx context.Context, dir, path string) string {
	if name := NetworkFileSystem(dir); name != "" {
		return dir + " is on " + name
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	scratch := path + fmt.Sprintf(".probe-%d", os.Getpid())
	defer func() {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(scratch + suffix) // leftovers of a scratch file are harmless
		}
	}()
	if err := tryWAL(ctx, scratch); err != nil && strings.Contains(err.Error(), "locking protocol") {
		return "the file system of " + dir + " has no shared memory (" + err.Error() + ")"
	}
	return "" // other errors recur, with an explanation, when the database itself is opened
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

// Path is the database's path.
func (db *DB) Path() string { return db.path }

// Close writes pending data and closes the database. A database that was moved stays open until the process ends:
// SQLite would clean up under the old name, where there may be another file by now.
func (db *DB) Close() error {
	if db.moved != nil {
		return nil
	}
	return db.sql.Close()
}
