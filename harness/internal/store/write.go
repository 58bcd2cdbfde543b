package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// CreateRun stores a plan before its first sample: the run, its host, models and cells, all or nothing. The run belongs
// to this handle until [DB.SetStatus] says that it has ended.
func (db *DB) CreateRun(ctx context.Context, run *Run) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		if err := insertRun(ctx, tx, run, db.mine()); err != nil {
			return err
		}
		for i := range run.Models {
			if err := insertModel(ctx, tx, run.ID, i, &run.Models[i]); err != nil {
				return fmt.Errorf("model %s: %w", run.Models[i].Name, err)
			}
		}
		return insertCells(ctx, tx, run)
	})
	return db.wrap(err, "store run %s", run.ID)
}

func insertRun(ctx context.Context, tx *sql.Tx, run *Run, owner string) error {
	h := run.Host
	if _, err := tx.ExecContext(ctx, `INSERT INTO hosts VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
		h.ID, h.Fingerprint, list(h.Facts)); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		run.ID, run.Started.UnixNano(), moment(run.Ended), run.Status, run.Version, run.Command, int64(run.Seed),
		list(run.Suites), run.Corpus, list(run.Facts), h.ID, owner)
	return err
}

func insertModel(ctx context.Context, tx *sql.Tx, run string, position int, m *Model) error {
	_, err := tx.ExecContext(ctx,
		`INSERT INTO models VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		run, m.Name, position, m.Architecture, m.Mode, m.Checkpoint, m.Variant, int64(m.Seed), m.Precision, m.Head,
		m.Threads, object(m.Options), m.Config, m.WeightsSHA, m.PluginSHA, m.PluginPath, m.Kernels, m.Parameters,
		m.WeightBytes, m.ContextLimit, m.TrainedTo, m.Causal, m.LeaksFuture, m.Initialised, m.StateKind, list(m.Warnings), m.Family,
		m.Tokenizer.Asked, m.Tokenizer.Name, m.Tokenizer.SHA256)
	return err
}

func insertCells(ctx context.Context, tx *sql.Tx, run *Run) error {
	statement, err := tx.PrepareContext(ctx, `INSERT INTO cells (run, id, position, suite, probe, model, point, params,
		repeats, estimate, status, reason, failure_class, failure_message, failure_stderr, failure_reproduce, warnings)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer statement.Close()
	for i := range run.Cells {
		c := &run.Cells[i]
		f := failureOf(c)
		if _, err := statement.ExecContext(ctx, run.ID, c.ID, i, c.Suite, c.Probe, c.Model, list(c.Point), list(c.Params),
			c.Repeats, int64(c.Estimate), c.Status, c.Reason, f.Class, f.Message, f.Stderr, f.Reproduce,
			list(c.Warnings)); err != nil {
			return fmt.Errorf("cell %s %s %s: %w", c.Probe, c.Model, c.Point, err)
		}
	}
	return nil
}

// Record stores the state of a cell (status, reason, failure, warnings) and the samples of one new block, in one
// transaction. It stores nothing if any part fails, if the block is already there, or if another process owns the run.
func (db *DB) Record(ctx context.Context, run string, c *Cell, samples []Sample) error {
	err := db.writeOwned(ctx, run, func(tx *sql.Tx) error {
		var key int64
		if err := tx.QueryRowContext(ctx, `SELECT key FROM cells WHERE run = ? AND id = ?`, run, c.ID).Scan(&key); err != nil {
			return err
		}
		f := failureOf(c)
		if _, err := tx.ExecContext(ctx, `UPDATE cells SET status = ?, reason = ?, failure_class = ?, failure_message = ?,
			failure_stderr = ?, failure_reproduce = ?, warnings = ? WHERE key = ?`,
			c.Status, c.Reason, f.Class, f.Message, f.Stderr, f.Reproduce, list(c.Warnings), key); err != nil {
			return err
		}
		return insertSamples(ctx, tx, key, samples)
	})
	return db.wrap(err, "store cell %s %s %s", c.Probe, c.Model, c.Point)
}

func insertSamples(ctx context.Context, tx *sql.Tx, cell int64, samples []Sample) error {
	if len(samples) == 0 {
		return nil
	}
	statement, err := tx.PrepareContext(ctx, `INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer statement.Close()
	next := map[int]int{} // place in each block
	for _, s := range samples {
		if _, err := statement.ExecContext(ctx, cell, s.Block, next[s.Block], s.Metric, s.Label, s.Value, s.Unit, s.Position,
			int64(s.Host), int64(s.Plugin)); err != nil {
			return fmt.Errorf("sample %s %s of block %d: %w", s.Metric, s.Label, s.Block, err)
		}
		next[s.Block]++
	}
	return nil
}

// MarkLeak records that the causality suite caught a model of the run looking into the future.
func (db *DB) MarkLeak(ctx context.Context, run, model string) error {
	err := db.writeOwned(ctx, run, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE models SET leaks_future = 1 WHERE run = ? AND name = ?`, run, model)
		return err
	})
	return db.wrap(err, "mark model %s of run %s", model, run)
}

// SetStatus records how a run stands, and what is known about it by then. A run that goes on has no end; any other
// status gives it back.
func (db *DB) SetStatus(ctx context.Context, run *Run) error {
	err := db.writeOwned(ctx, run.ID, func(tx *sql.Tx) error {
		owner := ""
		if run.Status == Running {
			owner = db.mine()
		}
		_, err := tx.ExecContext(ctx, `UPDATE runs SET status = ?, ended = ?, facts = ?, owner = ? WHERE id = ?`,
			run.Status, moment(run.Ended), list(run.Facts), owner, run.ID)
		return err
	})
	return db.wrap(err, "store status of run %s", run.ID)
}

// Remove deletes a run with everything that belongs to it and gives its pages back for reuse. A run that a living
// process measures stays.
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

// wrap names the operation in an error and says what to do about it.
func (db *DB) wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+" in %s: %w", append(append([]any(nil), args...), db.path, db.explain(err))...)
}

// failureOf returns a cell's failure, or one with blank columns.
func failureOf(c *Cell) Failure {
	if c.Failure == nil {
		return Failure{}
	}
	return *c.Failure
}

// moment is a time as a column: null for the zero time.
func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixNano()
}

// list is a slice as JSON, [] when empty.
func list[T any](values []T) string {
	if len(values) == 0 {
		return "[]"
	}
	return encode(values)
}

// object is a map as JSON with sorted keys, {} when empty.
func object(values map[string]string) string {
	if len(values) == 0 {
		return "{}"
	}
	return encode(values)
}

// encode marshals strings and structs of strings, which cannot fail.
func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("store: encode %T: %v", v, err))
	}
	return string(b)
}
