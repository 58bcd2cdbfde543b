package table

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
	grid "charm.land/lipgloss/v2/table"
)

var textFormat = &Format{Name: "table", render: func(b *bytes.Buffer, width int, tables []Table) error {
	eachVisible(b, tables, func(t Table, titled bool) { terminalTable(b, width, t, titled) })
	return nil
}}

var (
	bold  = lipgloss.NewStyle().Bold(true)
	faint = lipgloss.NewStyle().Faint(true)
)

// terminalTable draws a table for people. A table wider than the terminal is split into several with the same keys; if
// one column is still too wide, its text wraps.
func terminalTable(b *bytes.Buffer, width int, t Table, titled bool) {
	if titled {
		fmt.Fprintln(b, bold.Render(t.Title))
	}
	if len(t.Rows) == 0 {
		fmt.Fprintln(b, faint.Render("none"))
		return
	}
	t, spared := fitted(Shown(t), width)
	for i, columns := range split(t, width) {
		if i > 0 {
			fmt.Fprintln(b)
		}
		fmt.Fprintln(b, draw(t, columns, width))
	}
	for _, note := range NotesOf(t).marked(superscript.Replace) {
		fmt.Fprintln(b, faint.Render(wrapAt(note, width)))
	}
	if spared != nil {
		fmt.Fprintln(b, faint.Render(wrapAt("No room for "+strings.Join(spared, ", ")+": a wider terminal shows them, and so does -o md.", width)))
	}
}

// fitted leaves out spare columns, those of the last name first, until the table fits. It also returns their names.
func fitted(t Table, width int) (Table, []string) {
	var spared []string
	for {
		wide := 0
		var last string
		for i, c := range t.Columns {
			wide += columnWidth(t, i)
			if c.Spare {
				last = c.Name
			}
		}
		if width == 0 || wide <= width || last == "" {
			return t, spared
		}
		t, spared = t.without(last), append(spared, last)
	}
}

// without returns the table without its columns of a name.
func (t Table) without(name string) Table {
	gone := func(i int) bool { return t.Columns[i].Name == name }
	kept := t
	kept.Columns, kept.Rows = nil, make([][]Value, len(t.Rows))
	for i, c := range t.Columns {
		if !gone(i) {
			kept.Columns = append(kept.Columns, c)
		}
	}
	for k, row := range t.Rows {
		for i, v := range row {
			if !gone(i) {
				kept.Rows[k] = append(kept.Rows[k], v)
			}
		}
	}
	return kept
}

// gap is the space after a column, less if the next one belongs to it.
func gap(t Table, i int) int {
	if i+1 < len(t.Columns) && t.Columns[i+1].Beside {
		return 1
	}
	return 2
}

// split groups the value columns so that each group fits the width together with the keys.
func split(t Table, width int) [][]int {
	var keys []int
	var values [][]int // columns that stay together
	widths := func(columns []int) (sum int) {
		for _, i := range columns {
			sum += columnWidth(t, i)
		}
		return sum
	}
	for i, c := range t.Columns {
		switch {
		case c.Key:
			keys = append(keys, i)
		case c.Beside && len(values) > 0:
			values[len(values)-1] = append(values[len(values)-1], i)
		default:
			values = append(values, []int{i})
		}
	}
	if width == 0 {
		return [][]int{append(keys, slices.Concat(values...)...)}
	}
	var groups [][]int
	group := slices.Clone(keys)
	for _, v := range values {
		if len(group) > len(keys) && widths(group)+widths(v) > width {
			groups = append(groups, group)
			group = slices.Clone(keys)
		}
		group = append(group, v...)
	}
	return append(groups, group)
}

// columnWidth is the width of a column with the gap after it.
func columnWidth(t Table, i int) int {
	wide := lipgloss.Width(Heading(t.Columns[i]))
	for _, row := range t.Rows {
		wide = max(wide, lipgloss.Width(marked(t, row[i])))
	}
	return wide + gap(t, i)
}

// marked is the text of a value with the numbers of its footnotes.
func marked(t Table, v Value) string {
	if len(v.Notes) == 0 {
		return v.Text
	}
	if marks := NotesOf(t).Marks(v); marks != "" {
		return v.Text + " " + superscript.Replace(marks)
	}
	return v.Text
}

// superscript raises the numbers of footnotes, which thus need no brackets.
var superscript = strings.NewReplacer("0", "⁰", "1", "¹", "2", "²", "3", "³", "4", "⁴", "5", "⁵", "6", "⁶", "7", "⁷", "8", "⁸", "9", "⁹", ",", "˒")

// draw renders the given columns of a table.
func draw(t Table, columns []int, width int) string {
	out := grid.New().Border(lipgloss.NormalBorder()).BorderTop(false).BorderBottom(false).BorderLeft(false).
		BorderRight(false).BorderColumn(false).BorderHeader(true).BorderStyle(faint)
	natural := 0
	for _, i := range columns {
		natural += columnWidth(t, i)
	}
	if width > 0 && natural > width {
		out = out.Width(width)
	}
	headers := make([]string, len(columns))
	for j, i := range columns {
		headers[j] = Heading(t.Columns[i])
	}
	out.Headers(headers...)
	for _, row := range t.Rows {
		cells := make([]string, len(columns))
		for j, i := range columns {
			cells[j] = strings.ReplaceAll(marked(t, row[i]), "-", firm)
		}
		out.Row(cells...)
	}
	drawn := out.StyleFunc(func(row, j int) lipgloss.Style { return look(t, row, columns[j]) }).String()
	return strings.ReplaceAll(drawn, firm, "-")
}

// firm replaces hyphens while lines are wrapped, because lipgloss would break "--set" and "int4-row" after a hyphen.
const firm = "\u2011"

// look is the style of one entry; a row out of range is the header.
func look(t Table, row, column int) lipgloss.Style {
	s := lipgloss.NewStyle().PaddingRight(gap(t, column))
	if !t.Columns[column].Key && t.Columns[column].Unit != "" {
		s = s.Align(lipgloss.Right)
	}
	if row < 0 || row >= len(t.Rows) {
		return s.Bold(true)
	}
	switch v := t.Rows[row][column]; {
	case v.Best:
		return s.Bold(true)
	case v.Reason != "":
		return s.Faint(true)
	}
	return s
}

// wrapAt wraps a text at spaces.
func wrapAt(text string, width int) string {
	if width == 0 {
		return text
	}
	return strings.ReplaceAll(lipgloss.Wrap(strings.ReplaceAll(text, "-", firm), width, " "), firm, "-")
}
