package store

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// explain adds to an error of the driver what the user can do about it.
func explain(err error, path string) error {
	switch {
	case err == nil, errors.Is(err, ErrNewer), errors.Is(err, ErrForeign), errors.Is(err, ErrNotFound):
		return err
	case strings.Contains(err.Error(), "requires cgo"):
		return fmt.Errorf("this archbench was built without cgo, which SQLite needs; build it with CGO_ENABLED=1 and a C compiler: %w", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the folder is not writable; change its permissions or name another --db: %w", err)
	}
	switch cause(err) {
	case diskFull:
		return fmt.Errorf("%w: free some space on the disk of %s, then resume the run: %w", ErrDiskFull, path, err)
	case notDatabase:
		return fmt.Errorf("%w: the file is no SQLite database; name another --db: %w", ErrForeign, err)
	case cannotWrite:
		return fmt.Errorf("the file or its folder is not writable; change its permissions or name another --db: %w", err)
	case locked:
		return fmt.Errorf("another archbench is writing to it; wait for that run or name another --db: %w", err)
	case damaged:
		return fmt.Errorf("the file is damaged; restore a copy, or start anew with another --db: %w", err)
	default:
		return err
	}
}

// failure is what kept SQLite from working, as far as a user can act on it.
type failure int

const (
	otherFailure failure = iota
	diskFull
	notDatabase
	cannotWrite
	locked
	damaged
)
