//go:build cgo

package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/record"
)

// readVariable makes this test binary read run r-1 of a database instead of running tests.
const readVariable = "ARCHBENCH_TEST_READ"

func TestMain(m *testing.M) {
	path := os.Getenv(readVariable)
	if path == "" {
		os.Exit(m.Run())
	}
	n, err := countSamples(path)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Print(n, " samples")
}

// countSamples returns the number of samples of r-1's first cell.
func countSamples(path string) (int, error) {
	ctx := context.Background()
	db, err := OpenToRead(ctx, path)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	run, err := db.LoadRun(ctx, "r-1")
	if err != nil {
		return 0, err
	}
	if _, _, err := db.Latest(ctx); err != nil {
		return 0, err
	}
	if err := db.SetStatus(ctx, run); err == nil {
		return 0, errors.New("what was opened to be read was written")
	}
	return len(run.Cells[0].Samples), nil
}

// stranger runs this binary as a user who owns nothing, in a folder accessible to everybody.
type stranger struct{ binary, dir string }

func newStranger(t *testing.T) stranger {
	t.Helper()
	dir, err := os.MkdirTemp("", "archbench-store-")
	must(t, err)
	t.Cleanup(func() {
		_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, _ error) error { return os.Chmod(path, 0o755) })
		must(t, os.RemoveAll(dir))
	})
	must(t, os.Chmod(dir, 0o755))
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Skip("finds itself in /proc: ", err)
	}
	s := stranger{filepath.Join(dir, "self"), filepath.Join(dir, "ro")}
	must(t, os.WriteFile(s.binary, self, 0o755))
	must(t, os.Mkdir(s.dir, 0o755))
	return s
}

// read returns what the stranger reads from a database.
func (s stranger) read(t *testing.T, path string) (string, error) {
	t.Helper()
	c := exec.Command(s.binary)
	c.Env = append(os.Environ(), readVariable+"="+path)
	c.Dir = "/"
	if os.Getuid() == 0 { // root ignores permissions
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := c.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Skip("cannot start a program as another user: ", err)
	}
	return string(out), err
}

// TestReadWithoutWriting reads databases in every state without write access to the file or its folder. All can be
// read, and nothing in the folder changes.
func TestReadWithoutWriting(t *testing.T) {
	ctx, db, run := context.Background(), open(t), example("r-1")
	must(t, db.CreateRun(ctx, run))
	must(t, db.Record(ctx, run.ID, &run.Cells[0], []record.Sample{{Metric: "m", Value: 1}}))
	unfinished := files(t, db.path, "", "-wal", "-shm")
	closed, err := Open(ctx, db.path)
	must(t, err)
	must(t, closed.Close())
	must(t, db.Close())
	clean := files(t, db.path, "")
	old := filepath.Join(t.TempDir(), "old.db")
	firstSchema(t, old, oldRuns)
	without := func(all map[string][]byte, suffix string) map[string][]byte {
		some := map[string][]byte{}
		for k, v := range all {
			if k != suffix {
				some[k] = v
			}
		}
		return some
	}
	for _, c := range []struct {
		name         string
		files        map[string][]byte
		file, folder fs.FileMode
		want         string
	}{
		{"closed", clean, 0o444, 0o555, "1 samples"},
		{"closed, folder open to all", clean, 0o444, 0o777, "1 samples"},
		{"closed, empty log left", map[string][]byte{"": clean[""], "-wal": {}}, 0o444, 0o555, "1 samples"},
		{"killed", unfinished, 0o444, 0o555, "1 samples"},
		{"killed, folder open to all", unfinished, 0o444, 0o777, "1 samples"},
		{"killed, no index of the log", without(unfinished, "-shm"), 0o444, 0o555, "1 samples"},
		{"of an older archbench", files(t, old, ""), 0o444, 0o555, "4 samples"},
		{"not readable", clean, 0o000, 0o555, "the file cannot be read; change its permissions"},
		{"folder not to be entered", clean, 0o444, 0o444, "permission denied"},
	} {
		s := newStranger(t)
		path := filepath.Join(s.dir, "r.db")
		for suffix, data := range c.files {
			must(t, os.WriteFile(path+suffix, data, c.file|0o200))
			must(t, os.Chmod(path+suffix, c.file))
		}
		must(t, os.Chmod(s.dir, c.folder))
		if got, err := s.read(t, path); !strings.Contains(got, c.want) || (err == nil) != strings.HasSuffix(c.want, "samples") {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
		must(t, os.Chmod(s.dir, 0o755))
		if c.file == 0 {
			continue
		}
		if diff := cmp.Diff(c.files, files(t, path, "", "-wal", "-shm", "-journal")); diff != "" && !strings.Contains(c.name, "killed, folder") {
			t.Errorf("%s: reading changed the folder", c.name)
		}
	}
}

// files reads a database and the files beside it, by suffix.
func files(t *testing.T, path string, suffixes ...string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, suffix := range suffixes {
		data, err := os.ReadFile(path + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		must(t, err)
		all[suffix] = data
	}
	return all
}

// TestReadBesideWriter reads a database without write access while another process writes it.
func TestReadBesideWriter(t *testing.T) {
	ctx, s, run := context.Background(), newStranger(t), example("r-1")
	path := filepath.Join(s.dir, "r.db")
	db, err := Open(ctx, path)
	must(t, err)
	defer db.Close()
	must(t, db.CreateRun(ctx, run))
	for block := range 3 {
		must(t, db.Record(ctx, run.ID, &run.Cells[0], []record.Sample{{Metric: "m", Value: 1, Block: block}}))
		if got, err := s.read(t, path); got != fmt.Sprint(block+1, " samples") {
			t.Errorf("after block %d: %q, %v", block, got, err)
		}
	}
}

// TestReadIsStill changes a database during a read without locks: the result cannot be trusted.
func TestReadIsStill(t *testing.T) {
	db := &DB{path: filepath.Join(t.TempDir(), "r.db"), ReadOnly: true}
	must(t, os.WriteFile(db.path, []byte("a"), 0o644))
	must(t, db.watch())
	if err := db.unchanged(); err != nil {
		t.Error(err)
	}
	must(t, os.WriteFile(db.path+"-wal", []byte("b"), 0o644))
	if err := db.unchanged(); err == nil || !strings.Contains(err.Error(), "try again") {
		t.Errorf("written meanwhile: %v", err)
	}
}

// TestReadNeverMigrates reads an older, writable database and leaves it unchanged.
func TestReadNeverMigrates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "old.db")
	firstSchema(t, path, oldRuns)
	before := files(t, path, "", "-wal")
	if n, err := countSamples(path); n != 4 || err != nil {
		t.Errorf("%d samples, %v", n, err)
	}
	if diff := cmp.Diff(before, files(t, path, "", "-wal")); diff != "" {
		t.Error("reading changed the file")
	}
}
