package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/archbench/archbench/harness/internal/table"
)

// Markdown writes the report as one Markdown file. Numbers link to their cells in index.html.
func (r *Report) Markdown(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# archbench run %s\n\n", r.Run.ID)
	fmt.Fprintf(&b, "%s, took %s, %s; %s; archbench %s, seed %d.\n", r.Run.Started, r.Run.Duration, r.Run.Status, r.Run.Counts, r.Run.Version, r.Run.Seed)
	if len(r.Answer) > 0 {
		fmt.Fprintf(&b, "\n%s\n", table.EscapeMarkdown(strings.Join(r.Answer, " ")))
	}
	if r.Settle.Command != "" {
		fmt.Fprintf(&b, "\n```\n%s\n```\n", r.Settle.Command)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "\n> %s\n", table.EscapeMarkdown(n))
	}
	markdownTable(&b, 2, r.checks())
	markdownTable(&b, 2, r.Matrix.table())
	markdownFigure(&b, r.Forest.Name, r.Forest.Title, r.Forest.Caption)
	markdownTable(&b, 2, r.Verdicts)
	for _, f := range r.Overview {
		markdownFigure(&b, f.Name, f.Title, f.Caption)
	}
	markdownTable(&b, 2, r.Models)
	for _, s := range r.Sections {
		fmt.Fprintf(&b, "\n## Suite %s\n", s.Title)
		for _, n := range s.Notes {
			fmt.Fprintf(&b, "\n%s\n", table.EscapeMarkdown(n))
		}
		for _, t := range s.Tables {
			markdownTable(&b, 3, t)
		}
		for _, f := range s.Figures {
			markdownFigure(&b, f.Name, f.Title, f.Caption)
		}
	}
	for _, t := range []table.Table{r.Claims, r.Failures, r.Unavailable, r.Warnings, r.Host, r.Facts} {
		markdownTable(&b, 2, t)
	}
	fmt.Fprintf(&b, "\n## How to reproduce\n\n```\n")
	for _, line := range r.Reproduce {
		fmt.Fprintln(&b, line)
	}
	fmt.Fprintf(&b, "```\n")
	_, err := w.Write(b.Bytes())
	return err
}

func markdownTable(b *bytes.Buffer, level int, t table.Table) {
	fmt.Fprintf(b, "\n%s %s\n\n", "######"[:level], table.EscapeMarkdown(t.Title))
	if t.Caption != "" {
		fmt.Fprintf(b, "%s\n\n", table.EscapeMarkdown(t.Caption))
	}
	if len(t.Rows) == 0 {
		b.WriteString("None.\n")
		return
	}
	table.WriteMarkdown(b, t, func(cell string) string { return "index.html#" + anchor(cell) })
}

func markdownFigure(b *bytes.Buffer, name, title, caption string) {
	fmt.Fprintf(b, "\n![%s](figures/%s.png)\n\n%s\n", table.EscapeMarkdown(title), name, table.EscapeMarkdown(caption))
}

// anchor is the place of a cell in index.html.
func anchor(cell string) string { return "cell-" + table.Short(cell) }
