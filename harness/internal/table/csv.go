package table

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/archbench/archbench/internal/printable"
)

var csvFormat = &Format{Name: "csv", Programs: true, render: func(b *bytes.Buffer, _ int, tables []Table) error {
	return WriteCSV(b, mainOf(tables))
}}

// WriteCSV writes the rows of a table for programs, under one header.
func WriteCSV(w io.Writer, t Table) error {
	f := t.Program()
	records := [][]string{f.Keys}
	for _, row := range f.Rows {
		record := make([]string, len(row))
		for i, v := range row {
			record[i] = Plain(v)
		}
		records = append(records, record)
	}
	if err := csv.NewWriter(w).WriteAll(records); err != nil {
		return fmt.Errorf("table %s as CSV: %w", t.ID, err)
	}
	return nil
}

// Plain writes a value for a CSV: nothing for null, lists with "; " between their parts.
func Plain(v any) string {
	switch v := Settled(v).(type) {
	case nil:
		return ""
	case string:
		return printable.Cell(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []string:
		return printable.Cell(strings.Join(v, "; "))
	default:
		return fmt.Sprint(v)
	}
}
