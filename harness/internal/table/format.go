package table

import (
	"bytes"
	"io"
	"slices"

	"charm.land/lipgloss/v2"
)

// Format is an output format of tables.
type Format struct {
	Name     string
	Programs bool // for programs: all tables as one value, or only the rows of the main one; else for people: one table after the other
	render   func(b *bytes.Buffer, width int, tables []Table) error
}

// Formats lists the formats, the default first. A new one takes a file and a line here.
var Formats = []*Format{textFormat, markdownFormat, csvFormat, jsonFormat, jsonLinesFormat}

// FormatNames lists the names of the formats.
func FormatNames() []string {
	names := make([]string, len(Formats))
	for i, f := range Formats {
		names[i] = f.Name
	}
	return names
}

// ForPrograms reports whether the format with that name is for programs.
func ForPrograms(name string) bool {
	return slices.ContainsFunc(Formats, func(f *Format) bool { return f.Programs && f.Name == name })
}

// Write writes tables in the format with that name, for a terminal of a given width (0: no limit). It calls w.Write only
// once, so one error covers all tables.
func Write(w io.Writer, name string, width int, tables ...Table) error {
	f := Formats[max(0, slices.Index(FormatNames(), name))]
	var b bytes.Buffer
	if err := f.render(&b, width, tables); err != nil {
		return err
	}
	if f == textFormat {
		_, err := lipgloss.Fprint(w, b.String()) // drops the colours that w cannot show
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// mainOf is the one table that a format for a single table holds.
func mainOf(tables []Table) Table {
	return tables[max(0, slices.IndexFunc(tables, func(t Table) bool { return t.Main }))]
}

// eachVisible writes the tables that people see, separated by blank lines. They have titles if there are several.
func eachVisible(b *bytes.Buffer, tables []Table, write func(t Table, titled bool)) {
	visible := slices.DeleteFunc(slices.Clone(tables), func(t Table) bool { return t.Columns == nil })
	for i, t := range visible {
		if i > 0 {
			b.WriteByte('\n')
		}
		write(t, len(visible) > 1)
	}
}
