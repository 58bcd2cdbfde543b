package table

import (
	"bytes"
	"io"
	"slices"

	"charm.land/lipgloss/v2"
)

// Format is a form that tables are written in.
type Format struct {
	Name string
	// Programs read it: all tables in one value, or the rows of the main one. People read the others, one table after the other.
	Programs bool
	render   func(b *bytes.Buffer, width int, tables []Table) error
}

// Formats lists the forms, the default first. A new one is a file and a line here.
var Formats = []*Format{textFormat, markdownFormat, csvFormat, jsonFormat, jsonLinesFormat}

// FormatNames lists the names of the forms.
func FormatNames() []string {
	names := make([]string, len(Formats))
	for i, f := range Formats {
		names[i] = f.Name
	}
	return names
}

// ForPrograms reports whether a form of that name is read by programs.
func ForPrograms(name string) bool {
	return slices.ContainsFunc(Formats, func(f *Format) bool { return f.Programs && f.Name == name })
}

// Write writes tables in the form of that name, for a terminal of a width (0: without limit), and with one write, so that its
// error tells of them all.
func Write(w io.Writer, name string, width int, tables ...Table) error {
	f := Formats[max(0, slices.Index(FormatNames(), name))]
	var b bytes.Buffer
	if err := f.render(&b, width, tables); err != nil {
		return err
	}
	if f == textFormat {
		_, err := lipgloss.Fprint(w, b.String()) // with the colours that w can show
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// mainOf is the table of a command that forms of a single one hold.
func mainOf(tables []Table) Table {
	return tables[max(0, slices.IndexFunc(tables, func(t Table) bool { return t.Main }))]
}

// eachSeen writes the tables that people see with a line between them, titled where there are several.
func eachSeen(b *bytes.Buffer, tables []Table, write func(t Table, titled bool) error) error {
	seen := slices.DeleteFunc(slices.Clone(tables), func(t Table) bool { return t.Columns == nil })
	for i, t := range seen {
		if i > 0 {
			b.WriteByte('\n')
		}
		if err := write(t, len(seen) > 1); err != nil {
			return err
		}
	}
	return nil
}
