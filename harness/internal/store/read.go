package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/archbench/archbench/harness/internal/process"
	"github.com/archbench/archbench/harness/internal/record"
)

// Runs returns all runs, latest first, without models and with only a tally of the cells.
func (db *DB) Runs(ctx context.Context) ([]record.Run, error) {
	runs, err := collect(ctx, db.sql, scanRun, selectRuns+` ORDER BY started DESC, r.id`)
	if err == nil {
		err = db.countCells(ctx, runs)
	}
	return runs, db.wrap(err, "list runs")
}

// countCells fills in the runs' tallies of cells.
func (db *DB) countCells(ctx context.Context, runs []record.Run) error {
	type count struct {
		run    string
		status record.Status
		n      int
	}
	scan := func(row *sql.Rows) (c count, err error) {
		err = row.Scan(&c.run, &c.status, &c.n)
		return c, err
	}
	counts, err := collect(ctx, db.sql, scan, `SELECT run, status, count(*) FROM cells GROUP BY run, status`)
	tallies := map[string]map[record.Status]int{}
	for _, c := range counts {
		if tallies[c.run] == nil {
			tallies[c.run] = map[record.Status]int{}
		}
		tallies[c.run][c.status] = c.n
	}
	for i := range runs {
		runs[i].Tally = tallies[runs[i].ID]
	}
	return err
}

// Latest returns the ID of the latest run that has measured models for their own sake, and the IDs of later runs that have not
// measured anything. It passes over runs that measure the noise of the host.
func (db *DB) Latest(ctx context.Context) (id string, empty []string, err error) {
	defer func() { err = db.wrap(err, "find the latest run") }()
	type found struct {
		record.Run
		measured bool
	}
	scan := func(row *sql.Rows) (f found, err error) { return f, row.Scan(&f.ID, &f.Command, &f.measured) }
	all, err := collect(ctx, db.sql, scan, `SELECT id, command, EXISTS (SELECT 1 FROM cells AS c WHERE run = r.id AND (status = 'ok'
		OR status = 'pending' AND EXISTS (SELECT 1 FROM attempts WHERE cell = c.key))) FROM runs AS r ORDER BY started DESC, id`)
	if err != nil {
		return "", nil, err
	}
	for _, f := range all {
		switch {
		case f.MeasuresNoise():
		case f.measured:
			return f.ID, empty, nil
		default:
			empty = append(empty, f.ID)
		}
	}
	switch {
	case len(empty) > 0:
		return "", nil, notFound("no run of the database has measured anything; `archbench show %s` says why", empty[0])
	case len(all) > 0:
		return "", nil, notFound("the database holds only the noise of the host; start a run with `archbench run`, or name one of `archbench runs list`")
	}
	return "", nil, notFound("the database holds no run yet; start one with `archbench run`")
}

// SelfCompared returns the IDs of the runs on a host that measured one model under two names, latest first.
func (db *DB) SelfCompared(ctx context.Context, fingerprint string) ([]string, error) {
	scan := func(row *sql.Rows) (id string, err error) { return id, row.Scan(&id) }
	ids, err := collect(ctx, db.sql, scan, `SELECT r.id FROM runs AS r JOIN hosts AS h ON h.id = r.host WHERE fingerprint = ?
		AND EXISTS (SELECT 1 FROM models AS a JOIN models AS b ON a.run = b.run AND a.position < b.position
			AND a.plugin_sha = b.plugin_sha AND a.weights_sha = b.weights_sha AND a.config = b.config AND a.precision = b.precision
			WHERE a.run = r.id) ORDER BY started DESC, r.id`, fingerprint)
	return ids, db.wrap(err, "find comparisons of a model with itself")
}

// LoadRun returns a run with its models, cells and samples. id may be a unique prefix.
func (db *DB) LoadRun(ctx context.Context, id string) (*record.Run, error) {
	run, err := db.loadRun(ctx, id)
	return run, db.wrap(err, "load run %s", id)
}

func (db *DB) loadRun(ctx context.Context, id string) (*record.Run, error) {
	run, err := db.runNamed(ctx, id)
	if err != nil {
		return nil, err
	}
	if run.Models, err = collect(ctx, db.sql, scanModel, selectModels+` ORDER BY position`, run.ID); err != nil {
		return nil, err
	}
	cells, err := collect(ctx, db.sql, scanCell, selectCells+` WHERE run = ? ORDER BY position`, run.ID)
	if err != nil {
		return nil, err
	}
	for _, c := range cells {
		run.Cells = append(run.Cells, c.Cell)
	}
	if err := run.Whole(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err := unpackAll(run, cells); err != nil {
		return nil, err
	}
	return run, db.unchanged()
}

// runNamed finds the run with an ID, or the only one whose ID starts so.
func (db *DB) runNamed(ctx context.Context, prefix string) (*record.Run, error) {
	runs, err := collect(ctx, db.sql, scanRun, selectRuns+` WHERE r.id = ?1 OR substr(r.id, 1, length(?1)) = ?1 ORDER BY r.id <> ?1 LIMIT 2`, prefix)
	switch {
	case err != nil:
		return nil, err
	case len(runs) == 0 || prefix == "":
		return nil, notFound("no run of that name; `archbench runs list` shows them")
	case len(runs) > 1 && runs[0].ID != prefix:
		return nil, notFound("several runs start so, for example %s and %s", runs[0].ID, runs[1].ID)
	}
	return &runs[0], nil
}

// unpackAll fills in the samples of a run's cells, on all cores.
func unpackAll(run *record.Run, cells []packedCell) error {
	var next atomic.Int64
	errs := make([]error, len(cells))
	var cores sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		cores.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(cells); i = int(next.Add(1)) - 1 {
				run.Cells[i].Samples, errs[i] = unpack(cells[i].samples, cells[i].count)
			}
		})
	}
	cores.Wait()
	return cmp.Or(errs...)
}

// Cell returns the cell whose ID starts with prefix, with its samples, and its run. If several runs have the cell, it
// returns the latest run's.
func (db *DB) Cell(ctx context.Context, prefix string) (run *record.Run, cell *record.Cell, err error) {
	defer func() { err = db.wrap(err, "find cell %s", prefix) }()
	type place struct{ run, id string }
	scan := func(row *sql.Rows) (p place, err error) { return p, row.Scan(&p.run, &p.id) }
	places, err := collect(ctx, db.sql, scan, `SELECT run, c.id FROM cells AS c JOIN runs AS r ON r.id = c.run
		WHERE c.id >= ?1 AND c.id < ?1 || 'g' ORDER BY started DESC LIMIT 50`, strings.ToLower(prefix))
	if err != nil {
		return nil, nil, err
	}
	if len(places) == 0 || prefix == "" {
		return nil, nil, notFound("no cell's ID starts so")
	}
	for _, p := range places {
		if p.id != places[0].id {
			return nil, nil, notFound("several cells start so, for example %.16s and %.16s", places[0].id, p.id)
		}
	}
	if run, err = db.loadRun(ctx, places[0].run); err != nil {
		return nil, nil, err
	}
	for _, c := range run.All() {
		if c.ID == places[0].id {
			return run, c, nil
		}
	}
	return nil, nil, notFound("cell %s has left run %s", places[0].id, run.ID)
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

// The queries whose rows scanRun, scanModel and scanCell read.
var (
	selectRuns   = `SELECT ` + names(append(runColumns(new(record.Run), nil), hostColumns(new(record.Host))...)) + ` FROM runs AS r JOIN hosts AS h ON h.id = r.host`
	selectModels = `SELECT ` + names(modelColumns(new(record.Model))) + ` FROM models WHERE run = ?`
	selectCells  = `SELECT ` + names(append(planColumns(new(record.Cell)), resultColumns(new(record.Cell), new(record.Failure))...)) + `,
		(SELECT coalesce(sum(count), 0) FROM attempts WHERE cell = key),
		(SELECT CAST(group_concat(samples, '') AS BLOB) FROM (SELECT samples FROM attempts WHERE cell = key ORDER BY block, attempt)) FROM cells`
)

func scanRun(row *sql.Rows) (r record.Run, err error) {
	var owner string
	err = row.Scan(values(append(runColumns(&r, &owner), hostColumns(&r.Host)...))...)
	if l, held := holder(owner); held && l.Process.State() != process.Gone {
		r.Owner = l.Process.String()
	} else if r.Status == record.Running {
		r.Status = record.Interrupted // ended without notice: killed, or by a power cut
	}
	return r, err
}

func scanModel(row *sql.Rows) (m record.Model, err error) {
	err = row.Scan(values(modelColumns(&m))...)
	return m, err
}

// packedCell is a cell with its samples as they are stored.
type packedCell struct {
	record.Cell
	count   int
	samples []byte
}

func scanCell(row *sql.Rows) (c packedCell, err error) {
	var f record.Failure
	err = row.Scan(append(values(append(planColumns(&c.Cell), resultColumns(&c.Cell, &f)...)), &c.count, &c.samples)...)
	if f.Class != "" {
		c.Failure = &f
	}
	return c, err
}
