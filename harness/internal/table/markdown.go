package table

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

var markdownFormat = &Format{Name: "md", render: func(b *bytes.Buffer, _ int, tables []Table) error {
	return eachSeen(b, tables, func(t Table, titled bool) error {
		if titled {
			fmt.Fprintf(b, "### %s\n\n", t.Title)
		}
		return WriteMarkdown(b, t, nil)
	})
}}

// WriteMarkdown writes a table with its footnotes. Where link is set, numbers are linked to their cells.
func WriteMarkdown(w io.Writer, t Table, link func(cell string) string) error {
	var b bytes.Buffer
	t = Shown(t)
	notes := NotesOf(t)
	for i, c := range t.Columns {
		b.WriteString("| " + EscapeMarkdown(Heading(c)) + " ")
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
	for _, n := range notes.All() {
		b.WriteString("\n" + EscapeMarkdown(n) + "\n")
	}
	_, err := w.Write(b.Bytes())
	return err
}

func markdownValue(v Value, notes *Footnotes, link func(string) string) string {
	s := EscapeMarkdown(v.Text)
	if v.Best {
		s = "**" + s + "**"
	}
	if link != nil && len(v.Cells) > 0 {
		s = "[" + s + "](" + link(v.Cells[0]) + ")"
	}
	if marks := notes.Marks(v); marks != "" {
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

var markdownEscapes = strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "\r", "", "\n", "<br>")

// EscapeMarkdown makes a text stand for itself within a table.
func EscapeMarkdown(s string) string { return markdownEscapes.Replace(s) }
