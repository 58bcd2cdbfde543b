package table

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/archbench/archbench/internal/printable"
)

// Frame holds the rows of a table for programs. Every row has all keys in order. Keys are stable and in snake_case,
// numbers have full precision in base units, and missing values are null. docs/output.md lists the keys of every command.
type Frame struct {
	Keys []string
	Rows [][]any // string, bool, int, float64, *float64, []float64, []string, time.Time or nil
}

// Program returns the rows of a table for programs: its frame if it has one, else one key per column and the reasons for
// missing values.
func (t Table) Program() Frame {
	if t.Frame != nil {
		return *t.Frame
	}
	var f Frame
	for _, c := range t.Columns {
		f.Keys = append(f.Keys, strings.ReplaceAll(c.Field(), "-", "_"))
	}
	explains := slices.Contains(f.Keys, "reason")
	if !explains {
		f.Keys = append(f.Keys, "reason")
	}
	for _, row := range t.Rows {
		var record []any
		var reasons []string
		for _, v := range row {
			record = append(record, v.Program())
			if v.Reason != "" && !slices.Contains(reasons, v.Reason) {
				reasons = append(reasons, v.Reason)
			}
		}
		if !explains {
			record = append(record, Word(strings.Join(reasons, "; ")))
		}
		f.Rows = append(f.Rows, record)
	}
	return f
}

// Field names a column for programs: "bits-per-byte".
func (c Column) Field() string {
	if c.ID != "" {
		return c.ID
	}
	return strings.Trim(Slug(strings.ToLower(c.Name)), "-")
}

// Program returns the value for programs; nil is null.
func (v Value) Program() any {
	switch {
	case v.Data != nil:
		return v.Data
	case v.Number != nil:
		return *v.Number
	case v.Reason != "" || v.Text == None.Text || v.Text == "none":
		return nil
	}
	return Word(v.Text)
}

// Word returns a string for programs; "" is null.
func Word(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// Known returns a number for programs; 0 means unknown and is null.
func Known[T int | int64](n T) any {
	if n == 0 {
		return nil
	}
	return n
}

// Direction says which side of a quantity is better: "higher", "lower" or null.
func Direction(better int) any {
	switch {
	case better < 0:
		return "lower"
	case better > 0:
		return "higher"
	}
	return nil
}

// Settled prepares a value for encoding: it follows pointers, makes text printable and formats times. NaN and infinities,
// which JSON lacks, become null, and so do empty lists and zero times.
func Settled(v any) any {
	switch v := v.(type) {
	case *float64:
		if v == nil {
			return nil
		}
		return Settled(*v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
	case string:
		return printable.Text(v)
	case []string:
		if len(v) == 0 {
			return nil
		}
		lines := make([]string, len(v))
		for i, line := range v {
			lines[i] = printable.Text(line)
		}
		return lines
	case []float64:
		if len(v) == 0 {
			return nil
		}
	case time.Time:
		if v.IsZero() {
			return nil
		}
		return v.UTC().Format(time.RFC3339Nano)
	}
	return v
}
