package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/archbench/archbench/harness/internal/process"
)

// Runs returns the runs of the database, latest first, without models and with no more than a tally of the cells.
func (db *DB) Runs(ctx context.Context) ([]Run, error) {
	runs, err := collect(ctx, db.sql, scanRun, runColumns+` ORDER BY started DESC, r.id`)
	if err == nil {
		err = db.countCells(ctx, runs)
	}
	return runs, db.wrap(err, "list runs")
}

// countCells gives runs the tally of their cells.
func (db *DB) countCells(ctx context.Context, runs []Run) error {
	type count struct {
		run    string
		status Status
		n      int
	}
	scan := func(row *sql.Rows) (c count, err error) {
		err = row.Scan(&c.run, &c.status, &c.n)
		return c, err
	}
	counts, err := collect(ctx, db.sql, scan, `SELECT run, status, count(*) FROM cells GROUP BY run, status`)
	tallies := map[string]map[Status]int{}
	for _, c := range counts {
		if tallies[c.run] == nil {
			tallies[c.run] = map[Status]int{}
		}
		tallies[c.run][c.status] = c.n
	}
	for i := range runs {
		runs[i].Tally = tallies[runs[i].ID]
	}
	return err
}

// Latest returns the ID of the latest run that has measured something, and those of later runs that have not.
func (db *DB) Latest(ctx context.Context) (id string, empty []string, err error) {
	id, empty, err = db.latest(ctx)
	return id, empty, db.wrap(err, "find the latest run")
}

func (db *DB) latest(ctx context.Context) (id string, empty []string, err error) {
	type found struct {
		id       string
		measured bool
	}
	scan := func(row *sql.Rows) (f found, err error) { return f, row.Scan(&f.id, &f.measured) }
	all, err := collect(ctx, db.sql, scan, `SELECT id, EXISTS (SELECT 1 FROM cells AS c WHERE run = r.id AND (status = 'ok'
		OR status = 'pending' AND EXISTS (SELECT 1 FROM samples WHERE cell = c.key))) FROM runs AS r ORDER BY started DESC, id`)
	if err != nil {
		return "", nil, err
	}
	for _, f := range all {
		if f.measured {
			return f.id, empty, nil
		}
		empty = append(empty, f.id)
	}
	if len(empty) > 0 {
		return "", nil, fmt.Errorf("%w: no run of the database has measured anything; `archbench show %s` says why", ErrNotFound, empty[0])
	}
	return "", nil, fmt.Errorf("%w: the database holds no run yet; start one with `archbench run`", ErrNotFound)
}

// LoadRun returns a run with its models, cells and samples. A unique prefix of the ID will do.
func (db *DB) LoadRun(ctx context.Context, id string) (*Run, error) {
	run, err := db.loadRun(ctx, id)
	return run, db.wrap(err, "load run %s", id)
}

func (db *DB) loadRun(ctx context.Context, id string) (*Run, error) {
	run, err := db.runNamed(ctx, id)
	if err != nil {
		return nil, err
	}
	if run.Models, err = collect(ctx, db.sql, scanModel, modelColumns+` ORDER BY position`, run.ID); err != nil {
		return nil, err
	}
	if run.Cells, err = collect(ctx, db.sql, scanCell, cellColumns+` WHERE run = ? ORDER BY position`, run.ID); err != nil {
		return nil, err
	}
	if err := db.loadSamples(ctx, run); err != nil {
		return nil, err
	}
	return run, db.unchanged()
}

// runNamed finds the one run whose ID starts with prefix.
func (db *DB) runNamed(ctx context.Context, prefix string) (*Run, error) {
	runs, err := collect(ctx, db.sql, scanRun, runColumns+` WHERE r.id = ?1 OR substr(r.id, 1, length(?1)) = ?1 LIMIT 2`, prefix)
	switch {
	case err != nil:
		return nil, err
	case len(runs) == 0 || prefix == "":
		return nil, fmt.Errorf("%w: no run of that name; `archbench runs list` shows them", ErrNotFound)
	case len(runs) > 1:
		return nil, fmt.Errorf("%w: several runs start so, for example %s and %s", ErrNotFound, runs[0].ID, runs[1].ID)
	}
	return &runs[0], nil
}

// loadSamples gives each cell its samples in the order of measurement.
func (db *DB) loadSamples(ctx context.Context, run *Run) error {
	rows, err := db.sql.QueryContext(ctx, `SELECT c.position, s.metric, s.label, s.value, s.unit, s.block, s.position,
		s.host, s.plugin FROM cells AS c JOIN samples AS s ON s.cell = c.key WHERE c.run = ? ORDER BY c.position, s.block, s.seq`, run.ID)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var cell int
		var s Sample
		if err := rows.Scan(&cell, &s.Metric, &s.Label, &s.Value, &s.Unit, &s.Block, &s.Position, &s.Host, &s.Plugin); err != nil {
			return err
		}
		run.Cells[cell].Samples = append(run.Cells[cell].Samples, s)
	}
	return rows.Err()
}

// Cell returns the cell whose ID starts with prefix, with its samples, and the run that it belongs to. When several
// runs hold the cell, the latest one's is returned.
func (db *DB) Cell(ctx context.Context, prefix string) (*Run, *Cell, error) {
	run, cell, err := db.findCell(ctx, prefix)
	return run, cell, db.wrap(err, "find cell %s", prefix)
}

func (db *DB) findCell(ctx context.Context, prefix string) (*Run, *Cell, error) {
	type place struct{ run, id string }
	scan := func(row *sql.Rows) (p place, err error) { return p, row.Scan(&p.run, &p.id) }
	places, err := collect(ctx, db.sql, scan, `SELECT run, c.id FROM cells AS c JOIN runs AS r ON r.id = c.run
		WHERE c.id >= ?1 AND c.id < ?1 || 'g' ORDER BY started DESC LIMIT 50`, strings.ToLower(prefix))
	if err != nil {
		return nil, nil, err
	}
	if len(places) == 0 || prefix == "" {
		return nil, nil, fmt.Errorf("%w: no cell's ID starts so", ErrNotFound)
	}
	for _, p := range places {
		if p.id != places[0].id {
			return nil, nil, fmt.Errorf("%w: several cells start so, for example %.16s and %.16s", ErrNotFound, places[0].id, p.id)
		}
	}
	run, err := db.loadRun(ctx, places[0].run)
	if err != nil {
		return nil, nil, err
	}
	for i := range run.Cells {
		if run.Cells[i].ID == places[0].id {
			return run, &run.Cells[i], nil
		}
	}
	return nil, nil, fmt.Errorf("%w: cell %s has left run %s", ErrNotFound, places[0].id, run.ID)
}

// collect reads all rows of a query.
func collect[T any](ctx context.Context, db *sql.DB, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

const runColumns = `SELECT r.id, started, ended, status, version, command, seed, suites, corpus, r.facts, owner,
	h.id, h.fingerprint, h.facts FROM runs AS r JOIN hosts AS h ON h.id = r.host`

func scanRun(row *sql.Rows) (r Run, err error) {
	var started, seed int64
	var ended sql.NullInt64
	var owner string
	err = row.Scan(&r.ID, &started, &ended, &r.Status, &r.Version, &r.Command, &seed, decode(&r.Suites), &r.Corpus,
		decode(&r.Facts), &owner, &r.Host.ID, &r.Host.Fingerprint, decode(&r.Host.Facts))
	r.Started, r.Seed = time.Unix(0, started).UTC(), uint64(seed)
	if ended.Valid {
		r.Ended = time.Unix(0, ended.Int64).UTC()
	}
	if l, held := holder(owner); held && l.Process.State() != process.Gone {
		r.Owner = l.Process.String()
	} else if r.Status == Running {
		r.Status = Interrupted // without a word: killed, or by a loss of power
	}
	return r, err
}

const modelColumns = `SELECT name, architecture, mode, checkpoint, variant, seed, precision, head, threads, options,
	config, weights_sha, plugin_sha, plugin_path, kernels, parameters, weight_bytes, context_limit, trained_to, causal,
	leaks_future, initialised, state_kind, warnings, family, tokenizer_asked, tokenizer_name, tokenizer_sha
	FROM models WHERE run = ?`

func scanModel(row *sql.Rows) (m Model, err error) {
	var seed int64
	err = row.Scan(&m.Name, &m.Architecture, &m.Mode, &m.Checkpoint, &m.Variant, &seed, &m.Precision, &m.Head,
		&m.Threads, decode(&m.Options), &m.Config, &m.WeightsSHA, &m.PluginSHA, &m.PluginPath, &m.Kernels, &m.Parameters,
		&m.WeightBytes, &m.ContextLimit, &m.TrainedTo, &m.Causal, &m.LeaksFuture, &m.Initialised, &m.StateKind,
		decode(&m.Warnings), &m.Family, &m.Tokenizer.Asked, &m.Tokenizer.Name, &m.Tokenizer.SHA256)
	m.Seed = uint64(seed)
	return m, err
}

const cellColumns = `SELECT id, suite, probe, model, point, params, repeats, estimate, status, reason, failure_class,
	failure_message, failure_stderr, failure_reproduce, warnings FROM cells`

func scanCell(row *sql.Rows) (c Cell, err error) {
	var f Failure
	err = row.Scan(&c.ID, &c.Suite, &c.Probe, &c.Model, decode(&c.Point), decode(&c.Params), &c.Repeats, &c.Estimate,
		&c.Status, &c.Reason, &f.Class, &f.Message, &f.Stderr, &f.Reproduce, decode(&c.Warnings))
	if f.Class != "" {
		c.Failure = &f
	}
	return c, err
}

// column is the destination of a JSON column.
type column struct{ into any }

// decode returns a destination that unmarshals a JSON column; empty lists and objects leave it nil.
func decode(into any) *column { return &column{into} }

// Scan implements [sql.Scanner].
func (c *column) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("expected JSON text, found %T", value)
	}
	if text == "[]" || text == "{}" {
		return nil
	}
	return json.Unmarshal([]byte(text), c.into)
}
