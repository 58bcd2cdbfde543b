package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"math"

	"github.com/archbench/archbench/harness/internal/process"
	"github.com/archbench/archbench/harness/internal/record"
)

// BeginTraining stores a training, or the new state of one that is resumed.
func (db *DB) BeginTraining(ctx context.Context, t *record.Training) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		host := hostColumns(&t.Host)
		if _, err := tx.ExecContext(ctx, inserting("hosts", host)+` ON CONFLICT DO NOTHING`, values(host)...); err != nil {
			return err
		}
		columns := append(trainingColumns(t), column{"host", t.Host.ID}, column{"owner", db.mine()})
		_, err := tx.ExecContext(ctx, inserting("trainings", columns)+` ON CONFLICT (id) DO UPDATE SET status = excluded.status, folder = excluded.folder, ended = NULL, owner = excluded.owner`, values(columns)...)
		return err
	})
	return db.wrap(err, "store training %s", t.ID)
}

// EndTraining stores how a training ended, and its sums.
func (db *DB) EndTraining(ctx context.Context, t *record.Training) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE trainings SET status = ?, ended = ?, order_sha = ?, updates = ?, tokens = ?, flops = ?, facts = ?, owner = '' WHERE id = ?`,
			t.Status, (*nanoseconds)(&t.Ended), t.OrderSHA, t.Updates, t.Tokens, t.FLOPs, asJSON(&t.Facts), t.ID)
		return err
	})
	return db.wrap(err, "store the end of training %s", t.ID)
}

// AddTrainingRows stores rows of a training in one transaction.
func (db *DB) AddTrainingRows(ctx context.Context, id string, rows record.TrainingRows) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		of := column{"training", id}
		if err := insert(ctx, tx, "training_steps", len(rows.Steps), func(i int) []column { return append(stepColumns(&rows.Steps[i]), of) }); err != nil {
			return err
		}
		if err := insert(ctx, tx, "training_evaluations", len(rows.Evaluations), func(i int) []column { return append(evaluationColumns(&rows.Evaluations[i]), of) }); err != nil {
			return err
		}
		return insert(ctx, tx, "training_events", len(rows.Events), func(i int) []column { return append(eventColumns(&rows.Events[i]), of) })
	})
	return db.wrap(err, "store rows of training %s", id)
}

// RewindTraining deletes the rows of a training after an update of an attempt, from which it is resumed.
func (db *DB) RewindTraining(ctx context.Context, id string, attempt int, update int64) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		for _, query := range []string{
			`DELETE FROM training_steps WHERE training = ? AND (attempt > ? OR attempt = ? AND updates > ?)`,
			`DELETE FROM training_evaluations WHERE training = ? AND (attempt > ? OR attempt = ? AND updates > ?)`,
			`DELETE FROM training_events WHERE training = ? AND (attempt > ? OR attempt = ? AND updates > ?)`,
		} {
			if _, err := tx.ExecContext(ctx, query, id, attempt, attempt, update); err != nil {
				return err
			}
		}
		return nil
	})
	return db.wrap(err, "rewind training %s", id)
}

// LoadTraining returns a training with its rows. id may be a unique prefix.
func (db *DB) LoadTraining(ctx context.Context, id string) (*record.Training, error) {
	t, err := db.loadTraining(ctx, id)
	return t, db.wrap(err, "load training %s", id)
}

func (db *DB) loadTraining(ctx context.Context, prefix string) (*record.Training, error) {
	all, err := collect(ctx, db.sql, scanTraining, selectTrainings+` WHERE t.id = ?1 OR substr(t.id, 1, length(?1)) = ?1 ORDER BY t.id <> ?1 LIMIT 2`, prefix)
	switch {
	case err != nil:
		return nil, err
	case len(all) == 0 || prefix == "":
		return nil, notFound("no training of that name; `archbench trainings list` shows them")
	case len(all) > 1 && all[0].ID != prefix:
		return nil, notFound("several trainings start so, for example %s and %s", all[0].ID, all[1].ID)
	}
	t := &all[0]
	if t.Steps, err = collect(ctx, db.sql, scanStep, selectSteps+` ORDER BY attempt, updates`, t.ID); err != nil {
		return nil, err
	}
	if t.Evaluations, err = collect(ctx, db.sql, scanEvaluation, selectEvaluations+` ORDER BY attempt, updates, metric`, t.ID); err != nil {
		return nil, err
	}
	t.Events, err = collect(ctx, db.sql, scanEvent, selectEvents+` ORDER BY key`, t.ID)
	return t, err
}

// Trainings returns all trainings without their rows, latest first.
func (db *DB) Trainings(ctx context.Context) ([]record.Training, error) {
	all, err := collect(ctx, db.sql, scanTraining, selectTrainings+` ORDER BY started DESC, t.id`)
	return all, db.wrap(err, "list trainings")
}

func trainingColumns(t *record.Training) []column {
	return []column{
		{"t.id", &t.ID}, {"started", (*nanoseconds)(&t.Started)}, {"ended", (*nanoseconds)(&t.Ended)}, {"status", &t.Status}, {"version", &t.Version},
		{"command", &t.Command}, {"folder", &t.Folder}, {"model", asJSON(&t.Model)}, {"plan", &t.Plan}, {"data", &t.Data}, {"data_sha", &t.DataSHA},
		{"order_sha", &t.OrderSHA}, {"updates", &t.Updates}, {"tokens", &t.Tokens}, {"flops", &t.FLOPs}, {"t.facts", asJSON(&t.Facts)},
	}
}

func stepColumns(s *record.TrainingStep) []column {
	return []column{
		{"attempt", &s.Attempt}, {"updates", &s.Update}, {"tokens", &s.Tokens}, {"flops", &s.FLOPs}, {"documents", &s.Documents}, {"length", &s.Length},
		{"targets", &s.Targets}, {"loss", (*nullable)(&s.Loss)}, {"objective", (*nullable)(&s.Objective)}, {"rate", &s.Rate}, {"gradient_norm", (*nullable)(&s.GradientNorm)},
		{"gradient_norms", norms{&s.GradientNorms}}, {"applied", &s.Applied}, {"host", &s.Host}, {"plugin", &s.Plugin}, {"elapsed", &s.Elapsed},
	}
}

func evaluationColumns(e *record.TrainingEvaluation) []column {
	return []column{
		{"attempt", &e.Attempt}, {"updates", &e.Update}, {"tokens", &e.Tokens}, {"flops", &e.FLOPs}, {"metric", &e.Metric}, {"value", (*nullable)(&e.Value)},
		{"unit", &e.Unit}, {"host", &e.Host}, {"elapsed", &e.Elapsed},
	}
}

func eventColumns(e *record.TrainingEvent) []column {
	return []column{
		{"attempt", &e.Attempt}, {"updates", &e.Update}, {"at", (*nanoseconds)(&e.At)}, {"kind", &e.Kind}, {"detail", &e.Detail}, {"action", &e.Action},
	}
}

// The queries whose rows scanTraining, scanStep, scanEvaluation and scanEvent read.
var (
	selectTrainings   = `SELECT ` + names(append(trainingColumns(new(record.Training)), hostColumns(new(record.Host))...)) + `, owner FROM trainings AS t JOIN hosts AS h ON h.id = t.host`
	selectSteps       = `SELECT ` + names(stepColumns(new(record.TrainingStep))) + ` FROM training_steps WHERE training = ?`
	selectEvaluations = `SELECT ` + names(evaluationColumns(new(record.TrainingEvaluation))) + ` FROM training_evaluations WHERE training = ?`
	selectEvents      = `SELECT ` + names(eventColumns(new(record.TrainingEvent))) + ` FROM training_events WHERE training = ?`
)

func scanTraining(row *sql.Rows) (t record.Training, err error) {
	var owner string
	err = row.Scan(append(values(append(trainingColumns(&t), hostColumns(&t.Host)...)), &owner)...)
	if l, held := holder(owner); t.Status == record.Running && (!held || l.Process.State() == process.Gone) {
		t.Status = record.Interrupted // ended without notice
	}
	return t, err
}

func scanStep(row *sql.Rows) (s record.TrainingStep, err error) {
	err = row.Scan(values(stepColumns(&s))...)
	return s, err
}

func scanEvaluation(row *sql.Rows) (e record.TrainingEvaluation, err error) {
	err = row.Scan(values(evaluationColumns(&e))...)
	return e, err
}

func scanEvent(row *sql.Rows) (e record.TrainingEvent, err error) {
	err = row.Scan(values(eventColumns(&e))...)
	return e, err
}

// nullable stores a number, or null if it is not finite.
type nullable record.Real

// Value implements [driver.Valuer].
func (r *nullable) Value() (driver.Value, error) {
	if !record.Real(*r).Finite() {
		return nil, nil
	}
	return float64(*r), nil
}

// Scan implements [sql.Scanner].
func (r *nullable) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*r = nullable(math.NaN())
	case float64:
		*r = nullable(v)
	default:
		return fmt.Errorf("expected a number, found %T", value)
	}
	return nil
}

// norms stores gradient norms by component as an object.
type norms struct{ of *map[string]record.Real }

// Value implements [driver.Valuer].
func (n norms) Value() (driver.Value, error) {
	if *n.of == nil {
		return "{}", nil
	}
	return asJSON(n.of).Value()
}

// Scan implements [sql.Scanner].
func (n norms) Scan(value any) error { return asJSON(n.of).Scan(value) }
