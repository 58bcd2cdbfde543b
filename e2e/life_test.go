//go:build linux

package e2e

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/archbench/archbench/internal/sharedtest"
)

// user is a user who runs archbench in a folder of their own.
type user struct {
	t   *testing.T
	bin string
	dir string
	uid uint32 // 0: the user of the tests
}

// newUser makes a user who has archbench and only the plugin gpt2, so that no run measures the ceilings of the host.
func newUser(t *testing.T) *user {
	t.Helper()
	dir, bin := openFolder(t), openFolder(t)
	for _, name := range []string{"archbench", "archbench-plugin-gpt2"} {
		if err := os.Link(filepath.Join(build(t), name), filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	return &user{t: t, bin: bin, dir: dir}
}

// openFolder makes a folder that all users may read, which t.TempDir is not.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "archbench-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, _ error) error { return os.Chmod(path, 0o755) })
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// command is archbench, or another program, in the user's folder.
func (u *user) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	if name == "archbench" {
		c.Path, c.Err = filepath.Join(u.bin, name), nil
	}
	c.Dir = u.dir
	root := sharedtest.RepoRoot(u.t)
	c.Env = []string{"PATH=" + u.bin + ":" + os.Getenv("PATH"), "HOME=" + u.dir, "NO_COLOR=1", "ARCHBENCH_PLUGINS=" + u.bin,
		"ARCHBENCH_MODELS=" + filepath.Join(root, "models")}
	if u.uid != 0 {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: u.uid, Gid: u.uid}}
	}
	return c
}

// call runs archbench and returns its exit code and both outputs.
func (u *user) call(args ...string) (code int, stdout, stderr string) {
	u.t.Helper()
	return u.finish(u.command("archbench", args...))
}

// finish runs a command to its end.
func (u *user) finish(c *exec.Cmd) (code int, stdout, stderr string) {
	u.t.Helper()
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		u.t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), out.String(), errs.String()
}

// expect runs archbench and checks its exit code and a part of its output.
func (u *user) expect(code int, say string, args ...string) {
	u.t.Helper()
	got, stdout, stderr := u.call(args...)
	if got != code || !strings.Contains(stdout+stderr, say) {
		u.t.Errorf("archbench %s: code %d, want %d and %q in:\n%s%s", strings.Join(args, " "), got, code, say, stdout, stderr)
	}
}

// rows returns the rows of a table that archbench prints, by column.
func (u *user) rows(args ...string) (all []map[string]string) {
	u.t.Helper()
	_, out, _ := u.call(append(args, "-o", "csv")...)
	lines, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(lines) == 0 {
		return nil // not there yet
	}
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		all = append(all, row)
	}
	return all
}

// longRun are the arguments of a run that lasts until it is interrupted.
var longRun = []string{"run", "speed", "--plugins", "gpt2", "--set", "len=64", "--set", "batch=1", "--set", "repeats=9999",
	"--probe", "prefill", "--budget", "100h"}

// start starts a long run and returns once it has a sample.
func (u *user) start() *exec.Cmd {
	u.t.Helper()
	c := u.command("archbench", longRun...)
	if err := c.Start(); err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { _ = c.Process.Kill() }) // does nothing after Wait
	u.awaitMeasured()
	return c
}

// awaitMeasured returns once the latest run of the database has a sample.
func (u *user) awaitMeasured() {
	u.t.Helper()
	sharedtest.Eventually(u.t, "the run has measured something", func() bool {
		code, _, _ := u.call("compare")
		return code == 0
	})
}

// TestOneProcessPerRun tries to resume a run while a process measures it, then kills that process and resumes the run from
// two processes at once.
func TestOneProcessPerRun(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	first := u.start()
	id := u.rows("runs", "list")[0]["run"]
	lives := fmt.Sprintf("process %d on ", first.Process.Pid)
	u.expect(3, lives, "resume", id)
	u.expect(3, lives, "resume", id, "--take-over")
	u.expect(2, "still being measured: "+id, "resume")
	u.expect(3, lives, "runs", "rm", id)
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	if status := u.rows("runs", "list")[0]["status"]; status != "interrupted" {
		t.Errorf("the run of a process that was killed is %q", status)
	}
	var codes []int
	ended := make(chan int)
	both := []*exec.Cmd{u.command("archbench", "resume"), u.command("archbench", "resume", id)}
	for _, c := range both {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		go func() {
			_ = c.Wait()
			ended <- c.ProcessState.ExitCode()
		}()
	}
	codes = append(codes, <-ended) // one is refused; the other one keeps measuring
	for _, c := range both {
		_ = c.Process.Signal(os.Interrupt)
	}
	codes = append(codes, <-ended)
	if codes[0] != 3 && codes[0] != 2 || codes[1] != 130 {
		t.Errorf("two that resume end with codes %v, want one refused and one interrupted", codes)
	}
}

// TestDatabaseTakenAway deletes and replaces the database under a run.
func TestDatabaseTakenAway(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(path string) error{
		"deleted": os.Remove,
		"cut":     func(path string) error { return os.Truncate(path, 0) },
		"replaced": func(path string) error {
			return errors.Join(os.WriteFile(path+".new", nil, 0o644), os.Rename(path+".new", path))
		},
	} {
		u := newUser(t)
		c := u.start()
		db := filepath.Join(u.dir, "results", "archbench.db")
		if err := spoil(db); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()
		if code := c.ProcessState.ExitCode(); code != 3 {
			t.Errorf("%s: code %d, want 3", name, code)
		}
		if left, err := os.Stat(db); err == nil && left.Size() > 0 {
			t.Errorf("%s: something was written into what took its place", name)
		}
		saved, err := filepath.Glob(filepath.Join(u.dir, "results", "archbench.rescued-*.db"))
		if err != nil || len(saved) != 1 {
			t.Fatalf("%s: saved %v, %v", name, saved, err)
		}
		u.expect(0, "Prefill", "report", "--db", saved[0], "-o", "md")
	}
}

// TestReadOnlyDatabase reads a database as a user who can write neither it nor its folder.
func TestReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.expect(0, "3 measured", "run", "flops", "--plugins", "gpt2", "--set", "len=16", "--db", "ro/r.db")
	id := u.rows("runs", "list", "--db", "ro/r.db")[0]["run"]
	if os.Getuid() == 0 { // root bypasses permissions
		u.uid = 65534
	}
	for path, mode := range map[string]fs.FileMode{"ro/r.db": 0o444, "ro": 0o555, ".": 0o777} {
		if err := os.Chmod(filepath.Join(u.dir, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := u.command("archbench", "version").Run(); errors.Is(err, fs.ErrPermission) {
		t.Skip("cannot start a program as another user: ", err)
	}
	u.expect(0, id, "runs", "list", "--db", "ro/r.db")
	u.expect(0, "index.html", "report", "--db", "ro/r.db", "--reports", "rep")
	u.expect(0, "", "compare", "--quantity", "flops", "--db", "ro/r.db")
	u.expect(0, id, "show", id, "--db", "ro/r.db")
	_, doctor, _ := u.call("doctor", "--db", "ro/r.db")
	if !strings.Contains(doctor, "1 run, read-only") {
		t.Errorf("doctor says:\n%s", doctor)
	}
	u.expect(3, "not writable", "run", "flops", "--plugins", "gpt2", "--set", "len=16", "--db", "ro/r.db")
	u.expect(3, "not writable", "runs", "rm", id, "--db", "ro/r.db")
	if left, err := filepath.Glob(filepath.Join(u.dir, "ro", "*")); err != nil || len(left) != 1 {
		t.Errorf("reading left %v, %v", left, err)
	}
}

// TestReproductionLines runs the commands that a report gives for its failures in a shell, from another folder. Each
// measures its cell again, in the same database.
func TestReproductionLines(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	home := u.dir
	u.dir = filepath.Join(home, "it's $HOME; `here` & \"there\" größer")
	bad := filepath.Join(u.dir, "plug ins", "archbench-plugin-bad")
	suite := "name: mine\nrepeats: 3\nprobes:\n  - {probe: prefill, grid: {len: [16, 32]}}\n  - {probe: cost, grid: {len: 16}}\n"
	for path, text := range map[string]string{bad: "#!/bin/sh\nexit 7\n", filepath.Join(u.dir, "my suite.yaml"): suite, filepath.Join(u.dir, "text", "a b.txt"): "A text.\n"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	db := filepath.Join(u.dir, "my results.db")
	u.expect(4, "failed", "run", "./my suite.yaml", "--plugin", "bad="+bad, "--model", "-my 'bad'=bad:tiny@int8", "--init", "3", "--option", "a b=c'd\ne",
		"--option", "-x=$y", "--head", "bf16", "--set", "repeats=4", "--seed", "9", "--threads", "1", "--corpus", "text", "--db", "my results.db")
	run := u.rows("runs", "list", "--db", db)[0]["run"]
	lines := u.commands(run, db)
	if len(lines) != 3 {
		t.Fatalf("run %s has the commands %q", run, lines)
	}
	u.dir = home
	for _, line := range lines {
		if code, _, stderr := u.finish(u.command("sh", "-c", line)); code != 4 {
			t.Errorf("%s\nends with code %d:\n%s", line, code, stderr)
			continue
		}
		latest := u.rows("runs", "list", "--db", db)[0]["run"]
		if again := u.commands(latest, db); latest == run || !slices.Equal(again, []string{line}) {
			t.Errorf("%s\nmeasures other cells: %q", line, again)
		}
	}
}

// commands returns the commands of a report that reproduce the failures of a run.
func (u *user) commands(run, db string) (all []string) {
	u.t.Helper()
	_, out, _ := u.call("report", run, "--db", db, "-o", "json")
	var report any
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		u.t.Fatal(err)
	}
	var find func(any)
	find = func(v any) {
		switch v := v.(type) {
		case string:
			if strings.HasPrefix(v, "archbench run ") && strings.Contains(v, " --probe ") {
				all = append(all, v)
			}
		case []any:
			for _, one := range v {
				find(one)
			}
		case map[string]any:
			for _, one := range v {
				find(one)
			}
		}
	}
	find(report)
	slices.Sort(all)
	return slices.Compact(all)
}
