package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// wordy is from how many characters on a reason is too long for an entry of a table.
const wordy = 32

// Shown is a table as people see it: a long reason why a value is missing is a footnote, so that it widens no column. A
// table of two columns has the room.
func Shown(t Table) Table {
	if len(t.Columns) <= 2 {
		return t
	}
	rows := make([][]Value, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = slices.Clone(row)
		for j, v := range row {
			if utf8.RuneCountInString(v.Reason) >= wordy {
				rows[i][j].Text, rows[i][j].Notes = "n/a", append([]string{v.Reason}, v.Notes...)
			}
		}
	}
	t.Rows = rows
	return t
}

// footnotes numbers the notes of a table's values in the order of their appearance.
type footnotes struct{ list []string }

func notesOf(t Table) *footnotes {
	f := &footnotes{}
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

// marks returns the numbers of a value's notes: "1,3".
func (f *footnotes) marks(v Value) string {
	var numbers []string
	for i, n := range f.list {
		if slices.Contains(v.Notes, n) {
			numbers = append(numbers, strconv.Itoa(i+1))
		}
	}
	return strings.Join(numbers, ",")
}

// numbered returns "[1] note" for each note.
func (f *footnotes) numbered() []string {
	out := make([]string, len(f.list))
	for i, n := range f.list {
		out[i] = fmt.Sprintf("[%d] %s", i+1, n)
	}
	return out
}

// Footnotes returns what stands below a table: the numbered notes of its values, then those of the table itself.
func Footnotes(t Table) []string { return append(notesOf(t).numbered(), t.Notes...) }

// Marks returns the numbers of a value's footnotes: "1,3", or "".
func Marks(t Table, v Value) string {
	if len(v.Notes) == 0 {
		return ""
	}
	return notesOf(t).marks(v)
}
