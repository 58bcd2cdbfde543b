package run

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/archbench/archbench/harness/internal/lmfake"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/suite"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

// fakes serves fake architectures by name, as if each Start created a process.
type fakes struct {
	all map[string]*lmfake.Architecture

	mu            sync.Mutex
	started, live int
	most          int // most alive at once
	changed       string
}

func (f *fakes) Find(name string) (path, sha string, err error) {
	if f.all[name] == nil {
		return "", "", lm.Errorf(lm.NotFound, "find plugin", "no plugin %q", name)
	}
	return "/plugins/" + name, "sha of " + name + f.changed, nil
}

func (f *fakes) Start(ctx context.Context, path string, _ session.Limits) (session.Process, error) {
	a := f.all[filepath.Base(path)]
	if a.Before != nil {
		if err := a.Before(ctx, "start"); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.started++
	f.live++
	f.most = max(f.most, f.live)
	return &fakeProcess{Architecture: a, fakes: f}, nil
}

// fakeProcess is a started fake.
type fakeProcess struct {
	*lmfake.Architecture
	fakes  *fakes
	closed bool
}

// Calibrate reports one arithmetic ceiling, and one of an unknown operation.
func (p *fakeProcess) Calibrate(context.Context, int) (lm.Roofline, error) {
	return lm.Roofline{Ceilings: []lm.Ceiling{
		{Name: "sums", Operation: lm.Arithmetic, Precisions: []string{"f32"}, Value: 1e9, Unit: "FLOP/s", Kernels: "fake"},
		{Name: "disk", Operation: "writing", Value: 1, Unit: "B/s", Kernels: "fake"},
	}}, nil
}

func (p *fakeProcess) PID() int       { return 0 }
func (p *fakeProcess) Env() []string  { return []string{"GOMAXPROCS=2"} }
func (p *fakeProcess) Stderr() string { return "last words\n" }
func (p *fakeProcess) Kill()          {}
func (p *fakeProcess) Close() error {
	p.fakes.mu.Lock()
	defer p.fakes.mu.Unlock()
	if !p.closed {
		p.closed = true
		p.fakes.live--
	}
	return nil
}

// corpusFile writes a corpus of four documents and returns its folder.
func corpusFile(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for d := range 4 {
		var b strings.Builder
		for i := range 3000 {
			fmt.Fprintf(&b, "%d ", i*i*(d+3)%977)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.txt", d)), []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// mixed is a suite with every kind of probe.
const mixed = `name: mixed
repeats: 3
span: 0s
probes:
  - {probe: cost, grid: {len: [16, 32]}}
  - {probe: memory, grid: {len: 32}}
  - {probe: quality, with: {text_bytes: 1024}}
  - {probe: stream, grid: {len: 2048}}
  - {probe: prefill, grid: {len: [16, 32, 64]}}
  - {probe: decode, grid: {depth: [16]}}
`

func parseSuite(t testing.TB, text string) *suite.Suite {
	t.Helper()
	s, err := suite.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// options returns options that run a suite over fakes.
func options(t *testing.T, f *fakes, text string, names ...string) Options {
	t.Helper()
	o := Options{Suites: []*suite.Suite{parseSuite(t, text)}, Plugins: f, Seed: 7, Threads: 2, Corpus: corpusFile(t), Version: "test", watch: quiet}
	for _, n := range names {
		o.Models = append(o.Models, ModelSpec{Architecture: n})
	}
	return o
}

// quiet watches a machine on which nothing ever happens, so that no test depends on the load of the real one.
func quiet(pids []int) func() ([]record.Reading, [][]record.Reading) {
	return func() ([]record.Reading, [][]record.Reading) { return nil, make([][]record.Reading, len(pids)) }
}

func openDB(t testing.TB) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), filepath.Join(t.TempDir(), "r.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// execute prepares and executes a run and loads it from the database.
func execute(t *testing.T, db *store.DB, o Options) *record.Run {
	t.Helper()
	p, err := Prepare(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := Execute(context.Background(), db, p); err != nil {
		t.Fatal(err)
	}
	return load(t, db, p.Run.ID)
}

func load(t *testing.T, db *store.DB, id string) *record.Run {
	t.Helper()
	r, err := db.LoadRun(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// cells returns the cells of a probe and model.
func cells(r *record.Run, probe, model string) (all []*record.Cell) {
	for i := range r.Cells {
		if c := &r.Cells[i]; c.Probe == probe && c.Model == model {
			all = append(all, c)
		}
	}
	return all
}

// honest returns two well-behaved fakes. They report more compute time than they take, so that a busy machine cannot make
// their clocks look contradictory.
func honest() *fakes {
	return &fakes{all: map[string]*lmfake.Architecture{
		"a": {Name: "a", PerToken: time.Millisecond}, "b": {Name: "b", PerToken: 2 * time.Millisecond, Limit: 512},
	}}
}

// exit returns the error of a plugin whose process ended.
func exit(class lmplugin.Class) error {
	return &lm.Error{Op: "score", Kind: lm.Internal, Err: &lmplugin.ExitError{Plugin: "p", Class: class, Message: "ended", Stderr: "panic: ouch\n"}}
}
