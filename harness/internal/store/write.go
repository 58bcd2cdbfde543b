package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
)

// CreateRun stores a plan before its first sample: the run, its host, models and cells, all or nothing. The run belongs
// to this handle until [DB.SetStatus] ends it.
func (db *DB) CreateRun(ctx context.Context, run *record.Run) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		if err := insertRun(ctx, tx, run, db.mine()); err != nil {
			return err
		}
		if err := insertModels(ctx, tx, run); err != nil {
			return err
		}
		return insertCells(ctx, tx, run)
	})
	return db.wrap(err, "store run %s", run.ID)
}

// AddRun stores a run that has ended, with all its samples, all or nothing.
func (db *DB) AddRun(ctx context.Context, run *record.Run) error {
	err := db.write(ctx, func(tx *sql.Tx) error { return insertAll(ctx, tx, run) })
	return db.wrap(err, "store run %s", run.ID)
}

func insertRun(ctx context.Context, tx *sql.Tx, run *record.Run, owner string) error {
	host := hostColumns(&run.Host)
	if _, err := tx.ExecContext(ctx, inserting("hosts", host)+` ON CONFLICT DO NOTHING`, values(host)...); err != nil {
		return err
	}
	return insert(ctx, tx, "runs", 1, func(int) []column { return append(runColumns(run, &owner), column{"host", run.Host.ID}) })
}

func insertModels(ctx context.Context, tx *sql.Tx, run *record.Run) error {
	return insert(ctx, tx, "models", len(run.Models), func(i int) []column {
		return append(modelColumns(&run.Models[i]), column{"run", run.ID}, column{"position", i})
	})
}

func insertCells(ctx context.Context, tx *sql.Tx, run *record.Run) error {
	return insert(ctx, tx, "cells", len(run.Cells), func(i int) []column {
		c := &run.Cells[i]
		f := failureOf(c)
		return append(append(planColumns(c), resultColumns(c, &f)...), column{"run", run.ID}, column{"position", i})
	})
}

// Record stores a cell's state (status, reason, failure, warnings, missing data) and the samples of one new attempt at
// a block in one transaction. It stores nothing if any part fails, if the attempt is already stored, or if another process owns
// the run.
func (db *DB) Record(ctx context.Context, run string, c *record.Cell, samples []record.Sample) error {
	err := db.writeOwned(ctx, run, func(tx *sql.Tx) error {
		var key int64
		if err := tx.QueryRowContext(ctx, `SELECT key FROM cells WHERE run = ? AND id = ?`, run, c.ID).Scan(&key); err != nil {
			return err
		}
		f := failureOf(c)
		columns := resultColumns(c, &f)
		set := strings.ReplaceAll(names(columns), ",", " = ?,") + " = ?"
		if _, err := tx.ExecContext(ctx, `UPDATE cells SET `+set+` WHERE key = ?`, append(values(columns), key)...); err != nil {
			return err
		}
		return insertSamples(ctx, tx, key, samples)
	})
	return db.wrap(err, "store cell %s %s %s", c.Probe, c.Model, c.Point)
}

// MarkLeak records that the causality suite caught one of the run's models looking into the future.
func (db *DB) MarkLeak(ctx context.Context, run, model string) error {
	err := db.updateOwned(ctx, run, `UPDATE models SET leaks_future = 1 WHERE run = ? AND name = ?`, run, model)
	return db.wrap(err, "mark model %s of run %s", model, run)
}

// SetStatus records a run's status and what is known so far. A status other than running ends the run and gives it
// back.
func (db *DB) SetStatus(ctx context.Context, run *record.Run) error {
	owner := ""
	if run.Status == record.Running {
		owner = db.mine()
	}
	err := db.updateOwned(ctx, run.ID, `UPDATE runs SET status = ?, ended = ?, facts = ?, owner = ? WHERE id = ?`,
		run.Status, (*nanoseconds)(&run.Ended), asJSON(&run.Facts), owner, run.ID)
	return db.wrap(err, "store status of run %s", run.ID)
}

// Remove deletes a run with all its data and frees its pages for reuse. It refuses a run that a living process
// measures.
func (db *DB) Remove(ctx context.Context, run string) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		if err := db.free(ctx, tx, run, true); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM runs WHERE id = ?`, run)
		return err
	})
	return db.wrap(err, "remove run %s", run)
}

// wrap adds the operation and the remedy to an error.
func (db *DB) wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+" in %s: %w", append(append([]any(nil), args...), db.path, db.explain(err))...)
}

// failureOf returns a cell's failure, or one with blank columns.
func failureOf(c *record.Cell) record.Failure {
	if c.Failure == nil {
		return record.Failure{}
	}
	return *c.Failure
}
