package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

// migrations holds the schema, one step per file, applied in name order and never changed afterwards.
//
//go:embed migrations/*.sql
var migrations embed.FS

// programs are the steps that SQL cannot do alone, by the file after which they run.
var programs = map[string]func(context.Context, *sql.Tx) error{"migrations/0010_attempts.sql": packAll}

// applicationID marks a database as archbench's in its header ("arch").
const applicationID = 0x61726368

// missingSteps returns all steps and how many of them are applied. It refuses databases of other programs and of newer
// versions of this one.
func missingSteps(ctx context.Context, db *sql.DB) (steps []string, seen int, err error) {
	if steps, err = fs.Glob(migrations, "migrations/*.sql"); err != nil {
		return nil, 0, err
	}
	if seen, err = schemaVersion(ctx, db); err != nil {
		return nil, 0, err
	}
	if seen > len(steps) {
		return nil, 0, fmt.Errorf("%w: its schema is version %d and this archbench knows up to %d; "+
			"use the newer archbench that wrote it, or another --db", ErrNewer, seen, len(steps))
	}
	return steps, seen, nil
}

// migrate brings the database to this program's schema, one transaction per step.
func migrate(ctx context.Context, db *sql.DB) error {
	steps, version, err := missingSteps(ctx, db)
	if err != nil {
		return err
	}
	if version == len(steps) {
		return nil
	}
	return withoutForeignKeys(ctx, db, func() error {
		for i := version; i < len(steps); i++ {
			if err := step(ctx, db, steps[i], i+1); err != nil {
				return fmt.Errorf("apply %s: %w", steps[i], err)
			}
		}
		return nil
	})
}

// withoutForeignKeys runs fn with foreign keys off, so that a table can be recreated under the same name.
func withoutForeignKeys(ctx context.Context, db *sql.DB, fn func() error) error {
	if _, err := db.ExecContext(ctx, "PRAGMA foreign_keys = OFF"); err != nil {
		return err
	}
	err := fn()
	_, on := db.ExecContext(ctx, "PRAGMA foreign_keys = ON")
	return errors.Join(err, on)
}

// schemaVersion returns the number of applied steps, 0 for an empty database.
func schemaVersion(ctx context.Context, db *sql.DB) (int, error) {
	var application, version, tables int
	err := db.QueryRowContext(ctx, `SELECT a.application_id, u.user_version, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id AS a, pragma_user_version AS u`).Scan(&application, &version, &tables)
	if err != nil {
		return 0, err
	}
	if application != applicationID && (application != 0 || version != 0 || tables != 0) {
		return 0, fmt.Errorf("%w: it is an SQLite database of another program; name another file", ErrForeign)
	}
	return version, nil
}

// step applies one migration and counts it in the same transaction, unless another process has just done so.
func step(ctx context.Context, db *sql.DB, name string, version int) error {
	text, err := migrations.ReadFile(name)
	if err != nil {
		return err
	}
	return within(ctx, db, func(tx *sql.Tx) error {
		var done int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&done); err != nil || done >= version {
			return err
		}
		header := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, version)
		if _, err := tx.ExecContext(ctx, string(text)+header); err != nil {
			return err
		}
		if program := programs[name]; program != nil {
			if err := program(ctx, tx); err != nil {
				return err
			}
		}
		var dangling int
		err := tx.QueryRowContext(ctx, "SELECT count(*) FROM pragma_foreign_key_check").Scan(&dangling)
		if err == nil && dangling > 0 {
			err = fmt.Errorf("%w: %d rows refer to rows that are not there", ErrDamaged, dangling)
		}
		return err
	})
}

// within runs fn in a transaction that is rolled back if fn fails.
func within(ctx context.Context, db *sql.DB, fn func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // no effect after Commit
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}
