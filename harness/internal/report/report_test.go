package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/table"
)

var update = flag.Bool("update", false, "rewrite testdata")

func TestGolden(t *testing.T) {
	r := Build(syntheticRun())
	var html, md, csv bytes.Buffer
	for _, write := range []func() error{
		func() error { return r.HTML(&html) },
		func() error { return r.Markdown(&md) },
		func() error {
			for _, tab := range r.Tables() {
				csv.WriteString("# " + tab.ID + "\n")
				if err := table.Write(&csv, "csv", 0, tab); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "report.html", bulk.ReplaceAll(html.Bytes(), []byte("$1…$2")))
	golden(t, "report.md", md.Bytes())
	golden(t, "tables.csv", csv.Bytes())
}

// bulk is what other tests look at: style, scripts with their hashes, and samples.
var bulk = regexp.MustCompile(`(?s)(<(?:script|style)[^>]*>|http-equiv="Content-Security-Policy" content=").*?(</|">)`)

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s differs (run with -update to accept):\n%s", name, cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")))
	}
}

func TestWriteIsReproducible(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	if dir := os.Getenv("ARCHBENCH_PICTURES"); dir != "" {
		first = filepath.Join(dir, "report")
	}
	for _, dir := range []string{first, second} {
		if _, err := Build(syntheticRun()).Write(dir); err != nil {
			t.Fatal(err)
		}
	}
	files := 0
	err := filepath.WalkDir(second, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		relative, _ := filepath.Rel(second, path)
		a, errA := os.ReadFile(filepath.Join(first, relative))
		b, errB := os.ReadFile(path)
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs between two renderings (%v %v)", relative, errA, errB)
		}
		return nil
	})
	if err != nil || files < 40 {
		t.Errorf("%d files written (%v)", files, err)
	}
}
