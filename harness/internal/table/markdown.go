package table

import (
	"bytes"
	"fmt"
	"strings"
)

var markdownFormat = &Format{Name: "md", render: func(b *bytes.Buffer, _ int, tables []Table) error {
	eachVisible(b, tables, func(t Table, titled bool) {
		if titled {
			fmt.Fprintf(b, "### %s\n\n", t.Title)
		}
		WriteMarkdown(b, t, nil)
	})
	return nil
}}

// WriteMarkdown writes a table with its footnotes. If link is not nil, it turns each value into a link to its first cell.
func WriteMarkdown(b *bytes.Buffer, t Table, link func(cell string) string) {
	t = Shown(t)
	notes := NotesOf(t)
	line := func(entry func(column int) string) {
		for i := range t.Columns {
			b.WriteString("| " + entry(i) + " ")
		}
		b.WriteString("|\n")
	}
	line(func(i int) string { return EscapeMarkdown(Heading(t.Columns[i])) })
	line(func(i int) string {
		if t.Columns[i].Key || t.Columns[i].Unit == "" {
			return "---"
		}
		return "---:"
	})
	for _, row := range t.Rows {
		line(func(i int) string { return markdownValue(row[i], notes, link) })
	}
	for _, n := range notes.All() {
		b.WriteString("\n" + EscapeMarkdown(n) + "\n")
	}
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

// Heading is a column's name, with an arrow in the direction that is better.
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

// EscapeMarkdown escapes a text so that it appears literally in a Markdown table.
func EscapeMarkdown(s string) string { return markdownEscapes.Replace(s) }
