// Package table holds tables independently of their output format: values with intervals, reasons and notes, for people
// and for programs. Each output format is a [Format] in its own file.
package table

import (
	"fmt"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/unit"
)

// Table is a table of a report or command. People see Columns and Rows; programs get Frame.
type Table struct {
	ID      string // stem of its file name
	Title   string
	Caption string
	Columns []Column // leading Key columns identify the row, the others hold values; none: for programs only
	Rows    [][]Value
	Notes   []string // caveats about the whole table
	Frame   *Frame   // rows for programs if they differ; nil: the same as for people; without keys: none
	Main    bool     // the one of a command's tables that CSV and JSON lines hold; default: the first
}

// Column is one column of a Table.
type Column struct {
	Name   string
	ID     string // for programs; "": derived from Name
	Unit   string // of Value.Number
	Key    bool
	Better int    // -1: lower is better, +1: higher
	Beside bool   // belongs to the column before: a table that is split for width keeps them together
	Spare  bool   // left out by a terminal that has no room for all columns of this name
	Part   string // class or component of the quantity in this column
	At     int    // position in a document of the values in this column
}

// Value is one entry of a table, for people and for programs.
type Value struct {
	Text   string   // "n/a (reason)" for a missing value, never empty
	Reason string   // why the value is missing; "" if it is not
	Number *float64 // in the column's unit
	Lo     *float64 // 95 % interval
	Hi     *float64
	N      int
	Data   any      // for programs, if neither Number nor Text
	Cells  []string // IDs of the cells it comes from
	Notes  []string // for example "beyond the trained context of 512"
	Best   bool     // significantly ahead of all others in its column
}

// None is an entry without content.
var None = Value{Text: "–"}

// Text is a value that is only text.
func Text(s string) Value { return Value{Text: s} }

// Keys are columns that identify a row.
func Keys(names ...string) []Column {
	columns := make([]Column, len(names))
	for i, n := range names {
		columns[i] = Column{Name: n, Key: true}
	}
	return columns
}

// Unavailable is a missing value with its reason.
func Unavailable(reason string) Value { return Value{Text: record.NA(reason), Reason: reason} }

// widest is the largest relative half-width written as ±; wider intervals are too asymmetric and show both ends.
const widest = 0.3

// Measured writes an estimate with the half-width of its interval: "412.1 ms ±1.2 %". Without an interval it shows the
// number of samples instead.
func Measured(e stat.Estimate, name string, cells ...string) Value {
	v := Pointwise(e, name, cells...)
	switch {
	case v.Reason != "" || e.Lo == e.Hi:
	case e.RelativeHalfWidth() > widest && e.Bounded():
		v.Text += " [" + unit.Format(e.Lo, name) + ", " + unit.Format(e.Hi, name) + "]"
	case e.Bounded():
		v.Text += " ±" + unit.Percent(e.RelativeHalfWidth())
	default:
		v.Text += " (n=" + unit.Number(float64(e.N)) + ")"
	}
	return v
}

// Exact writes an estimate of a noise-free quantity.
func Exact(e stat.Estimate, name string, cells ...string) Value {
	if e.Valid() && len(e.Warnings) == 0 {
		e.Lo, e.Hi = e.Value, e.Value
	}
	return Measured(e, name, cells...)
}

// Number writes a noise-free number.
func Number(v float64, name string, cells ...string) Value {
	return Exact(stat.Exact([]float64{v}), name, cells...)
}

// Ranged writes an estimate with both ends of its interval, for exponents, ratios and differences.
func Ranged(e stat.Estimate, format func(float64) string, cells ...string) Value {
	v := pointwise(e, format, cells)
	switch {
	case v.Reason != "":
	case e.Bounded():
		v.Text += " [" + format(e.Lo) + ", " + format(e.Hi) + "]"
	default:
		v.Text += " (no interval: n=" + unit.Number(float64(e.N)) + ")"
	}
	return v
}

// Pointwise writes an estimate without its interval.
func Pointwise(e stat.Estimate, name string, cells ...string) Value {
	return pointwise(e, func(v float64) string { return unit.Format(v, name) }, cells)
}

func pointwise(e stat.Estimate, format func(float64) string, cells []string) Value {
	if !e.Valid() {
		return Unavailable(strings.Join(e.Warnings, "; "))
	}
	v := Value{Text: format(e.Value), Number: &e.Value, N: e.N, Cells: cells, Notes: e.Warnings}
	if e.Bounded() {
		v.Lo, v.Hi = &e.Lo, &e.Hi
	}
	return v
}

// Words makes an empty table of text whose first column is the key.
func Words(id, title string, columns []string) Table {
	t := Table{ID: id, Title: title}
	for i, name := range columns {
		t.Columns = append(t.Columns, Column{Name: name, Key: i == 0})
	}
	return t
}

// Add appends a row. Strings and integers are written as they are, lists are joined with spaces, and a [Value] is taken
// unchanged.
func (t *Table) Add(entries ...any) {
	row := make([]Value, len(entries))
	for i, e := range entries {
		switch e := e.(type) {
		case Value:
			row[i] = e
		case []string:
			row[i] = Value{Text: strings.Join(e, " "), Data: e}
		case string:
			row[i] = Text(e)
		default:
			row[i] = Value{Text: fmt.Sprint(e), Data: e}
		}
	}
	t.Rows = append(t.Rows, row)
}

// Figure is a number with its text for people.
func Figure(words string, number float64, cells ...string) Value {
	return Value{Text: words, Number: &number, Cells: cells}
}

// Hash shows people the start of a sha256 and gives programs all of it; "" is n/a with the reason.
func Hash(sha256, reason string) Value {
	if sha256 == "" {
		return Unavailable(reason)
	}
	return Value{Text: Short(sha256), Data: sha256}
}

// shortID is the number of characters shown of a cell's ID; `archbench show` takes any unique prefix.
const shortID = 10

// Short shortens a cell's ID or a hash for people.
func Short(id string) string { return id[:min(len(id), shortID)] }

// Slug makes a string that is safe in file names and anchors.
func Slug(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, s)
}
