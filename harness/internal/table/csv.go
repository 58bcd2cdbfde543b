package table

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"github.com/archbench/archbench/internal/printable"
)

var csvFormat = &Format{Name: "csv", Programs: true, render: renderCSV}

// renderCSV writes the rows of the main table for programs, under one header.
func renderCSV(b *bytes.Buffer, _ int, tables []Table) error {
	t := mainOf(tables)
	f := t.Program()
	records := [][]string{f.Keys}
	for _, row := range f.Rows {
		record := make([]string, len(row))
		for i, v := range row {
			record[i] = Plain(v)
		}
		records = append(records, record)
	}
	if err := csv.NewWriter(b).WriteAll(records); err != nil {
		return fmt.Errorf("table %s as CSV: %w", t.ID, err)
	}
	return nil
}

// Plain writes a value as a CSV field: null is empty, and the elements of a list are joined with "; ".
func Plain(v any) string {
	switch v := Settled(v).(type) {
	case nil:
		return ""
	case string:
		return printable.Cell(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []float64:
		numbers := make([]string, len(v))
		for i, x := range v {
			numbers[i] = Plain(x)
		}
		return strings.Join(numbers, "; ")
	case []string:
		return printable.Cell(strings.Join(v, "; "))
	default:
		return fmt.Sprint(v)
	}
}
