package report

import (
	"cmp"
	"slices"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
)

// digest is one table of several quantities of the same cells, with their growth.
func (ix *index) digest(id string, quantities []*result.Quantity, cells []*record.Cell) table.Table {
	var tables []table.Table
	for _, q := range quantities {
		for _, t := range ix.pivots([]*result.Quantity{q}, cells) {
			tables = append(tables, withGrowth(t, ix, q, cells))
		}
	}
	t := stack(tables)
	t.ID = id
	if len(tables) > 1 {
		t.Title, t.Caption = cmp.Or(titles[id], sentenceCase(probe.Find(id).Summary)), result.NewGrid(cells, quantities[0].Main).Caption()
	}
	return t
}

// titles of tables of several quantities, by probe.
var titles = map[string]string{"prefill": "Reading a prompt", "decode": "Generating", "memory": "Memory of the weights and of one document", "cost": "Work by formula"}

// withGrowth adds a column with the exponents of a quantity's growth, if it has any.
func withGrowth(t table.Table, ix *index, q *result.Quantity, cells []*record.Cell) table.Table {
	if q.Growth == "" {
		return t
	}
	exponents := map[string]table.Value{}
	for _, row := range ix.Growth(q, cells).Rows {
		v := row[1]
		if remark := row[3].Text; v.Number != nil && remark != stat.PowerLawHolds && remark != table.None.Text {
			v.Notes = append(slices.Clone(v.Notes), remark)
		}
		exponents[row[0].Text] = v
	}
	model := slices.IndexFunc(t.Columns, func(c table.Column) bool { return c.Name == "model" })
	t.Columns = append(slices.Clone(t.Columns), table.Column{Name: "∝ N^e", ID: q.Name + "-exponent"})
	for i, row := range t.Rows {
		v, ok := exponents[row[model].Text]
		if !ok {
			v = table.None
		}
		delete(exponents, row[model].Text) // further rows of a model are at other points of the minor axes
		t.Rows[i] = append(slices.Clone(row), v)
	}
	return t
}

// stack puts tables below each other, with a column for their titles if there are several. A table without a column of another
// has a dash in it.
func stack(tables []table.Table) table.Table {
	if len(tables) == 1 {
		return tables[0]
	}
	all := table.Table{Columns: table.Keys("quantity")}
	for _, t := range tables {
		for _, c := range t.Columns {
			if c.Better = 0; !slices.ContainsFunc(all.Columns, func(o table.Column) bool { return o.Name == c.Name }) {
				all.Columns = append(all.Columns, c)
			}
		}
		all.Notes = append(all.Notes, t.Notes...)
	}
	slices.SortStableFunc(all.Columns, func(a, b table.Column) int { return rankOf(a) - rankOf(b) })
	for _, t := range tables {
		for _, row := range t.Rows {
			all.Rows = append(all.Rows, widened(t, row, all.Columns))
		}
	}
	return all
}

// rankOf puts keys first and exponents last.
func rankOf(c table.Column) int {
	switch {
	case c.Key:
		return 0
	case c.Name == "∝ N^e":
		return 2
	}
	return 1
}

// widened is a row of a table with the columns of a stack, of which the first is the table's title.
func widened(t table.Table, row []table.Value, columns []table.Column) []table.Value {
	out := []table.Value{table.Text(table.Heading(table.Column{Name: t.Title, Better: direction(t)}))}
	for _, c := range columns[1:] {
		v := table.None
		if i := slices.IndexFunc(t.Columns, func(o table.Column) bool { return o.Name == c.Name }); i >= 0 {
			v = row[i]
		}
		out = append(out, v)
	}
	return out
}

// direction is the better one of a table's first values.
func direction(t table.Table) int {
	for _, c := range t.Columns {
		if !c.Key {
			return c.Better
		}
	}
	return 0
}
