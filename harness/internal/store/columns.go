package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
)

// column is a table column and the variable that holds its value. One list serves both writing a row and reading it, by
// name.
type column struct {
	name  string
	value any // pointer to a type that database/sql converts, or an adapter below
}

func hostColumns(h *record.Host) []column {
	return []column{{"h.id", &h.ID}, {"h.fingerprint", &h.Fingerprint}, {"h.facts", asJSON(&h.Facts)}}
}

func runColumns(r *record.Run, owner *string) []column {
	return []column{
		{"r.id", &r.ID}, {"started", (*nanoseconds)(&r.Started)}, {"ended", (*nanoseconds)(&r.Ended)}, {"status", &r.Status},
		{"version", &r.Version}, {"command", &r.Command}, {"seed", (*unsigned)(&r.Seed)}, {"until", &r.Until}, {"suites", asJSON(&r.Suites)},
		{"corpus", &r.Corpus}, {"r.facts", asJSON(&r.Facts)}, {"owner", owner},
	}
}

func modelColumns(m *record.Model) []column {
	return []column{
		{"name", &m.Name}, {"architecture", &m.Architecture}, {"mode", &m.Mode}, {"checkpoint", &m.Checkpoint},
		{"variant", &m.Variant}, {"seed", (*unsigned)(&m.Seed)}, {"precision", &m.Precision}, {"head", &m.Head},
		{"threads", &m.Threads}, {"device", &m.Device}, {"options", asJSON(&m.Options)}, {"config", &m.Config}, {"weights_sha", &m.WeightsSHA},
		{"plugin_sha", &m.PluginSHA}, {"plugin_path", &m.PluginPath}, {"kernels", &m.Kernels}, {"parameters", &m.Parameters},
		{"weight_bytes", &m.WeightBytes}, {"context_limit", &m.ContextLimit}, {"trained_to", &m.TrainedTo},
		{"causal", &m.Causal}, {"leaks_future", &m.LeaksFuture}, {"initialised", &m.Initialised}, {"state_kind", &m.StateKind},
		{"warnings", asJSON(&m.Warnings)}, {"family", &m.Family}, {"tokenizer_asked", &m.Tokenizer.Asked},
		{"tokenizer_name", &m.Tokenizer.Name}, {"tokenizer_sha", &m.Tokenizer.SHA256},
	}
}

// planColumns hold a cell's plan, resultColumns the outcome of measuring it.
func planColumns(c *record.Cell) []column {
	return []column{
		{"id", &c.ID}, {"suite", &c.Suite}, {"probe", &c.Probe}, {"model", &c.Model}, {"point", asJSON(&c.Point)},
		{"params", asJSON(&c.Params)}, {"repeats", &c.Repeats}, {"rounds", &c.Rounds}, {"estimate", &c.Estimate},
	}
}

func resultColumns(c *record.Cell, f *record.Failure) []column {
	return []column{
		{"status", &c.Status}, {"reason", &c.Reason}, {"failure_class", &f.Class}, {"failure_message", &f.Message},
		{"failure_stderr", &f.Stderr}, {"failure_reproduce", &f.Reproduce}, {"warnings", asJSON(&c.Warnings)},
		{"missing", asJSON(&c.Missing)},
	}
}

func sampleColumns(s *record.Sample) []column {
	return []column{
		{"metric", &s.Metric}, {"label", &s.Label}, {"value", &s.Value}, {"unit", &s.Unit}, {"block", &s.Block},
		{"s.position", &s.Position}, {"host", &s.Host}, {"plugin", &s.Plugin}, {"calls", asJSON(&s.Calls)},
		{"dropped", &s.Dropped}, {"attempt", &s.Attempt}, {"disturbed", asJSON(&s.Disturbed)}, {"readings", asJSON(&s.Readings)},
	}
}

// names lists columns as in a SELECT.
func names(columns []column) string {
	var list []string
	for _, c := range columns {
		list = append(list, c.name)
	}
	return strings.Join(list, ", ")
}

// values lists the variables that columns are scanned into or written from.
func values(columns []column) (list []any) {
	for _, c := range columns {
		list = append(list, c.value)
	}
	return list
}

// inserting is the statement that inserts columns into a table, without the columns' aliases.
func inserting(table string, columns []column) string {
	var own []string
	for _, c := range columns {
		own = append(own, c.name[strings.IndexByte(c.name, '.')+1:])
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (?%s)", table, strings.Join(own, ", "), strings.Repeat(", ?", len(own)-1))
}

// insert writes n rows with the same columns.
func insert(ctx context.Context, tx *sql.Tx, table string, n int, row func(i int) []column) error {
	var statement *sql.Stmt
	for i := range n {
		columns := row(i)
		if statement == nil {
			var err error
			if statement, err = tx.PrepareContext(ctx, inserting(table, columns)); err != nil {
				return err
			}
			defer statement.Close()
		}
		if _, err := statement.ExecContext(ctx, values(columns)...); err != nil {
			return fmt.Errorf("%s %d: %w", strings.TrimSuffix(table, "s"), i, err)
		}
	}
	return nil
}

// nanoseconds stores a time; the zero time is null.
type nanoseconds time.Time

// Value implements [driver.Valuer].
func (t *nanoseconds) Value() (driver.Value, error) {
	if time.Time(*t).IsZero() {
		return nil, nil
	}
	return time.Time(*t).UnixNano(), nil
}

// Scan implements [sql.Scanner].
func (t *nanoseconds) Scan(value any) error {
	if n, ok := value.(int64); ok {
		*t = nanoseconds(time.Unix(0, n).UTC())
	}
	return nil
}

// unsigned stores a 64-bit unsigned number in a signed column.
type unsigned uint64

// Value implements [driver.Valuer].
func (u *unsigned) Value() (driver.Value, error) { return int64(*u), nil }

// Scan implements [sql.Scanner].
func (u *unsigned) Scan(value any) error {
	n, ok := value.(int64)
	if !ok {
		return fmt.Errorf("expected a number, found %T", value)
	}
	*u = unsigned(n)
	return nil
}

// jsonColumn stores a list or an object as text; empty ones are read as nil.
type jsonColumn[T any] struct{ of *T }

func asJSON[T any](of *T) jsonColumn[T] { return jsonColumn[T]{of} }

// Value implements [driver.Valuer]. Objects have sorted keys.
func (c jsonColumn[T]) Value() (driver.Value, error) {
	text, err := json.Marshal(c.of)
	if string(text) == "null" {
		return empty(*c.of), nil
	}
	return string(text), err
}

// empty is the text for a nil list or object.
func empty(of any) string {
	if _, object := of.(map[string]string); object {
		return "{}"
	}
	return "[]"
}

// Scan implements [sql.Scanner].
func (c jsonColumn[T]) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("expected JSON text, found %T", value)
	}
	if text == "[]" || text == "{}" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), c.of); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}
