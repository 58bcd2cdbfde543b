//go:build cgo

package store

import (
	"errors"
	"syscall"

	"github.com/mattn/go-sqlite3"
)

// causes maps the driver's error codes to failures.
var causes = map[sqlite3.ErrNo]failure{
	sqlite3.ErrFull: diskFull, sqlite3.ErrNotADB: notDatabase, sqlite3.ErrCantOpen: cannotWrite,
	sqlite3.ErrReadonly: cannotWrite, sqlite3.ErrPerm: cannotWrite, sqlite3.ErrBusy: locked, sqlite3.ErrLocked: locked,
	sqlite3.ErrCorrupt: damaged,
}

// cause extracts the failure from a driver error.
func cause(err error) failure {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return otherFailure
	}
	if e.SystemErrno == syscall.ENOSPC || e.SystemErrno == syscall.EDQUOT {
		return diskFull
	}
	if e.ExtendedCode == sqlite3.ErrConstraintPrimaryKey || e.ExtendedCode == sqlite3.ErrConstraintUnique {
		return twice
	}
	return causes[e.Code]
}
