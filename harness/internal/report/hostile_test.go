package report

import (
	"encoding/csv"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHostileText checks that no text in a run reaches a report's file as a terminal command, a spreadsheet formula,
// browser markup or an additional table cell.
func TestHostileText(t *testing.T) {
	const hostile = "=HYPERLINK(\"x\")\x1b[2J\u202e<script>alert(1)</script>|a|\r\nb"
	run := syntheticRun()
	for i := range run.Models {
		if m := &run.Models[i]; m.Name == "gpt2" {
			m.Name, m.Mode, m.StateKind, m.Warnings = hostile, hostile, hostile, []string{hostile}
		}
	}
	for i := range run.Cells {
		c := &run.Cells[i]
		if c.Model == "gpt2" {
			c.Model, c.Warnings = hostile, []string{hostile}
		}
		if c.Failure != nil {
			c.Failure.Message, c.Failure.Stderr, c.Failure.Reproduce = hostile, hostile, hostile
		}
		for j := range c.Samples {
			if c.Probe == "memory" && c.Samples[j].Label != "" {
				c.Samples[j].Label = hostile
			}
		}
	}
	run.Command, run.Corpus = hostile, hostile
	run.Facts[0].Name, run.Facts[0].Value = hostile, hostile
	dir := t.TempDir()
	if _, err := Build(run).Write(dir); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) == ".png" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text := string(data)
		if strings.ContainsAny(text, "\x1b\u202e") || strings.Contains(strings.ReplaceAll(text, "\r\n", "\n"), "\r") {
			t.Errorf("%s holds a command for a terminal", path)
		}
		switch filepath.Ext(path) {
		case ".html", ".svg":
			if strings.Contains(text, "<script>alert") {
				t.Errorf("%s holds a script", path)
			}
		case ".md":
			text, _, _ = strings.Cut(text, "## How to reproduce") // a block of code follows
			if strings.Contains(text, "<script>") || strings.Contains(text, "|a|") {
				t.Errorf("%s holds markup", path)
			}
		case ".csv":
			checkFields(t, path, text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// checkFields looks for formulas.
func checkFields(t *testing.T, path, text string) {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Errorf("%s: %v", path, err)
	}
	for _, record := range records {
		for _, field := range record {
			if strings.HasPrefix(field, "=") {
				t.Errorf("%s holds a formula: %q", path, field)
			}
		}
	}
}
