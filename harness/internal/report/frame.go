package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/internal/printable"
)

// Frame holds the rows of a table for programs. Every row has all keys in their order; keys are snake_case and stable,
// numbers are in base units with all their digits, and a value that is not available is null. docs/output.md lists the
// keys of every command.
type Frame struct {
	Keys []string
	Rows [][]any // string, bool, int, float64, *float64, []string, time.Time or nil
}

// frame returns the rows of a table for programs: its own frame, else one key per column and the reason of what is n/a.
func (t Table) frame() Frame {
	if t.Frame != nil {
		return *t.Frame
	}
	var f Frame
	for _, c := range t.Columns {
		f.Keys = append(f.Keys, strings.ReplaceAll(c.id(), "-", "_"))
	}
	explains := slices.Contains(f.Keys, "reason")
	if !explains {
		f.Keys = append(f.Keys, "reason")
	}
	for _, row := range t.Rows {
		var record []any
		var reasons []string
		for _, v := range row {
			record = append(record, v.data())
			if v.Reason != "" && !slices.Contains(reasons, v.Reason) {
				reasons = append(reasons, v.Reason)
			}
		}
		if !explains {
			record = append(record, wordOr(strings.Join(reasons, "; ")))
		}
		f.Rows = append(f.Rows, record)
	}
	return f
}

// id names a column for programs: "bits-per-byte".
func (c Column) id() string {
	if c.ID != "" {
		return c.ID
	}
	return strings.Trim(slug(strings.ToLower(c.Name)), "-")
}

// data is a value for programs.
func (v Value) data() any {
	switch {
	case v.Data != nil:
		return v.Data
	case v.Number != nil:
		return *v.Number
	case v.Reason != "" || v.Text == none.Text || v.Text == "none":
		return nil
	}
	return wordOr(v.Text)
}

// wordOr is a word, or null for "".
func wordOr(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// direction says which side of a quantity is better: "higher", "lower" or null.
func direction(better int) any {
	switch {
	case better < 0:
		return "lower"
	case better > 0:
		return "higher"
	}
	return nil
}

// axisKeys are the axes of all probes: each is a key of its own in rows about cells.
func axisKeys() []string {
	var all []string
	for _, p := range probe.Table {
		for _, a := range p.Axes {
			if !slices.Contains(all, a.Name) {
				all = append(all, a.Name)
			}
		}
	}
	return all
}

// axisValues is a point as the values of axisKeys.
func axisValues(p record.Point) []any {
	var all []any
	for _, name := range axisKeys() {
		value := p.Get(name)
		if n, err := strconv.Atoi(value); err == nil {
			all = append(all, n)
		} else {
			all = append(all, wordOr(value))
		}
	}
	return all
}

// WriteCSV writes the rows of a table for programs, under one header.
func WriteCSV(w io.Writer, t Table) error {
	f := t.frame()
	records := [][]string{f.Keys}
	for _, row := range f.Rows {
		record := make([]string, len(row))
		for i, v := range row {
			record[i] = plain(v)
		}
		records = append(records, record)
	}
	if err := csv.NewWriter(w).WriteAll(records); err != nil {
		return fmt.Errorf("table %s as CSV: %w", t.ID, err)
	}
	return nil
}

// plain writes a value for a CSV: nothing for null, lists with "; " between their parts.
func plain(v any) string {
	switch v := settled(v).(type) {
	case nil:
		return ""
	case string:
		return printable.Cell(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []string:
		return printable.Cell(strings.Join(v, "; "))
	default:
		return fmt.Sprint(v)
	}
}

// settled is a value without pointers and with printable text, and null for what is no number or infinite, which JSON
// does not know, and for empty lists and times.
func settled(v any) any {
	switch v := v.(type) {
	case *float64:
		if v == nil {
			return nil
		}
		return settled(*v)
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
	case time.Time:
		if v.IsZero() {
			return nil
		}
		return v.UTC().Format(time.RFC3339Nano)
	}
	return v
}

// WriteJSONL writes the rows of a table for programs, one object per line.
func WriteJSONL(w io.Writer, t Table) error {
	var b bytes.Buffer
	f := t.frame()
	for _, row := range f.Rows {
		f.object(&b, row)
		b.WriteByte('\n')
	}
	_, err := w.Write(b.Bytes())
	return err
}

// WriteJSON writes the rows of one table for programs as an array of objects, or those of several as an object of such
// arrays under the tables' IDs.
func WriteJSON(w io.Writer, tables ...Table) error {
	var b bytes.Buffer
	tables = slices.DeleteFunc(slices.Clone(tables), func(t Table) bool { return len(t.frame().Keys) == 0 })
	if len(tables) == 1 {
		tables[0].frame().array(&b, "")
	} else {
		b.WriteByte('{')
		for i, t := range tables {
			separate(&b, i)
			b.WriteString("\n  " + strconv.Quote(strings.ReplaceAll(t.ID, "-", "_")) + ": ")
			t.frame().array(&b, "  ")
		}
		b.WriteString("\n}")
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

// array writes all rows, one a line.
func (f Frame) array(b *bytes.Buffer, indent string) {
	b.WriteByte('[')
	for i, row := range f.Rows {
		separate(b, i)
		b.WriteString("\n  " + indent)
		f.object(b, row)
	}
	if len(f.Rows) > 0 {
		b.WriteString("\n" + indent)
	}
	b.WriteByte(']')
}

// object writes a row with its keys in their order, which a map would not keep.
func (f Frame) object(b *bytes.Buffer, row []any) {
	b.WriteByte('{')
	for i, key := range f.Keys {
		separate(b, i)
		b.WriteString(strconv.Quote(key) + ":")
		enc := json.NewEncoder(b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(settled(row[i])); err != nil {
			panic(fmt.Sprintf("report: encode %s: %v", key, err)) // settled values have JSON
		}
		b.Truncate(b.Len() - 1) // Encode ends a line
	}
	b.WriteByte('}')
}

func separate(b *bytes.Buffer, i int) {
	if i > 0 {
		b.WriteByte(',')
	}
}
