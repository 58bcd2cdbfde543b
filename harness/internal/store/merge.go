package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/archbench/archbench/harness/internal/record"
)

// What [DB.Merge] did with a run.
const (
	Added     = "added"
	Completed = "completed"
	Known     = "known" // there was nothing to add
)

// Sound fails if the file is damaged anywhere.
func (db *DB) Sound(ctx context.Context) error {
	return db.wrap(sound(ctx, db.sql), "check the file")
}

// Merge stores a run of another database, all or nothing. If the run is here already, it is completed with what the other
// record knows more; a contradiction is a [record.ErrConflict]. A run that is not over is interrupted here.
func (db *DB) Merge(ctx context.Context, run *record.Run) (what string, err error) {
	arrived := *run
	arrived.Owner = ""
	if arrived.Status == record.Running {
		arrived.Status = record.Interrupted
	}
	have, joined, err := db.join(ctx, &arrived)
	switch {
	case errors.Is(err, ErrNotFound):
		err := db.write(ctx, func(tx *sql.Tx) error { return insertAll(ctx, tx, &arrived) })
		return Added, db.wrap(err, "store run %s", run.ID)
	case err != nil || joined == have:
		return Known, err
	}
	if err := db.Claim(ctx, run.ID, false); err != nil {
		return "", err
	}
	if _, joined, err = db.join(ctx, &arrived); err != nil { // another process may have continued it before the claim
		return "", errors.Join(err, db.Release(context.WithoutCancel(ctx), run.ID))
	}
	return Completed, db.replace(ctx, joined)
}

// join loads the record of a run that is here and joins it with another.
func (db *DB) join(ctx context.Context, run *record.Run) (have, joined *record.Run, err error) {
	if have, err = db.loadRun(ctx, run.ID); err == nil && have.ID != run.ID {
		err = ErrNotFound // only its beginning is the same
	}
	if err != nil {
		return nil, nil, db.wrap(err, "load run %s", run.ID)
	}
	have.Owner = ""
	if have.Status == record.Running {
		have.Status = record.Interrupted
	}
	joined, err = record.Join(have, run)
	return have, joined, db.wrap(err, "join run %s with the one", run.ID)
}

// replace stores a run, which this handle has claimed, in place of what was known of it.
func (db *DB) replace(ctx context.Context, run *record.Run) error {
	err := db.writeOwned(ctx, run.ID, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM runs WHERE id = ?`, run.ID); err != nil {
			return err
		}
		return insertAll(ctx, tx, run)
	})
	return db.wrap(err, "store run %s", run.ID)
}

// insertAll inserts a run with its host, models, cells and samples. Nobody owns it.
func insertAll(ctx context.Context, tx *sql.Tx, run *record.Run) error {
	if err := insertRun(ctx, tx, run, ""); err != nil {
		return err
	}
	if err := insertModels(ctx, tx, run); err != nil {
		return err
	}
	if err := insertCells(ctx, tx, run); err != nil {
		return err
	}
	for _, c := range run.All() {
		var key int64
		if err := tx.QueryRowContext(ctx, `SELECT key FROM cells WHERE run = ? AND id = ?`, run.ID, c.ID).Scan(&key); err != nil {
			return err
		}
		if err := insertSamples(ctx, tx, key, c.Samples); err != nil {
			return fmt.Errorf("cell %.10s: %w", c.ID, err)
		}
	}
	return nil
}
