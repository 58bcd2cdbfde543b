package table

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

var (
	jsonFormat      = &Format{Name: "json", Programs: true, render: renderJSON}
	jsonLinesFormat = &Format{Name: "jsonl", Programs: true, render: renderJSONLines}
)

// renderJSONLines writes the rows of the main table for programs, one object per line.
func renderJSONLines(b *bytes.Buffer, _ int, tables []Table) error {
	f := mainOf(tables).Program()
	for _, row := range f.Rows {
		f.object(b, row)
		b.WriteByte('\n')
	}
	return nil
}

// renderJSON writes the rows of one table for programs as an array of objects. Several tables become an object that
// holds their arrays under their IDs.
func renderJSON(b *bytes.Buffer, _ int, tables []Table) error {
	tables = slices.DeleteFunc(slices.Clone(tables), func(t Table) bool { return len(t.Program().Keys) == 0 })
	if len(tables) == 1 {
		tables[0].Program().array(b, "")
	} else {
		b.WriteByte('{')
		for i, t := range tables {
			separate(b, i)
			b.WriteString("\n  " + strconv.Quote(strings.ReplaceAll(t.ID, "-", "_")) + ": ")
			t.Program().array(b, "  ")
		}
		b.WriteString("\n}")
	}
	b.WriteByte('\n')
	return nil
}

// array writes all rows, one per line.
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

// object writes a row with its keys in order, which encoding a map would not keep.
func (f Frame) object(b *bytes.Buffer, row []any) {
	b.WriteByte('{')
	for i, key := range f.Keys {
		separate(b, i)
		b.WriteString(strconv.Quote(key) + ":")
		enc := json.NewEncoder(b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(Settled(row[i])); err != nil {
			panic(fmt.Sprintf("table: encode %s: %v", key, err)) // every settled value can be encoded
		}
		b.Truncate(b.Len() - 1) // Encode appends a newline
	}
	b.WriteByte('}')
}

func separate(b *bytes.Buffer, i int) {
	if i > 0 {
		b.WriteByte(',')
	}
}
