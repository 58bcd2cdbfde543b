//go:build cgo

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/record"
)

// example returns a small run with every column set.
func example(id string) *record.Run {
	return &record.Run{
		ID: id, Started: time.Unix(1700000000, 5).UTC(), Status: "running", Version: "v1", Command: "archbench run speed",
		Seed: 1 << 63, Suites: []string{"speed 1"}, Corpus: "/text", Facts: []record.Fact{{Name: "text", Value: "sha256 ab"}},
		Host: record.Host{ID: "host", Fingerprint: "class", Facts: []record.Fact{{Name: "cpu", Value: "x"}, {Name: "governor", Value: "n/a (no cpufreq)"}}},
		Models: []record.Model{{
			Name: "a", Family: "b", Architecture: "bk", Mode: "causal-row", Checkpoint: "/models/bk", Seed: 1<<64 - 1, Precision: "int8",
			Head: "bf16", Threads: 2, Options: map[string]string{"k": "v"}, Config: "{}", WeightsSHA: "w", PluginSHA: "p",
			Tokenizer:  record.Tokenizer{Asked: "bytes", Name: "bytes", SHA256: "t"},
			PluginPath: "/bin/p", Kernels: "reference", Parameters: 10, WeightBytes: 20, ContextLimit: 512, TrainedTo: 256,
			Causal: true, StateKind: "constant", Warnings: []string{"unknown tensor x"},
		}, {Name: "b", Variant: "tiny", Initialised: true}},
		Cells: []record.Cell{
			{ID: "aa11", Suite: "speed", Probe: "prefill", Model: "a", Point: record.Point{{Name: "len", Value: "128"}, {Name: "batch", Value: "1"}},
				Params: record.Point{{Name: "tokens", Value: "64"}}, Repeats: 10, Estimate: time.Second, Status: record.Pending},
			{ID: "ab22", Suite: "speed", Probe: "prefill", Model: "b", Point: record.Point{{Name: "len", Value: "128"}}, Repeats: 10,
				Status: record.Unavailable, Reason: "context limit 64"},
		},
	}
}

// open returns a fresh database in a temporary folder.
func open(t testing.TB) *DB {
	t.Helper()
	db, err := Open(context.Background(), filepath.Join(t.TempDir(), "results with space", "r?.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestRoundTrip(t *testing.T) {
	ctx, db, want := context.Background(), open(t), example("r-1")
	if err := db.CreateRun(ctx, want); err != nil {
		t.Fatal(err)
	}
	c := &want.Cells[0]
	for block := range 3 {
		s := []record.Sample{{Metric: "prefill_seconds", Value: 0.1 * float64(block), Unit: "s", Block: block, Position: 4,
			Host: time.Millisecond, Plugin: time.Microsecond}, {Metric: "roofline_share", Label: "fma", Value: 0.5, Block: block}}
		if block == 1 {
			s[0].Calls, s[0].Dropped, s[0].Disturbed = []float64{0.3, 0.1, 0.1}, 1, []string{"steal 3 % of the CPU time"}
			s[0].Readings = []record.Reading{{Name: "steal", Value: 0.03}, {Name: "frequency", Reason: "no cpufreq"}}
		}
		if err := db.Record(ctx, want.ID, c, s); err != nil {
			t.Fatal(err)
		}
		c.Samples = append(c.Samples, s...)
	}
	again := []record.Sample{{Metric: "prefill_seconds", Value: 0.1, Unit: "s", Block: 2, Attempt: 1, Position: 9}}
	if err := db.Record(ctx, want.ID, c, again); err != nil {
		t.Fatal(err)
	}
	if err := db.Record(ctx, want.ID, c, again); err == nil {
		t.Error("the same attempt is stored twice")
	}
	c.Samples = append(c.Samples, again...)
	c.Status, c.Warnings = record.Failed, []string{"beyond the trained context of 256"}
	c.Failure = &record.Failure{Class: "crash", Message: "signal: killed", Stderr: "panic\n", Reproduce: "archbench run"}
	if err := db.Record(ctx, want.ID, c, nil); err != nil {
		t.Fatal(err)
	}
	if err := db.MarkLeak(ctx, want.ID, "b"); err != nil {
		t.Fatal(err)
	}
	want.Models[1].LeaksFuture = true
	want.Status, want.Ended = "done", time.Unix(1700000100, 7).UTC()
	if err := db.SetStatus(ctx, want); err != nil {
		t.Fatal(err)
	}
	got, err := db.LoadRun(ctx, "r-")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("run changed on its way through the database (-want +got):\n%s", diff)
	}
}

// TestOpenAtOnce opens a new database concurrently, as runs started together do.
// TestAddRun stores a run that has ended, and nothing of one that cannot be stored whole.
func TestAddRun(t *testing.T) {
	ctx, db, want := context.Background(), open(t), example("r-1")
	want.Status = record.Done
	want.Cells[0].Status = record.OK
	want.Cells[0].Samples = []record.Sample{
		{Metric: "prefill_seconds", Value: 2, Unit: "s", Calls: []float64{1, 2, 3}}, {Metric: "prefill_seconds", Value: 4, Unit: "s", Block: 1},
	}
	broken := example("r-2")
	broken.Cells[1].Samples = []record.Sample{{Metric: "prefill_seconds", Value: math.NaN(), Unit: "s"}}
	if err := db.AddRun(ctx, broken); err == nil {
		t.Error("a sample without a value is stored")
	}
	if err := db.AddRun(ctx, want); err != nil {
		t.Fatal(err)
	}
	if err := db.AddRun(ctx, want); err == nil {
		t.Error("a run is stored twice")
	}
	got, err := db.LoadRun(ctx, want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if runs, err := db.Runs(ctx); err != nil || len(runs) != 1 {
		t.Errorf("%d runs, %v", len(runs), err)
	}
}

func TestOpenAtOnce(t *testing.T) {
	for range 5 {
		path := filepath.Join(t.TempDir(), "new.db")
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				db, err := Open(t.Context(), path)
				if err != nil {
					t.Error(err)
					return
				}
				db.Close()
			})
		}
		all.Wait()
	}
}

func TestFindCell(t *testing.T) {
	ctx, db := context.Background(), open(t)
	first, second := example("r-1"), example("r-2")
	second.Started = second.Started.Add(time.Hour)
	for _, r := range []*record.Run{first, second} {
		if err := db.CreateRun(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	run, cell, err := db.Cell(ctx, "AA")
	if err != nil || run.ID != "r-2" || cell.ID != "aa11" {
		t.Errorf("got %v, %v, %v; want aa11 of the latest run", run, cell, err)
	}
	for _, prefix := range []string{"a", "zz", ""} {
		if _, _, err := db.Cell(ctx, prefix); !errors.Is(err, ErrNotFound) {
			t.Errorf("cell %q: %v, want ErrNotFound", prefix, err)
		}
	}
	if _, err := db.LoadRun(ctx, "r-"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "several") {
		t.Errorf("ambiguous run: %v", err)
	}
}

// TestLatest checks that runs without results are passed over.
func TestLatest(t *testing.T) {
	ctx, db := context.Background(), open(t)
	if _, _, err := db.Latest(ctx); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "holds no run yet") {
		t.Errorf("no run: %v", err)
	}
	add := func(id string, spoil func(*record.Run)) {
		r := example(id)
		r.Started = r.Started.Add(1 << 40 * time.Duration(len(id)))
		spoil(r)
		if err := db.CreateRun(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	fail := func(r *record.Run) {
		r.Cells[0].Status, r.Cells[0].Failure = record.Failed, &record.Failure{Class: "crash"}
	}
	add("r-", fail)
	if _, _, err := db.Latest(ctx); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "`archbench show r-` says why") {
		t.Errorf("nothing measured: %v", err)
	}
	add("r-1", func(*record.Run) {})
	if err := db.Record(ctx, "r-1", &example("").Cells[0], []record.Sample{{Metric: "m", Value: 1}}); err != nil {
		t.Fatal(err)
	}
	add("r-12", fail)
	add("r-123", func(*record.Run) {})
	id, empty, err := db.Latest(ctx)
	if diff := cmp.Diff([]string{"r-123", "r-12"}, empty); id != "r-1" || diff != "" || err != nil {
		t.Errorf("latest %s, %v\n%s", id, err, diff)
	}
}

func TestRemove(t *testing.T) {
	ctx, db, run := context.Background(), open(t), example("r-1")
	if err := db.CreateRun(ctx, run); err != nil {
		t.Fatal(err)
	}
	if err := db.Record(ctx, run.ID, &run.Cells[0], []record.Sample{{Metric: "m", Value: 1}}); err != nil {
		t.Fatal(err)
	}
	if err := db.Remove(ctx, "r-1"); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"runs", "models", "cells", "attempts"} {
		var n int
		if err := db.sql.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s still holds %d rows, %v", table, n, err)
		}
	}
	if err := db.Remove(ctx, "r-1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("second removal: %v", err)
	}
}

// TestDatabaseOfBefore reads the runs of a database with the first schema unchanged.
func TestDatabaseOfBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.db")
	schema, err := migrations.ReadFile("migrations/0001_runs.sql")
	if err != nil {
		t.Fatal(err)
	}
	old, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = old.Exec(string(schema) + fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = 1;", applicationID) + `
		INSERT INTO hosts VALUES ('h', 'f', '[]');
		INSERT INTO runs VALUES ('r-1', 1, 2, 'done', 'v', 'c', 1, '[]', '', '[]', 'h');
		INSERT INTO models VALUES ('r-1', 'a', 0, 'gpt2', '', '', '', 0, 'f32', '', 2, '{}', '', '', '', '', '', 1, 1, 0, 0, 1, 0, 0, '', '[]');`)
	if err := errors.Join(err, old.Close()); err != nil {
		t.Fatal(err)
	}
	db, err := Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	run, err := db.LoadRun(context.Background(), "r-1")
	if err != nil || len(run.Models) != 1 || run.Models[0].Family != "" || run.Models[0].Architecture != "gpt2" {
		t.Errorf("%+v (%v)", run, err)
	}
}

// TestRefusal opens files that do not belong to archbench.
func TestRefusal(t *testing.T) {
	write := func(query string) func(string) error {
		return func(path string) error {
			db, err := sql.Open("sqlite3", path)
			if err != nil {
				return err
			}
			defer db.Close()
			_, err = db.Exec(query)
			return err
		}
	}
	newer := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = 99; CREATE TABLE t (x)", applicationID)
	for _, c := range []struct {
		name string
		make func(string) error
		want error
		say  string
	}{
		{"newer", write(newer), ErrNewer, "use the newer archbench"},
		{"other program", write("CREATE TABLE t (x)"), ErrForeign, "name another file"},
		{"text", func(p string) error { return os.WriteFile(p, []byte(strings.Repeat("not a database\n", 99)), 0o644) }, ErrForeign, "no SQLite database"},
		{"folder", func(p string) error { return os.Mkdir(p, 0o755) }, ErrForeign, "no regular file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			if err := c.make(path); err != nil {
				t.Fatal(err)
			}
			for _, open := range []func(context.Context, string) (*DB, error){Open, OpenToRead} {
				if _, err := open(context.Background(), path); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.say) {
					t.Errorf("got %v, want %v saying %q", err, c.want, c.say)
				}
			}
		})
	}
}

// TestDamagedRows damages rows in ways that SQLite cannot detect: a run is read as stored, or not at all.
func TestDamagedRows(t *testing.T) {
	for _, c := range []struct {
		name, spoil string
		want        error
	}{
		{"a list that is none", "UPDATE cells SET point = '{'", ErrDamaged},
		{"a point without a name", "UPDATE cells SET point = '[null]'", ErrDamaged},
		{"a list of something else", "UPDATE models SET warnings = '[1]'", ErrDamaged},
		{"a model of no run", "UPDATE models SET run = 'x'", ErrDamaged},
		{"a model without its name", "UPDATE models SET name = 'x' WHERE position = 0", ErrDamaged},
		{"no models", "DELETE FROM models; DELETE FROM cells", ErrDamaged},
		{"places far away", "UPDATE cells SET position = position + 1000000", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, db, run := context.Background(), open(t), example("r-1")
			must(t, db.CreateRun(ctx, run))
			must(t, db.Record(ctx, run.ID, &run.Cells[0], []record.Sample{{Metric: "m", Value: 1}}))
			_, err := db.sql.Exec("PRAGMA foreign_keys = OFF; " + c.spoil)
			must(t, err)
			got, err := db.LoadRun(ctx, "r-1")
			if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), "restore a copy") {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if err == nil && len(got.Cells[0].Samples) != 1 {
				t.Errorf("samples %+v", got.Cells[0].Samples)
			}
		})
	}
}

// A damaged page is found before anything is measured, wherever it is.
func TestDamagedPage(t *testing.T) {
	ctx, db, run := context.Background(), open(t), example("r-1")
	must(t, db.CreateRun(ctx, run))
	var page int64
	must(t, db.sql.QueryRow("SELECT rootpage FROM sqlite_schema WHERE name = 'attempts'").Scan(&page))
	must(t, db.Close())
	f, err := os.OpenFile(db.path, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte("damage"), (page-1)*4096)
	must(t, errors.Join(err, f.Close()))
	if _, err := Open(ctx, db.path); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "restore a copy") {
		t.Errorf("got %v", err)
	}
}

func TestUnwritableFolder(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "file")
	if err := os.WriteFile(blocked, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), filepath.Join(blocked, "x.db")); err == nil || !strings.Contains(err.Error(), blocked) {
		t.Errorf("folder that is a file: %v", err)
	}
	if os.Getuid() == 0 {
		t.Skip("permissions do not bind root")
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), filepath.Join(dir, "x.db")); err == nil || !strings.Contains(err.Error(), "not writable") {
		t.Errorf("read-only folder: %v", err)
	}
}

// TestDiskFull lets the database grow into a page limit, as on a full disk: committed data stays, uncommitted data is
// gone, and the next write after space is freed succeeds.
func TestDiskFull(t *testing.T) {
	ctx, db, run := context.Background(), open(t), example("r-1")
	if err := db.CreateRun(ctx, run); err != nil {
		t.Fatal(err)
	}
	batch := make([]record.Sample, 500)
	block := func(n int) []record.Sample {
		for i := range batch {
			batch[i] = record.Sample{Metric: "prefill_seconds", Label: strings.Repeat("x", 20), Value: float64(i), Unit: "s", Block: n}
		}
		return batch
	}
	limit(t, db, 40)
	var stored int
	var err error
	for err = nil; err == nil; {
		if err = db.Record(ctx, run.ID, &run.Cells[0], block(stored)); err == nil {
			stored += len(batch)
		}
	}
	if !errors.Is(err, ErrDiskFull) || !strings.Contains(err.Error(), "free some space") {
		t.Fatalf("got %v, want ErrDiskFull with advice", err)
	}
	limit(t, db, 1<<20)
	got, err := db.LoadRun(ctx, run.ID)
	if err != nil || len(got.Cells[0].Samples) != stored {
		t.Fatalf("%d samples after the failure, %v; want the %d committed", len(got.Cells[0].Samples), err, stored)
	}
	if err := db.Record(ctx, run.ID, &run.Cells[0], block(stored)); err != nil {
		t.Errorf("after space was made: %v", err)
	}
}

// limit sets the maximum size of the database, in pages.
func limit(t *testing.T, db *DB, pages int) {
	t.Helper()
	if _, err := db.sql.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
		t.Fatal(err)
	}
}

func TestConstraints(t *testing.T) {
	ctx, db := context.Background(), open(t)
	for name, spoil := range map[string]func(*record.Run){
		"unknown model":       func(r *record.Run) { r.Cells[0].Model = "nobody" },
		"n/a without reason":  func(r *record.Run) { r.Cells[1].Reason = "" },
		"failed without row":  func(r *record.Run) { r.Cells[0].Status = record.Failed },
		"unknown status":      func(r *record.Run) { r.Cells[0].Status = "well" },
		"two cells of one ID": func(r *record.Run) { r.Cells[1].ID = r.Cells[0].ID },
	} {
		run := example("r-1")
		spoil(run)
		if err := db.CreateRun(ctx, run); err == nil {
			t.Errorf("%s was stored", name)
		}
	}
	if runs, err := db.Runs(ctx); err != nil || len(runs) != 0 {
		t.Errorf("a refused plan left %d runs, %v", len(runs), err)
	}
}

// TestSelfCompared finds the runs of a host that measured one model twice, latest first.
func TestSelfCompared(t *testing.T) {
	ctx, db := context.Background(), open(t)
	for i, models := range [][2]string{{"x", "x"}, {"x", "y"}, {"y", "y"}, {"", ""}} {
		r := example(fmt.Sprintf("r-%d", i))
		r.Started = r.Started.Add(time.Duration(i) * time.Second)
		if i == 3 {
			r.Host = record.Host{ID: "other", Fingerprint: "other class"}
		}
		r.Models[1] = r.Models[0]
		for k := range r.Models {
			r.Models[k].Name, r.Models[k].WeightsSHA = []string{"a", "b"}[k], models[k]
		}
		if err := db.CreateRun(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	for class, want := range map[string][]string{"class": {"r-2", "r-0"}, "other class": {"r-3"}, "none": nil} {
		got, err := db.SelfCompared(ctx, class)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", class, err, diff)
		}
	}
}
