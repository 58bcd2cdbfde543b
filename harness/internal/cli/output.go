package cli

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/report"
)

// formats are the values of -o that tables can take.
var formats = []string{"table", "md", "csv", "json", "jsonl"}

// formatFlag is a flag that takes one of a list of words.
type formatFlag struct {
	value   *string
	allowed []string
}

// String implements pflag.Value.
func (f formatFlag) String() string { return *f.value }

// Type implements pflag.Value.
func (f formatFlag) Type() string { return strings.Join(f.allowed, "|") }

// Set implements pflag.Value.
func (f formatFlag) Set(s string) error {
	if !slices.Contains(f.allowed, s) {
		return fmt.Errorf("it is one of %s", strings.Join(f.allowed, ", "))
	}
	*f.value = s
	return nil
}

// output adds the flag -o to a command.
func (a *app) output(c *cobra.Command, more ...string) {
	a.format = formats[0]
	c.Flags().VarP(formatFlag{&a.format, append(slices.Clone(formats), more...)}, "output", "o", "output format")
}

// programs are the formats that are read by programs.
var programs = []string{"csv", "json", "jsonl"}

// writeTables writes tables in one format and with one write, so that its error tells of them all: one after the other
// for people; for programs all of them in one JSON value, or the rows of the main one as CSV or JSON lines.
func writeTables(w io.Writer, format string, width int, tables []report.Table) error {
	var b bytes.Buffer
	if err := render(&b, format, width, tables); err != nil {
		return err
	}
	if format == "table" {
		_, err := lipgloss.Fprint(w, b.String()) // with the colours that w can show
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

func render(b *bytes.Buffer, format string, width int, tables []report.Table) error {
	main := tables[max(0, slices.IndexFunc(tables, func(t report.Table) bool { return t.Main }))]
	switch format {
	case "json":
		return report.WriteJSON(b, tables...)
	case "csv":
		return report.WriteCSV(b, main)
	case "jsonl":
		return report.WriteJSONL(b, main)
	}
	seen := slices.DeleteFunc(slices.Clone(tables), func(t report.Table) bool { return t.Columns == nil })
	for i, t := range seen {
		if i > 0 {
			fmt.Fprintln(b)
		}
		if err := renderTable(b, format, width, t, len(seen) > 1); err != nil {
			return err
		}
	}
	return nil
}

func renderTable(b *bytes.Buffer, format string, width int, t report.Table, titled bool) error {
	if format == "md" {
		if titled {
			fmt.Fprintf(b, "### %s\n\n", t.Title)
		}
		return report.WriteMarkdown(b, t, nil)
	}
	terminalTable(b, width, t, titled)
	return nil
}

var (
	bold  = lipgloss.NewStyle().Bold(true)
	faint = lipgloss.NewStyle().Faint(true)
)

// terminalTable draws a table for people. What is wider than the terminal is cut into several tables with the same
// keys; a single column that is still too wide is wrapped.
func terminalTable(b *bytes.Buffer, width int, t report.Table, titled bool) {
	if titled {
		fmt.Fprintln(b, bold.Render(t.Title))
	}
	if len(t.Rows) == 0 {
		fmt.Fprintln(b, faint.Render("none"))
		return
	}
	t = report.Shown(t)
	for i, columns := range split(t, width) {
		if i > 0 {
			fmt.Fprintln(b)
		}
		fmt.Fprintln(b, draw(t, columns, width))
	}
	for _, note := range report.Footnotes(t) {
		fmt.Fprintln(b, faint.Render(wrapAt(note, width)))
	}
}

// gap is the space between columns.
const gap = 2

// split groups the columns so that each group fits the width beside the keys.
func split(t report.Table, width int) [][]int {
	var keys, values []int
	used := 0
	for i, c := range t.Columns {
		if c.Key {
			keys = append(keys, i)
			used += columnWidth(t, i) + gap
			continue
		}
		values = append(values, i)
	}
	if width == 0 {
		return [][]int{append(keys, values...)}
	}
	var groups [][]int
	group, room := slices.Clone(keys), width-used
	for _, i := range values {
		need := columnWidth(t, i) + gap
		if need > room && len(group) > len(keys) {
			groups = append(groups, group)
			group, room = slices.Clone(keys), width-used
		}
		group, room = append(group, i), room-need
	}
	return append(groups, group)
}

func columnWidth(t report.Table, i int) int {
	wide := lipgloss.Width(report.Heading(t.Columns[i]))
	for _, row := range t.Rows {
		wide = max(wide, lipgloss.Width(marked(t, row[i])))
	}
	return wide
}

// marked is a value with the numbers of its footnotes.
func marked(t report.Table, v report.Value) string {
	if marks := report.Marks(t, v); marks != "" {
		return v.Text + " [" + marks + "]"
	}
	return v.Text
}

// draw renders some columns of a table.
func draw(t report.Table, columns []int, width int) string {
	out := table.New().Border(lipgloss.NormalBorder()).BorderTop(false).BorderBottom(false).BorderLeft(false).
		BorderRight(false).BorderColumn(false).BorderHeader(true).BorderStyle(faint)
	natural := 0
	for _, i := range columns {
		natural += columnWidth(t, i) + gap
	}
	if width > 0 && natural > width {
		out = out.Width(width)
	}
	headers := make([]string, len(columns))
	for j, i := range columns {
		headers[j] = report.Heading(t.Columns[i])
	}
	out.Headers(headers...)
	for _, row := range t.Rows {
		cells := make([]string, len(columns))
		for j, i := range columns {
			cells[j] = strings.ReplaceAll(marked(t, row[i]), "-", firm)
		}
		out.Row(cells...)
	}
	drawn := out.StyleFunc(func(row, j int) lipgloss.Style { return style(t, row, columns[j]) }).String()
	return strings.ReplaceAll(drawn, firm, "-")
}

// firm stands for a hyphen while lines are broken: lipgloss would break "--set" and "int4-row" after it.
const firm = "\u2011"

// style is the look of one entry.
func style(t report.Table, row, column int) lipgloss.Style {
	s := lipgloss.NewStyle().PaddingRight(gap)
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

// wrapAt breaks a text at spaces.
func wrapAt(text string, width int) string {
	if width == 0 {
		return text
	}
	return strings.ReplaceAll(lipgloss.Wrap(strings.ReplaceAll(text, "-", firm), width, " "), firm, "-")
}
