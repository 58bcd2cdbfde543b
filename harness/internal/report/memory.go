package report

import (
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// addMemory shows the weights by class, and what a document takes.
func addMemory(ix *index, s *Section, cells []*record.Cell) {
	quantities := result.QuantitiesOf("memory")
	s.Tables = append(s.Tables, ix.weights(cells))
	for _, q := range quantities[1:] {
		if q.Optional {
			s.Tables = append(s.Tables, ix.measuredOnly(q, cells)...)
		} else {
			s.Tables = append(s.Tables, ix.Pivot(q, cells))
		}
	}
	s.Notes = append(s.Notes, agreement("State in memory", cells, result.StateFormula, result.StateBytes))
	ix.addGrowth(s, quantities, cells)
}

// weights is the table of weight bytes by class.
func (ix *index) weights(cells []*record.Cell) table.Table {
	t := table.Table{ID: "weights", Title: "Weights", Caption: "bytes in memory by class", Columns: table.Keys("model")}
	var classes []string
	for _, c := range cells {
		for _, s := range c.Samples {
			if s.Metric == result.WeightBytes.Metric && !slices.Contains(classes, s.Label) {
				classes = append(classes, s.Label)
			}
		}
	}
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
	for _, c := range cells {
		if c.Status != record.OK {
			continue
		}
		for _, class := range classes {
			row = append(row, classBytes(c, class))
		}
		return append(row, result.WeightBytes.Value(c))
	}
	for range len(classes) + 1 {
		row = append(row, result.Missing(cells[0]))
	}
	return row
}

func classBytes(c *record.Cell, class string) table.Value {
	for _, s := range c.Samples {
		if s.Metric == result.WeightBytes.Metric && s.Label == class {
			return table.Exact(stat.Exact([]float64{s.Value}), unit.Byte, c.ID)
		}
	}
	return table.Unavailable("no such class")
}
