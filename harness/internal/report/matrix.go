package report

import (
	"strings"

	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/table"
)

// Matrix shows how each model stands in each question.
type Matrix struct {
	Questions []string // "Prefill speed, len 8K"
	Models    []string
	Cells     [][]MatrixCell // by model, then by question
}

// MatrixCell is how a model stands in a question.
type MatrixCell struct {
	State    string   // "won", "tied", "lost" or "n/a"
	Value    string   // of the model, or why there is none
	Interval string   // how far it is ahead or behind, with the 95 % interval, or why that cannot be told
	Notes    []string // that the value is suspect, and why; what would settle an undecided comparison
	CellIDs  []string
}

// matrix shows the decisive questions.
func (ix *index) matrix(questions []result.Question) (m Matrix) {
	decisive := result.Decisive(questions)
	settle := ix.settling(decisive)
	for _, q := range decisive {
		m.Questions = append(m.Questions, titleOf(q))
	}
	if decisive == nil {
		return m
	}
	for _, f := range ix.Families {
		m.Models = append(m.Models, f.Name)
		var row []MatrixCell
		for _, q := range decisive {
			row = append(row, ix.matrixCell(q, f, settle))
		}
		m.Cells = append(m.Cells, row)
	}
	return m
}

// titleOf is "Prefill speed, len 8K, batch 1".
func titleOf(q result.Question) string { return strings.TrimSuffix(q.Quantity.Title+", "+q.At, ", ") }

// settling is the note of undecided comparisons that more blocks can decide.
func (ix *index) settling(questions []result.Question) string {
	s := ix.Settling(questions)
	if s.Comparisons == 0 {
		return ""
	}
	return "undecided; to narrow to " + s.Width + ": " + s.Command
}

// matrixCell is the entry of a model in a question. settle is the note of the questions that more blocks can decide.
func (ix *index) matrixCell(q result.Question, f result.Family, settle string) MatrixCell {
	s := q.Standing(f)
	c := MatrixCell{State: string(s.State), Value: s.Value.Text, Interval: s.Lead, CellIDs: s.Cells}
	if s.Note != "" {
		c.Notes = append(c.Notes, s.Note)
	}
	if s.State == result.Tied && ix.Settling([]result.Question{q}).Comparisons > 0 {
		c.Notes = append(c.Notes, settle)
	}
	return c
}

// table is the matrix with a row per question, for readers without a page.
func (m Matrix) table() table.Table {
	t := table.Table{ID: "matrix", Title: "Who wins", Columns: table.Keys("question")}
	for _, name := range m.Models {
		t.Columns = append(t.Columns, table.Column{Name: name})
	}
	for j, question := range m.Questions {
		row := []table.Value{table.Text(question)}
		for i := range m.Models {
			row = append(row, m.Cells[i][j].value())
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// value is "won: 33.93 ktoken/s ±2 %, 1.155x [1.066x, 1.265x] ahead of mistral".
func (c MatrixCell) value() table.Value {
	text := strings.TrimSuffix(c.Value+", "+c.Interval, ", ")
	if c.State != string(result.NotCompared) {
		text = c.State + ": " + text
	}
	return table.Value{Text: text, Cells: c.CellIDs, Notes: c.Notes}
}
