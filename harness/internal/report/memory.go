package report

import (
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// addMemory shows the memory of the weights and of a document. The weights by class are for programs.
func addMemory(ix *index, s *Section, cells []*record.Cell) {
	quantities := result.QuantitiesOf("memory")
	s.Data = append(append(s.Data, ix.weights(cells)), ix.pivots(quantities[1:], cells)...)
	found := slices.DeleteFunc(slices.Clone(quantities), func(q *result.Quantity) bool { return q.Name == result.StateFormula.Name })
	s.Tables = append(s.Tables, ix.digest("memory", found, cells))
	s.Notes = append(s.Notes, agreement("State in memory", cells, result.StateFormula, result.StateBytes))
	ix.addGrowth(s, quantities, cells)
}

// weights is the table of weight bytes by class.
func (ix *index) weights(cells []*record.Cell) table.Table {
	t := table.Table{ID: "weights", Title: "Weights", Caption: "bytes in memory by class", Columns: table.Keys("model")}
	var parts []record.Sample
	for _, c := range cells {
		parts = append(parts, c.Of(result.WeightBytes.Metric)...)
	}
	classes := result.Distinct(parts, func(s record.Sample) string { return s.Label })
	for _, class := range append(classes, "total") {
		t.Columns = append(t.Columns, table.Column{Name: class, ID: result.WeightBytes.Name, Part: strings.TrimSuffix(class, "total"), Unit: unit.Byte})
	}
	for _, m := range ix.ModelsOf(cells) {
		t.Rows = append(t.Rows, weightsRow(m, classes, result.OfModel(cells, m.Name)))
	}
	return t
}

func weightsRow(m *record.Model, classes []string, cells []*record.Cell) []table.Value {
	row := []table.Value{table.Text(m.Name)}
	at := slices.IndexFunc(cells, func(c *record.Cell) bool { return c.Status == record.OK })
	for _, class := range classes {
		row = append(row, classBytes(cells[max(0, at)], class))
	}
	return append(row, result.WeightBytes.Value(cells[max(0, at)]))
}

func classBytes(c *record.Cell, class string) table.Value {
	if c.Status != record.OK {
		return result.Missing(c)
	}
	for _, s := range c.Of(result.WeightBytes.Metric) {
		if s.Label == class {
			return table.Number(s.Value, unit.Byte, c.ID)
		}
	}
	return table.Unavailable("no such class")
}
