package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/archbench/archbench/harness/internal/process"
	"github.com/archbench/archbench/harness/internal/shell"
)

// lease identifies who measures a run. It is stored in the run's row as JSON. A write to a run with another lease is
// refused, so nobody who has lost a run can add to it.
type lease struct {
	Process process.ID
	Token   string // identifies the open database that holds the lease
}

// mine is this handle's lease.
func (db *DB) mine() string { return lease{process.Self(), db.token}.column() }

func (l lease) column() string {
	b, err := json.Marshal(l)
	if err != nil {
		panic(fmt.Sprintf("store: encode a lease: %v", err)) // cannot fail: strings and numbers
	}
	return string(b)
}

// holder reads a run's lease.
func holder(column string) (l lease, held bool) {
	return l, column != "" && json.Unmarshal([]byte(column), &l) == nil
}

// Claim takes a run for this process to measure, unless another process has it. It takes over from a process that is
// gone. A process on another machine or in another container cannot be checked from here; it counts as gone only if
// takeOver is set.
func (db *DB) Claim(ctx context.Context, run string, takeOver bool) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		if err := db.free(ctx, tx, run, takeOver); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE runs SET owner = ? WHERE id = ?`, db.mine(), run)
		return err
	})
	return db.wrap(err, "take run %s", run)
}

// leaseOf returns the lease on a run, if one is held.
func leaseOf(ctx context.Context, tx *sql.Tx, run string) (l lease, held bool, err error) {
	var owner string
	err = tx.QueryRowContext(ctx, `SELECT owner FROM runs WHERE id = ?`, run).Scan(&owner)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound("no run of that name, or it was removed; `archbench runs list` shows them")
	}
	l, held = holder(owner)
	return l, held, err
}

// free fails if another handle measures a run.
func (db *DB) free(ctx context.Context, tx *sql.Tx, run string, takeOver bool) error {
	l, held, err := leaseOf(ctx, tx, run)
	if err != nil || !held || l.Token == db.token {
		return err
	}
	switch l.Process.State() {
	case process.Alive:
		return fmt.Errorf("%w: %s, which lives; wait until it ends, or end it (kill %d)", ErrTaken, l.Process, l.Process.PID)
	case process.Unknown:
		if !takeOver {
			return fmt.Errorf("%w, or did: whether %s lives cannot be seen from here; "+
				"if it does not, say %s", ErrTaken, l.Process, shell.Join("archbench", "resume", run, "--take-over", "--db", db.path))
		}
	}
	return nil
}

// Release gives back a run that this handle has claimed.
func (db *DB) Release(ctx context.Context, run string) error {
	return db.wrap(db.updateOwned(ctx, run, `UPDATE runs SET owner = '' WHERE id = ?`, run), "release run %s", run)
}

// owned fails unless this handle measures the run.
func (db *DB) owned(ctx context.Context, tx *sql.Tx, run string) error {
	l, held, err := leaseOf(ctx, tx, run)
	switch {
	case err != nil:
		return err
	case !held:
		return fmt.Errorf("%w: it was given back meanwhile", ErrTaken)
	case l.Token != db.token:
		return fmt.Errorf("%w: %s has taken it over; nothing more is stored from here", ErrTaken, l.Process)
	}
	return nil
}

// writeOwned is write for a run that this handle measures.
func (db *DB) writeOwned(ctx context.Context, run string, fn func(*sql.Tx) error) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		if err := db.owned(ctx, tx, run); err != nil {
			return err
		}
		return fn(tx)
	})
}

// updateOwned executes one statement on a run that this handle measures.
func (db *DB) updateOwned(ctx context.Context, run, query string, args ...any) error {
	return db.writeOwned(ctx, run, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

// write runs fn in a transaction on the originally opened files. If it succeeds, the data is where the user looks for
// it.
func (db *DB) write(ctx context.Context, fn func(*sql.Tx) error) error {
	if db.ReadOnly {
		return errors.New("the database was opened to be read")
	}
	if err := db.intact(ctx); err != nil {
		return err
	}
	if err := within(ctx, db.sql, fn); err != nil {
		return err
	}
	return db.intact(ctx)
}
