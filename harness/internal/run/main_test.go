package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/archbench/archbench/harness/internal/host"
	"github.com/archbench/archbench/harness/internal/lmfake"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/suite"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

// TestMain makes the test binary act as the tests, as a plugin that they start, or as a harness that they kill.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(lmplugin.CookieKey) == lmplugin.CookieValue:
		lmplugin.Serve(&faulty{&lmfake.Architecture{}})
	case os.Getenv("ARCHBENCH_TEST_DB") != "":
		if err := harness(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	default:
		os.Exit(m.Run())
	}
}

// stderr is the original stderr of the process. Serving replaces os.Stderr with a pipe, whose rest is lost when the
// process exits.
var stderr = os.Stderr

// faulty is a fake that behaves unless the variant that it loads names a fault.
type faulty struct{ *lmfake.Architecture }

// Load implements lm.Architecture.
func (f *faulty) Load(ctx context.Context, req lm.LoadRequest) (lm.Model, error) {
	calls := 0
	f.Before = func(_ context.Context, call string) error {
		if call == "generate" {
			calls++
		}
		if calls == 0 {
			return nil
		}
		switch req.Variant {
		case "crash":
			fmt.Fprintln(stderr, "about to end")
			os.Exit(3)
		case "hang":
			time.Sleep(time.Hour)
		case "oom":
			var hoard [][]byte
			for range 1 << 20 {
				hoard = append(hoard, make([]byte, 64<<20))
			}
			return errors.New(fmt.Sprint(len(hoard)))
		case "flood":
			if calls > 1 {
				return nil
			}
			for i := range 20000 {
				fmt.Fprintln(stderr, "line", i, strings.Repeat("x", 60))
			}
		}
		return nil
	}
	f.NaN = req.Variant == "nan"
	if lie := lies[req.Variant]; lie != nil {
		f.Before = nil
		lie(f.Architecture)
	}
	return f.Architecture.Load(ctx, req)
}

const killSuite = `name: kill
repeats: 4
probes:
  - {probe: cost, grid: {len: [16, 32]}}
  - {probe: quality, with: {text_bytes: 1024}}
  - {probe: stream, grid: {len: 2048}}
  - {probe: prefill, grid: {len: [16, 32]}}
  - {probe: decode, grid: {depth: 16}}
`

// harness opens the database ARCHBENCH_TEST_DB and does what ARCHBENCH_TEST_CHILD says.
func harness() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	db, err := store.Open(ctx, os.Getenv("ARCHBENCH_TEST_DB"))
	if err != nil {
		return err
	}
	defer db.Close()
	return children[os.Getenv("ARCHBENCH_TEST_CHILD")](ctx, db)
}

// measurePlugins executes a run over plugins of this binary, or resumes the run that is there.
func measurePlugins(ctx context.Context, db *store.DB) error {
	s, err := suite.Parse("kill.yaml", []byte(killSuite))
	if err != nil {
		return err
	}
	o := realOptions(s, os.Getenv("ARCHBENCH_TEST_CORPUS"), "one", "two")
	if runs, err := db.Runs(ctx); err != nil {
		return err
	} else if len(runs) > 0 {
		_, err = Resume(ctx, db, runs[0].ID, o)
		return err
	}
	p, err := Prepare(ctx, o)
	if err != nil {
		return err
	}
	return Execute(ctx, db, p)
}

// realOptions returns options that run a suite over variants of this binary as a plugin.
func realOptions(s *suite.Suite, corpus string, variants ...string) Options {
	o := Options{Suites: []*suite.Suite{s}, Seed: 3, Threads: 1, Corpus: corpus, watch: always(record.Reading{Name: host.Steal, Value: 1}), Plugins: session.Installed{Paths: map[string]string{"fake": os.Args[0]}}}
	for _, v := range variants {
		o.Models = append(o.Models, ModelSpec{Name: v, Architecture: "fake", Variant: v, Seed: 1})
	}
	return o
}
