// Package table holds tables before they take a form: values with their intervals, reasons and notes, for people and for
// programs. Each form of output is a [Format], in a file of its own.
package table

import (
	"fmt"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/unit"
)

// Table is a table of a report or of a command, before it takes one of the output forms: Columns and Rows are what
// people see, the frame what programs get.
type Table struct {
	ID      string // stem of its file name
	Title   string
	Caption string
	Columns []Column // the leading Key columns say what a row is about, the others hold values; none: for programs only
	Rows    [][]Value
	Notes   []string // what a reader must know about the whole table
	Frame   *Frame   // where programs get other rows than people; nil: the same; one without keys: for people only
	Main    bool     // of several tables of a command, the one that CSV and JSON lines hold; else it is the first
}

// Column is one column of a Table.
type Column struct {
	Name   string
	ID     string // for programs; "" is made from the name
	Unit   string // of Value.Number
	Key    bool
	Better int    // -1: lower is better, +1: higher
	Part   string // of the quantity that the column holds: a class, a component; ""
	At     int    // position in a document that the column holds; 0
}

// Value is one entry of a table: as people read it, and as programs do.
type Value struct {
	Text   string   // never empty where a value was expected: "n/a (reason)" instead
	Reason string   // why there is no value; "" where there is one
	Number *float64 // in the column's unit
	Lo     *float64 // 95 % interval
	Hi     *float64
	N      int
	Data   any      // for programs, where it is neither Number nor Text
	Cells  []string // IDs of the cells that it comes from
	Notes  []string // for example "beyond the trained context of 512"
	Best   bool     // shown to be ahead of all others of its column
}

// None stands where there is nothing to say.
var None = Value{Text: "–"}

// Text is a value that is only words.
func Text(s string) Value { return Value{Text: s} }

// Keys are columns that say what a row is about.
func Keys(names ...string) []Column {
	columns := make([]Column, len(names))
	for i, n := range names {
		columns[i] = Column{Name: n, Key: true}
	}
	return columns
}

// Unavailable is a value that was not measured.
func Unavailable(reason string) Value { return Value{Text: record.NA(reason), Reason: reason} }

// widest is the half-width of an interval from which on both of its ends are written: it is then far from symmetric.
const widest = 0.3

// Measured writes an estimate with the half-width of its interval: "412.1 ms ±1.2 %". Too few samples for an
// interval show their number instead.
func Measured(e stat.Estimate, name string, cells ...string) Value {
	if !e.Valid() {
		return Unavailable(strings.Join(append([]string{}, e.Warnings...), "; "))
	}
	v := numbered(e, cells)
	v.Text = unit.Format(e.Value, name)
	switch {
	case e.Lo == e.Hi:
	case e.RelativeHalfWidth() > widest && e.Bounded():
		v.Text += " [" + unit.Format(e.Lo, name) + ", " + unit.Format(e.Hi, name) + "]"
	case e.Bounded():
		v.Text += " ±" + unit.Percent(e.RelativeHalfWidth())
	default:
		v.Text += " (n=" + unit.Number(float64(e.N)) + ")"
	}
	return v
}

// Exact writes an estimate of something without noise.
func Exact(e stat.Estimate, name string, cells ...string) Value {
	if e.Valid() && len(e.Warnings) == 0 {
		e.Lo, e.Hi = e.Value, e.Value
	}
	return Measured(e, name, cells...)
}

// Number writes a number without noise.
func Number(v float64, name string, cells ...string) Value {
	return Exact(stat.Exact([]float64{v}), name, cells...)
}

// Ranged writes an estimate with both ends of its interval, for exponents, ratios and differences.
func Ranged(e stat.Estimate, format func(float64) string, cells ...string) Value {
	if !e.Valid() {
		return Unavailable(strings.Join(e.Warnings, "; "))
	}
	v := numbered(e, cells)
	v.Text = format(e.Value)
	if e.Bounded() {
		v.Text += " [" + format(e.Lo) + ", " + format(e.Hi) + "]"
	} else {
		v.Text += " (no interval: n=" + unit.Number(float64(e.N)) + ")"
	}
	return v
}

// Pointwise writes an estimate that has no interval.
func Pointwise(e stat.Estimate, name string, cells ...string) Value {
	if !e.Valid() {
		return Unavailable(strings.Join(e.Warnings, "; "))
	}
	v := numbered(e, cells)
	v.Text = unit.Format(e.Value, name)
	return v
}

func numbered(e stat.Estimate, cells []string) Value {
	v := Value{Number: &e.Value, N: e.N, Cells: cells, Notes: e.Warnings}
	if e.Bounded() {
		v.Lo, v.Hi = &e.Lo, &e.Hi
	}
	return v
}

// Words makes an empty table of words, the first column being its key.
func Words(id, title string, columns []string) Table {
	t := Table{ID: id, Title: title}
	for i, name := range columns {
		t.Columns = append(t.Columns, Column{Name: name, Key: i == 0})
	}
	return t
}

// Add appends a row: words and whole numbers stand for themselves, lists are joined by spaces, and a [Value] says more.
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

// Figure is a number as people read it.
func Figure(words string, number float64) Value { return Value{Text: words, Number: &number} }

// Hash shows the start of a sha256 to people and all of it to programs; "" is n/a for the reason.
func Hash(sha256, reason string) Value {
	if sha256 == "" {
		return Unavailable(reason)
	}
	return Value{Text: Short(sha256), Data: sha256}
}

// shortID is how many characters of a cell's ID are shown; `archbench show` takes any unique prefix.
const shortID = 10

// Short shortens the ID of a cell for people.
func Short(id string) string { return id[:min(len(id), shortID)] }

// Slug makes a word that is safe in file names and anchors.
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
