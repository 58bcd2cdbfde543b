package store

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// told are errors that already say what to do.
var told = []error{ErrNewer, ErrForeign, ErrNotFound, ErrMoved, ErrTaken}

// explain adds to a driver error what the user can do about it.
func (db *DB) explain(err error) error {
	switch {
	case err == nil, slices.ContainsFunc(told, func(e error) bool { return errors.Is(err, e) }):
		return err
	case errors.Is(err, ErrDamaged):
		return fmt.Errorf("%w; restore a copy, or start anew with another --db", err)
	case strings.Contains(err.Error(), "requires cgo"):
		return fmt.Errorf("this archbench was built without cgo, which SQLite needs; build it with CGO_ENABLED=1 and a C compiler: %w", err)
	case db.ReadOnly && (errors.Is(err, fs.ErrPermission) || cause(err) == cannotWrite):
		return fmt.Errorf("the file cannot be read; change its permissions or name another --db: %w", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the folder is not writable; change its permissions or name another --db: %w", err)
	}
	switch cause(err) {
	case diskFull:
		return fmt.Errorf("%w: free some space on the disk of %s, then resume the run: %w", ErrDiskFull, db.path, err)
	case notDatabase:
		return fmt.Errorf("%w: it is no SQLite database; name another file", ErrForeign)
	case cannotWrite:
		return fmt.Errorf("the file or its folder is not writable; change its permissions or name another --db: %w", err)
	case locked:
		return fmt.Errorf("another archbench is writing to it; wait for that run or name another --db: %w", err)
	case damaged:
		return fmt.Errorf("%w: restore a copy, or start anew with another --db: %w", ErrDamaged, err)
	case twice:
		return fmt.Errorf("this is stored already: two processes measure one run: %w", err)
	default:
		return err
	}
}

// failure is the reason why SQLite failed, as far as a user can act on it.
type failure int

const (
	otherFailure failure = iota
	diskFull
	notDatabase
	cannotWrite
	locked
	damaged
	twice
)
