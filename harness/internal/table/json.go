package table

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

var jsonFormat = &Format{Name: "json", Programs: true, render: func(b *bytes.Buffer, _ int, tables []Table) error {
	return WriteJSON(b, tables...)
}}

var jsonLinesFormat = &Format{Name: "jsonl", Programs: true, render: func(b *bytes.Buffer, _ int, tables []Table) error {
	return WriteJSONL(b, mainOf(tables))
}}

// WriteJSONL writes the rows of a table for programs, one object per line.
func WriteJSONL(w io.Writer, t Table) error {
	var b bytes.Buffer
	f := t.Program()
	for _, row := range f.Rows {
		f.object(&b, row)
		b.WriteByte('\n')
	}
	_, err := w.Write(b.Bytes())
	return err
}

// WriteJSON writes the rows of one table for programs as an array of objects, or those of several as an object of such
// arrays under the tables' IDs.
func WriteJSON(w io.Writer, tables ...Table) error {
	var b bytes.Buffer
	tables = slices.DeleteFunc(slices.Clone(tables), func(t Table) bool { return len(t.Program().Keys) == 0 })
	if len(tables) == 1 {
		tables[0].Program().array(&b, "")
	} else {
		b.WriteByte('{')
		for i, t := range tables {
			separate(&b, i)
			b.WriteString("\n  " + strconv.Quote(strings.ReplaceAll(t.ID, "-", "_")) + ": ")
			t.Program().array(&b, "  ")
		}
		b.WriteString("\n}")
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

// array writes all rows, one a line.
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

// object writes a row with its keys in their order, which a map would not keep.
func (f Frame) object(b *bytes.Buffer, row []any) {
	b.WriteByte('{')
	for i, key := range f.Keys {
		separate(b, i)
		b.WriteString(strconv.Quote(key) + ":")
		enc := json.NewEncoder(b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(Settled(row[i])); err != nil {
			panic(fmt.Sprintf("table: encode %s: %v", key, err)) // settled values have JSON
		}
		b.Truncate(b.Len() - 1) // Encode ends a line
	}
	b.WriteByte('}')
}

func separate(b *bytes.Buffer, i int) {
	if i > 0 {
		b.WriteByte(',')
	}
}
