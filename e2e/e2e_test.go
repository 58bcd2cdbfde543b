// Package e2e builds the real binaries once and runs them like a user, with one script per subject in testdata.
package e2e

import (
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/archbench/archbench/internal/sharedtest"
)

func TestScripts(t *testing.T) {
	root, bin := sharedtest.RepoRoot(t), build(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata", RequireExplicitExec: true, RequireUniqueNames: true,
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") == "1",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("TESTDATA", filepath.Join(root, "e2e", "testdata"))
			env.Setenv("MODELS", filepath.Join(root, "models"))
			env.Setenv("ARCHBENCH_MODELS", filepath.Join(root, "models"))
			env.Setenv("ARCHBENCH_PLUGINS", bin)
			env.Setenv("NO_COLOR", "1")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "bigendian": bigEndian, "resize": resize, "interrupt": interrupt,
			"latest": latest, "notutf8": notUTF8,
		},
	})
}

// binaries is the folder with the output of build.
var binaries string

func TestMain(m *testing.M) {
	var err error
	if binaries, err = os.MkdirTemp("", "archbench-e2e"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(binaries)
	os.Exit(code)
}

// builtPlugins are the plugins that the tests use.
var builtPlugins = []string{"bk", "gpt2", "echo"}

// buildOnce builds the binaries like the Makefile but without debug information, which takes half of the linker's time.
var buildOnce = sync.OnceValue(func() error {
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-w -X main.revision=e2e", "-o", binaries + "/", "./harness/cmd/archbench"}
	for _, p := range builtPlugins {
		args = append(args, "./plugins/"+p)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	for _, p := range builtPlugins {
		if err := os.Rename(filepath.Join(binaries, p), filepath.Join(binaries, "archbench-plugin-"+p)); err != nil {
			return err
		}
	}
	return nil
})

// build builds the binaries once and returns their folder.
func build(t testing.TB) string {
	t.Helper()
	if err := buildOnce(); err != nil {
		t.Fatal(err)
	}
	return binaries
}

// exits runs a command and checks its exit code: exits 2 archbench run nothing.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// bigEndian overwrites a 32-bit number in a file: bigendian FILE OFFSET VALUE.
func bigEndian(ts *testscript.TestScript, _ bool, args []string) {
	offset, err := strconv.Atoi(args[1])
	ts.Check(err)
	value, err := strconv.ParseUint(args[2], 10, 32)
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_RDWR, 0)
	ts.Check(err)
	_, err = f.WriteAt(binary.BigEndian.AppendUint32(nil, uint32(value)), int64(offset))
	ts.Check(errors.Join(err, f.Close()))
}

// notUTF8 writes a text in Latin-1: notutf8 FILE.
func notUTF8(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte("caf\xe9\n"), 0o644))
}

// resize truncates a file: resize FILE BYTES.
func resize(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	path := ts.MkAbs(args[0])
	ts.Check(os.Chmod(path, 0o644))
	ts.Check(os.Truncate(path, n))
}

// interrupt starts archbench with the given arguments, sends it Ctrl-C once the database holds a measured cell, and
// checks that it ends with code 130: interrupt DB run ....
func interrupt(ts *testscript.TestScript, _ bool, args []string) {
	db := ts.MkAbs(args[0])
	cmd := exec.Command(lookPath(ts, "archbench"), append(args[1:], "--db", db)...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = environment(ts)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	ts.Check(cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	deadline := time.After(5 * time.Minute)
	for measured := false; !measured; {
		select {
		case err := <-done:
			ts.Fatalf("the run ended before it was interrupted: %v\n%s", err, stderr.String())
		case <-deadline:
			_ = cmd.Process.Kill()
			ts.Fatalf("no cell was measured within five minutes\n%s", stderr.String())
		case <-time.After(50 * time.Millisecond):
			// Stop the run during the query, so that it cannot end before it is interrupted, however slow the machine.
			ts.Check(cmd.Process.Signal(syscall.SIGSTOP))
			measured = hasMeasured(ts, db)
			ts.Check(cmd.Process.Signal(syscall.SIGCONT))
		}
	}
	ts.Check(cmd.Process.Signal(os.Interrupt))
	<-done
	if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(stderr.String(), "archbench resume") {
		ts.Fatalf("exit code %d, want 130 and a mention of resume in:\n%s", code, stderr.String())
	}
}

// hasMeasured asks archbench itself whether a run has a sample.
func hasMeasured(ts *testscript.TestScript, db string) bool {
	if _, err := os.Stat(db); err != nil {
		return false
	}
	query := func(args ...string) string {
		cmd := exec.Command(lookPath(ts, "archbench"), append(args, "--db", db, "-o", "csv")...)
		cmd.Env = environment(ts)
		out, _ := cmd.Output()
		return string(out)
	}
	lines := strings.Split(query("runs", "list"), "\n")
	if len(lines) < 2 {
		return false
	}
	id, _, _ := strings.Cut(lines[1], ",")
	rows, err := csv.NewReader(strings.NewReader(query("show", id))).ReadAll()
	if err != nil || len(rows) < 2 {
		return false
	}
	samples := slices.Index(rows[0], "samples")
	return slices.ContainsFunc(rows[1:], func(row []string) bool { return row[samples] != "0" })
}

// latest runs a command on the latest run of a database: latest DB runs rm.
func latest(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Exec("archbench", "runs", "list", "--db", args[0], "-o", "csv"))
	lines := strings.Split(ts.ReadFile("stdout"), "\n")
	if len(lines) < 2 {
		ts.Fatalf("%s holds no run", args[0])
	}
	id, _, _ := strings.Cut(lines[1], ",")
	ts.Check(ts.Exec("archbench", append(args[1:], id, "--db", args[0])...))
}

func lookPath(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	ts.Fatalf("%s is not on PATH", name)
	return ""
}

func environment(ts *testscript.TestScript) []string {
	var env []string
	for _, key := range []string{"PATH", "HOME", "TMPDIR", "ARCHBENCH_MODELS", "ARCHBENCH_PLUGINS", "NO_COLOR"} {
		env = append(env, fmt.Sprintf("%s=%s", key, ts.Getenv(key)))
	}
	return env
}
