package report

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/internal/atomicfile"
)

// Write writes a report into a folder: index.html, report.md, report.json, figures/*.svg and *.png, tables/*.csv. Each
// file is written under a temporary name and renamed, so readers never see a partial one. It returns the path of
// index.html.
func (r *Report) Write(dir string) (string, error) {
	for _, sub := range []string{"figures", "tables"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return "", fmt.Errorf("write report: %w; name a folder you can write to with --reports", err)
		}
	}
	index := filepath.Join(dir, "index.html")
	for _, write := range []func() error{
		func() error { return r.writeFigures(filepath.Join(dir, "figures")) },
		func() error { return r.writeTables(filepath.Join(dir, "tables")) },
		func() error { return atomicfile.WriteDerived(filepath.Join(dir, "report.md"), r.Markdown) },
		func() error { return writeTable(filepath.Join(dir, "report.json"), "json", r.Data()...) },
		func() error { return atomicfile.WriteDerived(index, r.HTML) },
	} {
		if err := write(); err != nil {
			return "", fmt.Errorf("write report: %w; free some space or name another folder with --reports", err)
		}
	}
	return index, nil
}

// Figures lists all figures of the report.
func (r *Report) Figures() []chart.Figure {
	all := slices.Clone(r.Overview)
	for _, s := range r.Sections {
		all = append(all, s.Figures...)
	}
	return all
}

// Tables lists all tables of the report.
func (r *Report) Tables() []table.Table {
	all := []table.Table{r.Verdicts, r.Models}
	for _, s := range r.Sections {
		all = append(all, s.Tables...)
	}
	return append(all, r.Claims, r.Failures, r.Unavailable, r.Warnings, r.Host, r.Facts, r.Cells)
}

// Data lists the report's tables for programs. One of them holds the values of all sections in long form.
func (r *Report) Data() []table.Table {
	notes := table.Words("notes", "Notes", []string{"note"})
	for _, n := range r.Notes {
		notes.Add(n)
	}
	return []table.Table{r.runs, notes, r.Verdicts, r.Models, r.values, r.Claims, r.Failures, r.Unavailable, r.Warnings, r.Host, r.Facts, r.Cells}
}

func (r *Report) writeFigures(dir string) error {
	for _, f := range r.Figures() {
		path := filepath.Join(dir, f.Name)
		if err := errors.Join(atomicfile.WriteDerived(path+".svg", f.SVG), atomicfile.WriteDerived(path+".png", f.PNG)); err != nil {
			return err
		}
	}
	return nil
}

func (r *Report) writeTables(dir string) error {
	for _, t := range append(r.Tables(), r.values) {
		if err := writeTable(filepath.Join(dir, t.ID+".csv"), "csv", t); err != nil {
			return err
		}
	}
	return nil
}

func writeTable(path, format string, tables ...table.Table) error {
	return atomicfile.WriteDerived(path, func(w io.Writer) error { return table.Write(w, format, 0, tables...) })
}
