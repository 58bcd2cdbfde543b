package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/lm/lmplugin"
)

// TestWordsOfPlugin parses values of --plugin: a path named after the architecture, NAME=PATH, and folders.
func TestWordsOfPlugin(t *testing.T) {
	t.Chdir(t.TempDir())
	folder := lmplugin.Prefix + "mine"
	program := filepath.Join(folder, folder)
	if err := errors.Join(os.Mkdir(folder, 0o755), os.WriteFile(program, []byte("#!"), 0o755)); err != nil {
		t.Fatal(err)
	}
	for words, want := range map[string][2]string{
		program: {"mine", program}, folder: {"mine", program}, "x=" + folder: {"x", program}, "./" + program: {"mine", "./" + program},
		"nowhere/" + lmplugin.Prefix + "y.exe": {"y", "nowhere/" + lmplugin.Prefix + "y.exe"}, "=" + program: {"", program},
	} {
		name, path := plugin(words)
		same := path == want[1]
		if a, err := os.Stat(path); err == nil && !same {
			b, _ := os.Stat(want[1])
			same = os.SameFile(a, b)
		}
		if name != want[0] || !same {
			t.Errorf("%s: %q at %q, want %v", words, name, path, want)
		}
	}
}

// TestPrecisionsOfSet lists the precisions of --set, for all probes and for one.
func TestPrecisionsOfSet(t *testing.T) {
	got := precisionsOf([]string{"len=1,2", "precision=f32,int8", "quality.precision=int4", "precisions=x", "imprecision=y"})
	if diff := cmp.Diff([]string{"f32", "int8", "int4"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestSetAcrossSuites checks that --set needs one suite with the key, and a valid value.
func TestSetAcrossSuites(t *testing.T) {
	for set, want := range map[string]string{
		"len=16": "", "phase=decode": "", "flops.phase=decode": "set flops.phase", "nothing=1": "set nothing=1", "len=none": "set len=none",
	} {
		_, err := loadSuites([]string{"speed", "flops"}, []string{set}, nil)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), "--"+want) || exitCode(t.Context(), err) != ExitUsage) {
			t.Errorf("--set %s: %v, want %q", set, err, want)
		}
	}
}

// TestDatabasesNearby lists each database once, and no folder named like one.
func TestDatabasesNearby(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := errors.Join(os.MkdirAll("results/folder.db", 0o755), os.WriteFile("results/a.db", nil, 0o644), os.WriteFile("results/a.txt", nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"results/a.db"}, databases("results", "results", "none")); diff != "" {
		t.Error(diff)
	}
	a := &app{db: "results/b.db"}
	if err := a.exists(); err == nil || !strings.Contains(err.Error(), "no database results/b.db, but there are: results/a.db\n") {
		t.Errorf("%v", err)
	}
	for db, flag := range map[string]string{defaultDB: "", "my db": " --db 'my db'"} {
		if got := (&app{db: db}).dbFlag(); got != flag {
			t.Errorf("%s: %q, want %q", db, got, flag)
		}
	}
}

// TestReportsFolder checks that a folder that cannot be written is rejected, and that checking creates none.
func TestReportsFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("file", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{"": "", "new/below": "", "file": "--reports: file is not a folder", "file/below": "--reports file/below: "} {
		err := checkReports(dir)
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", dir, err, want)
		}
	}
	if left, _ := filepath.Glob("*"); len(left) != 1 {
		t.Errorf("left %v", left)
	}
}

func TestStateFile(t *testing.T) {
	for _, tc := range []struct{ state, home, want string }{
		{"/s", "/h", "/s/archbench/x"}, {"relative", "/h", "/h/.local/state/archbench/x"}, {"", "/h", "/h/.local/state/archbench/x"}, {"", "", ""},
	} {
		t.Setenv("XDG_STATE_HOME", tc.state)
		t.Setenv("HOME", tc.home)
		if got := stateFile("x"); got != tc.want {
			t.Errorf("%+v: %q", tc, got)
		}
	}
}

// TestTerminalWidth checks that COLUMNS counts only if a table fits.
func TestTerminalWidth(t *testing.T) {
	for columns, want := range map[string]int{"": 0, "80": 80, "20": 0, "-5": 0, "wide": 0} {
		t.Setenv("COLUMNS", columns)
		if got := terminalWidth(&bytes.Buffer{}); got != want {
			t.Errorf("COLUMNS=%s: %d, want %d", columns, got, want)
		}
	}
	if isTerminal(&bytes.Buffer{}) {
		t.Error("a buffer is a terminal")
	}
}

// TestInterruptedIsNoMistake checks that a failure during an interruption is not a usage error.
func TestInterruptedIsNoMistake(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	boom := errors.New("boom")
	if code := exitCode(ctx, asUsageUnlessDone(ctx, boom)); code != ExitUsage {
		t.Errorf("code %d", code)
	}
	cancel()
	err := asUsageUnlessDone(ctx, boom)
	if code := exitCode(t.Context(), err); code != ExitInterrupted || !errors.Is(err, boom) {
		t.Errorf("interrupted: code %d, %v", code, err)
	}
	if ofModel(nil) != nil || exitCode(t.Context(), ofModel(boom)) != ExitCells {
		t.Error("failures of a model")
	}
}

// TestWhatToResume selects the only interrupted run, and rejects a choice among several.
func TestWhatToResume(t *testing.T) {
	t.Chdir(t.TempDir())
	a := &app{db: "r.db", err: &bytes.Buffer{}}
	db, err := a.create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	want := func(id, message string) {
		t.Helper()
		got, err := toResume(t.Context(), db, "")
		if got != id || message == "" && err != nil || message != "" && (err == nil || !strings.Contains(err.Error(), message)) {
			t.Errorf("%q, %v; want %q, %q", got, err, id, message)
		}
	}
	want("", "the database has no interrupted run")
	var ids []string
	for _, id := range []string{"r-1", "r-2"} {
		r := &record.Run{ID: id, Started: time.Now(), Status: record.Running}
		if err := db.CreateRun(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		want(strings.Join(ids, ""), map[bool]string{true: "no interrupted run; still being measured: " + r.ID + " ("}[len(ids) == 0])
		r.Status = record.Interrupted
		if err := db.SetStatus(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if ids = append(ids, r.ID); len(ids) == 1 {
			want(r.ID, "")
		}
	}
	want("", "several runs were interrupted (")
	if got, err := toResume(t.Context(), db, "r-x"); got != "r-x" || err != nil {
		t.Errorf("by name: %q, %v", got, err)
	}
}
