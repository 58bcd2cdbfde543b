package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/archbench/archbench/internal/printable"
)

// WriteCSV writes a table for programs: one line per value where the table holds measurements, else one line per row.
// Numbers are in base units with all their digits.
func WriteCSV(w io.Writer, t Table) error {
	out := csv.NewWriter(w)
	if err := out.WriteAll(t.records()); err != nil {
		return fmt.Errorf("table %s as CSV: %w", t.ID, err)
	}
	return nil
}

// records lays a table out for CSV.
func (t Table) records() [][]string {
	if !t.measured() {
		return t.plain()
	}
	var header []string
	for _, c := range t.Columns {
		if c.Key {
			header = append(header, printable.Cell(c.Name))
		}
	}
	records := [][]string{append(header, "quantity", "value", "lo", "hi", "n", "unit", "text", "notes", "cells")}
	for _, row := range t.Rows {
		var key []string
		for i, v := range row {
			if t.Columns[i].Key {
				key = append(key, v.cell())
				continue
			}
			n := ""
			if v.N > 0 {
				n = strconv.Itoa(v.N)
			}
			record := append([]string{}, key...)
			records = append(records, append(record, printable.Cell(t.Columns[i].Name), digits(v.Number), digits(v.Lo), digits(v.Hi), n,
				t.Columns[i].Unit, v.cell(), printable.Cell(strings.Join(v.Notes, "; ")), strings.Join(v.Cells, " ")))
		}
	}
	return records
}

// plain is one record per row, with the words that people read.
func (t Table) plain() [][]string {
	header := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		header[i] = printable.Cell(c.Name)
	}
	records := [][]string{header}
	for _, row := range t.Rows {
		record := make([]string, len(row))
		for i, v := range row {
			record[i] = v.cell()
			if v.Number != nil {
				record[i] = digits(v.Number)
			}
		}
		records = append(records, record)
	}
	return records
}

// cell is a value's text in CSV. Only our own texts have a number, and may begin with its sign.
func (v Value) cell() string {
	if v.Number != nil {
		return v.Text
	}
	return printable.Cell(v.Text)
}

// measured reports whether a table's values come from cells.
func (t Table) measured() bool {
	for _, c := range t.Columns {
		if !c.Key && c.Unit != "" && t.ID != "cells" && t.ID != "warnings" && t.ID != "models" {
			return true
		}
	}
	return false
}

func digits(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}

// WriteMarkdown writes a table with its footnotes. Where link is set, numbers are linked to their cells.
func WriteMarkdown(w io.Writer, t Table, link func(cell string) string) error {
	var b bytes.Buffer
	notes := notesOf(t)
	for i, c := range t.Columns {
		b.WriteString("| " + escapeMarkdown(Heading(c)) + " ")
		if i == len(t.Columns)-1 {
			b.WriteString("|\n")
		}
	}
	for i, c := range t.Columns {
		align := "---:"
		if c.Key || c.Unit == "" {
			align = "---"
		}
		b.WriteString("| " + align + " ")
		if i == len(t.Columns)-1 {
			b.WriteString("|\n")
		}
	}
	for _, row := range t.Rows {
		for _, v := range row {
			b.WriteString("| " + markdownValue(v, notes, link) + " ")
		}
		b.WriteString("|\n")
	}
	for _, n := range append(notes.numbered(), t.Notes...) {
		b.WriteString("\n" + escapeMarkdown(n) + "\n")
	}
	_, err := w.Write(b.Bytes())
	return err
}

func markdownValue(v Value, notes *footnotes, link func(string) string) string {
	s := escapeMarkdown(v.Text)
	if v.Best {
		s = "**" + s + "**"
	}
	if link != nil && len(v.Cells) > 0 {
		s = "[" + s + "](" + link(v.Cells[0]) + ")"
	}
	if marks := notes.marks(v); marks != "" {
		s += " \\[" + marks + "\\]"
	}
	return s
}

// Heading is a column's name with an arrow to its better side.
func Heading(c Column) string {
	switch c.Better {
	case -1:
		return c.Name + " ↓"
	case +1:
		return c.Name + " ↑"
	}
	return c.Name
}

var markdown = strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "\r", "", "\n", "<br>")

// escapeMarkdown makes a text stand for itself within a table.
func escapeMarkdown(s string) string { return markdown.Replace(s) }

// WriteJSON writes a value as indented JSON.
func WriteJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// WriteJSONL writes one JSON object per row of a table, with the column names as keys.
func WriteJSONL(w io.Writer, t Table) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, row := range t.Rows {
		object := make(map[string]any, len(row))
		for i, v := range row {
			object[t.Columns[i].Name] = v
			if t.Columns[i].Key {
				object[t.Columns[i].Name] = v.Text
			}
		}
		if err := enc.Encode(object); err != nil {
			return fmt.Errorf("table %s as JSONL: %w", t.ID, err)
		}
	}
	return nil
}
