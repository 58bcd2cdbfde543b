package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/internal/atomicfile"
)

// File is a file of a report's folder.
type File struct {
	Name  string // below the folder, with slashes
	Write func(io.Writer) error
}

// Files lists the files of a report: figures/*.svg, *.png and *.csv, tables/*.csv, report.md, report.json, index.html.
func (r *Report) Files() []File {
	var all []File
	for _, f := range r.Figures() {
		all = append(all, File{"figures/" + f.Name + ".svg", f.SVG}, File{"figures/" + f.Name + ".png", f.PNG},
			tablesFile("figures/"+f.Name+".csv", "csv", figureData(f)))
	}
	for _, t := range append(r.Tables(), r.values) {
		all = append(all, tablesFile("tables/"+t.ID+".csv", "csv", t))
	}
	return append(all, File{"report.md", r.Markdown}, tablesFile("report.json", "json", r.Data()...), File{"index.html", r.HTML})
}

func tablesFile(name, format string, tables ...table.Table) File {
	return File{name, func(w io.Writer) error { return table.Write(w, format, 0, tables...) }}
}

// Write writes a report's files into a folder. Each is written under a temporary name and renamed, so readers never see a
// partial one. It returns the path of index.html.
func (r *Report) Write(dir string) (string, error) {
	for _, sub := range []string{"figures", "tables"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return "", fmt.Errorf("write report: %w; name a folder you can write to with --reports", err)
		}
	}
	for _, f := range r.Files() {
		if err := atomicfile.WriteDerived(filepath.Join(dir, filepath.FromSlash(f.Name)), f.Write); err != nil {
			return "", fmt.Errorf("write report: %w; free some space or name another folder with --reports", err)
		}
	}
	return filepath.Join(dir, "index.html"), nil
}

// Figures lists all figures of the report.
func (r *Report) Figures() []chart.Figure {
	all := append([]chart.Figure{r.Forest}, r.Overview...)
	for _, s := range r.Sections {
		all = append(all, s.Figures...)
	}
	return all
}

// Tables lists all tables for programs.
func (r *Report) Tables() []table.Table {
	return r.tables([]table.Table{r.Verdicts, r.Models}, func(s Section) []table.Table { return s.Data })
}

// Shown lists the tables that people see.
func (r *Report) Shown() []table.Table {
	return r.tables([]table.Table{r.checks(), r.Matrix.table(), r.Verdicts, r.Models}, func(s Section) []table.Table { return s.Tables })
}

func (r *Report) tables(all []table.Table, of func(Section) []table.Table) []table.Table {
	for _, s := range r.Sections {
		all = append(all, of(s)...)
	}
	return append(all, r.Claims, r.Failures, r.Unavailable, r.Warnings, r.Host, r.Facts, r.Cells)
}

// Data lists the report's tables for programs. One of them holds the values of all sections in long form.
func (r *Report) Data() []table.Table {
	notes := table.Words("notes", "Notes", []string{"note"})
	for _, n := range r.Notes {
		notes.Add(n)
	}
	answer := table.Words("answer", "Answer", []string{"sentence"})
	for _, s := range r.Answer {
		answer.Add(s)
	}
	return []table.Table{r.runs, answer, r.checks(), notes, r.Verdicts, r.Models, r.values, r.Claims, r.Failures, r.Unavailable, r.Warnings, r.Host, r.Facts, r.Cells}
}
