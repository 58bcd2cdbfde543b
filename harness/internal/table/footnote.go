package table

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// longReason is the length in characters from which a reason is too long for an entry of a table.
const longReason = 32

// Shown is a table as people see it: long reasons for missing values move to footnotes, so that they do not widen
// columns. A table of at most two columns has room for them.
func Shown(t Table) Table {
	if len(t.Columns) <= 2 {
		return t
	}
	rows := make([][]Value, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = slices.Clone(row)
		for j, v := range row {
			if utf8.RuneCountInString(v.Reason) >= longReason {
				rows[i][j].Text, rows[i][j].Notes = "n/a", append([]string{v.Reason}, v.Notes...)
			}
		}
	}
	t.Rows = rows
	return t
}

// Footnotes are the notes below a table: those of its values, numbered in order of appearance, then those of the table.
type Footnotes struct{ list, table []string }

// NotesOf collects the footnotes of a table.
func NotesOf(t Table) *Footnotes {
	f := &Footnotes{table: t.Notes}
	for _, row := range t.Rows {
		for _, v := range row {
			for _, n := range v.Notes {
				if n != "" && !slices.Contains(f.list, n) {
					f.list = append(f.list, n)
				}
			}
		}
	}
	return f
}

// Marks returns the numbers of a value's notes: "1,3".
func (f *Footnotes) Marks(v Value) string {
	var numbers []string
	for i, n := range f.list {
		if slices.Contains(v.Notes, n) {
			numbers = append(numbers, strconv.Itoa(i+1))
		}
	}
	return strings.Join(numbers, ",")
}

// All returns the notes of values as "[1] note", then the notes of the table.
func (f *Footnotes) All() []string {
	return f.marked(func(number string) string { return "[" + number + "]" })
}

// marked returns all notes, those of values with their marks.
func (f *Footnotes) marked(mark func(number string) string) []string {
	out := make([]string, len(f.list))
	for i, n := range f.list {
		out[i] = mark(strconv.Itoa(i+1)) + " " + n
	}
	return append(out, f.table...)
}
