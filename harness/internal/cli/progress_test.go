package cli

import (
	"bytes"
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/archbench/archbench/harness/internal/lmfake"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/run"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/harness/internal/suite"
)

// halfway is a run of four models of which two were measured at one of two lengths.
func halfway() *record.Run {
	r := &record.Run{ID: "r-1"}
	for i, name := range []string{"gpt2", "mamba", "mistral", "bk"} {
		r.Models = append(r.Models, record.Model{Name: name, Architecture: name, Precision: "f32", Parameters: 1, Causal: true})
		for _, n := range []string{"512", "8192"} {
			c := record.Cell{ID: name + n, Suite: "speed", Probe: "prefill", Model: name, Repeats: 10, Status: record.Pending,
				Point: record.Point{{Name: "len", Value: n}, {Name: "batch", Value: "1"}}}
			for block := range 8 {
				if n == "512" && i < 2 {
					c.Samples = append(c.Samples, record.Sample{Metric: "prefill_seconds", Unit: "s", Value: 0.01 * float64(i+1) * (1 + 0.001*float64(block)), Block: block})
				}
			}
			r.Cells = append(r.Cells, c)
		}
	}
	return r
}

func TestEventWords(t *testing.T) {
	r := halfway()
	cell := &record.Cell{Probe: "prefill", Point: record.Point{{Name: "len", Value: "64"}, {Name: "batch", Value: "2"}}, Model: "gpt2@int8"}
	for want, e := range map[string]run.Event{
		"  0 %":                                  {},
		"100 %":                                  {Done: 3, Total: 3},
		" 33 %|block 1/6":                        {Done: 1, Total: 3, Block: 1, Blocks: 6},
		" 50 %|1m30s left":                       {Done: 1, Total: 2, Left: 90*time.Second + 300*time.Millisecond},
		"  0 %|prefill len=64 batch=2 gpt2@int8": {Total: 2, Cell: cell},
		" 25 %|block 3|decided 1/6|1m0s left|prefill len=512|gpt2 51.02 ktoken/s|mamba 25.5k": {
			Run: r, Cell: &r.Cells[0], Done: 1, Total: 4, Block: 3, Left: time.Minute},
		" 25 %|block 3|decided 1/6|prefill len=8192 batch=1 gpt2": {Run: r, Cell: &r.Cells[1], Done: 1, Total: 4, Block: 3},
	} {
		var s *result.Progress
		if e.Run != nil {
			s = result.NewProgress(e.Run)
		}
		if got := strings.Join(eventWords(e, s), "|"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestLinesFit checks that a line never reaches the last column of a terminal, where some wrap, and that no number is cut.
func TestLinesFit(t *testing.T) {
	r := halfway()
	words := eventWords(run.Event{Run: r, Cell: &r.Cells[0], Done: 1, Total: 4, Block: 3, Blocks: 12, Left: time.Minute}, result.NewProgress(r))
	all := "  " + strings.Join(words, "  ") + "  "
	for width := 2; width < 160; width++ {
		line := fitted(words, width)
		if lipgloss.Width(line) >= width {
			t.Errorf("width %d: %d columns", width, lipgloss.Width(line))
		}
		if width > len(words[0]) && !strings.Contains(all, "  "+line+"  ") {
			t.Errorf("width %d: a word is cut: %q", width, line)
		}
	}
	if fitted(words, 0) != strings.Join(words, "  ") {
		t.Error("cut without a limit")
	}
}

// TestProgressClears checks that a line is removed once, and that text of plugins cannot move the cursor.
func TestProgressClears(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, true)
	p.clear()
	p.say("loading \x1b[2Ja\nb")
	p.clear()
	p.clear()
	if want := "\r\x1b[K" + `loading \u001b[2Ja b` + "\r\x1b[K"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestProgressKeepsQuiet(t *testing.T) {
	clock := time.Unix(0, 0)
	var out bytes.Buffer
	p := newProgress(&out, true)
	p.started, p.now = clock, func() time.Time { return clock }
	drawn := 0
	for range 100 { // 10 events a second for 10 seconds
		before := out.Len()
		p.event(run.Event{Done: 1, Total: 4, Block: 2, Blocks: 5, Left: time.Minute, Cell: &record.Cell{Probe: "prefill", Model: "gpt2"}})
		if out.Len() > before {
			drawn++
			if clock.Sub(p.started) < progressDelay {
				t.Fatalf("drawn after %v", clock.Sub(p.started))
			}
		}
		clock = clock.Add(100 * time.Millisecond)
	}
	if drawn == 0 || drawn > 17 {
		t.Errorf("drawn %d times in 8 s, want at most twice a second", drawn)
	}
	if !strings.Contains(out.String(), " 25 %  block 2/5  1m0s left  prefill gpt2") {
		t.Errorf("line %q", out.String())
	}
	out.Reset()
	quiet := newProgress(&out, false)
	quiet.say("x")
	quiet.started = time.Time{}
	quiet.event(run.Event{})
	quiet.clear()
	if out.Len() > 0 {
		t.Errorf("wrote %q without a terminal", out.String())
	}
}

// timed are plugins in this process that know whether a call of theirs is under way.
type timed struct {
	lmfake.Architecture
	calling atomic.Int32
}

// newTimed returns plugins whose calls last long enough for a write of another goroutine to fall into them.
func newTimed() *timed {
	p := &timed{}
	p.PerToken = time.Millisecond
	p.Before = func(_ context.Context, call string) error {
		if call == "step" {
			p.calling.Store(1)
			time.Sleep(time.Millisecond)
		}
		return nil
	}
	p.Tell = func(any) { p.calling.Store(0) }
	return p
}

func (p *timed) Find(string) (path, sha string, err error) { return "/fake", "sha", nil }
func (p *timed) Start(context.Context, string, session.Limits) (session.Process, error) {
	return p, nil
}
func (p *timed) PID() int       { return 0 }
func (p *timed) Env() []string  { return nil }
func (p *timed) Stderr() string { return "" }
func (p *timed) Kill()          {}
func (p *timed) Close() error   { return nil }

// screen counts what is drawn, and what of it while a plugin is called.
type screen struct {
	plugins       *timed
	drawn, during int
}

func (s *screen) Write(b []byte) (int, error) {
	s.drawn++
	s.during += int(s.plugins.calling.Load())
	return len(b), nil
}

// TestNothingIsDrawnWhileTiming runs a suite with a clock so fast that each event is drawn.
func TestNothingIsDrawnWhileTiming(t *testing.T) {
	t.Chdir(t.TempDir())
	s, err := suite.Parse("s.yaml", []byte("name: s\nrepeats: 3\nspan: 0s\nprobes:\n  - {probe: prefill, grid: {len: [16, 32]}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	plugins := newTimed()
	out := &screen{plugins: plugins}
	line := newProgress(out, true)
	clock := line.started
	line.now = func() time.Time { clock = clock.Add(time.Minute); return clock }
	a := &app{db: "r.db"}
	db, err := a.create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	plan, err := run.Prepare(t.Context(), run.Options{Suites: []*suite.Suite{s}, Plugins: plugins, Threads: 1, Observe: line.event,
		Models: []run.ModelSpec{{Name: "a", Architecture: "fake", Seed: 1}, {Name: "b", Architecture: "fake", Seed: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Execute(t.Context(), db, plan); err != nil {
		t.Fatal(err)
	}
	if out.drawn < 12 || out.during != 0 { // samples that a busy host disturbs are measured again
		t.Errorf("drawn %d times, want 12 or more; %d of them while a plugin was called", out.drawn, out.during)
	}
}
