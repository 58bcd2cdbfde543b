package run

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/lmfake"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/suite"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

func TestRun(t *testing.T) {
	f := honest()
	var events int
	o := options(t, f, mixed, "a", "b")
	o.Observe = func(e Event) {
		events++
		if e.Done != events || e.Done > e.Total || e.Cell == nil {
			t.Errorf("event %d: %+v", events, e)
		}
	}
	r := execute(t, openDB(t), o)
	if r.Status != "done" || r.Ended.IsZero() || len(r.Models) != 2 || r.Host.Fingerprint == "" {
		t.Errorf("run %+v", r)
	}
	for i := range r.Cells {
		c := &r.Cells[i]
		if c.Probe == "stream" && c.Model == "b" {
			if c.Status != record.Unavailable || c.Reason != "context limit 512" {
				t.Errorf("beyond the limit: %+v", c)
			}
			continue
		}
		if c.Status != record.OK || measuredBlocks(c) != c.Repeats || len(c.ID) != 64 {
			t.Errorf("%s %s %s: %s, %d of %d blocks", c.Probe, c.Model, c.Point, c.Status, measuredBlocks(c), c.Repeats)
		}
	}
	if events != 2*(1+2+1+1+4*3)+1 {
		t.Errorf("%d events", events)
	}
	if got := cells(r, "prefill", "b")[2].Samples[0].Value; math.Abs(got-128e-3) > 1e-12 {
		t.Errorf("prefill of 64 tokens took the fake %g s", got)
	}
	if f.live != 0 {
		t.Errorf("%d processes are left", f.live)
	}
	for _, name := range []string{"text for quality", "threads", "plugin environment", "ceiling", "steal"} {
		if !slices.ContainsFunc(r.Facts, func(x record.Fact) bool { return x.Name == name && x.Words() != "" }) {
			t.Errorf("no fact %q in %v", name, r.Facts)
		}
	}
}

// TestBlocksInterleave checks that each block measures every timing cell once, with all models of a point in a row, in an
// order that differs between blocks and is determined by the seed.
func TestBlocksInterleave(t *testing.T) {
	p, err := Prepare(context.Background(), options(t, honest(), mixed, "a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	var orders []string
	for block := range 3 {
		cells := slices.Concat(order(p.Run, block)...)
		if len(cells) != 8 {
			t.Fatalf("block %d has %d cells", block, len(cells))
		}
		var names []string
		for i, c := range cells {
			names = append(names, c.Model+" "+c.Point.String())
			if i%2 == 1 && group(cells[i-1]) != group(c) {
				t.Errorf("block %d: %v splits a point", block, names)
			}
		}
		orders = append(orders, strings.Join(names, ", "))
		again := slices.Concat(order(p.Run, block)...)
		if !slices.Equal(cells, again) {
			t.Error("the order of a block is not deterministic")
		}
	}
	if orders[0] == orders[1] && orders[1] == orders[2] {
		t.Errorf("all blocks have the order %s", orders[0])
	}
}

// TestCallsAlternate checks that within a block the models of a point are called in turn, each once a round and in an order
// that changes, and that a sample keeps the values of its calls.
func TestCallsAlternate(t *testing.T) {
	f := honest()
	var mu sync.Mutex
	var called []string
	for _, name := range []string{"a", "b"} {
		f.all[name].Before = func(_ context.Context, call string) error {
			mu.Lock()
			defer mu.Unlock()
			if call == "step" {
				called = append(called, name)
			}
			return nil
		}
	}
	p, err := Prepare(context.Background(), options(t, f, "name: s\nrepeats: 1\nprobes:\n  - {probe: prefill, grid: {len: 16}}\n", "a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	const rounds = 12
	for i := range p.Run.Cells {
		if c := &p.Run.Cells[i]; c.Rounds != mostRounds {
			t.Errorf("%s is planned with %d calls of microseconds", c.Model, c.Rounds)
		} else {
			c.Rounds = rounds
		}
	}
	db := openDB(t)
	if err := Execute(context.Background(), db, p); err != nil {
		t.Fatal(err)
	}
	orders := map[string]int{}
	for pair := range slices.Chunk(called[len(called)-2*rounds:], 2) {
		orders[strings.Join(pair, "")]++
	}
	if orders["ab"]+orders["ba"] != rounds || orders["ab"] == 0 || orders["ba"] == 0 {
		t.Errorf("rounds have the orders %v", orders)
	}
	for _, c := range load(t, db, p.Run.ID).Cells {
		s := c.Samples[0]
		if len(s.Calls) != rounds || s.Value != stat.MedianOf(s.Calls) || c.Rounds != rounds {
			t.Errorf("%s: %d of %d calls, value %v of %v", c.Model, len(s.Calls), c.Rounds, s.Value, s.Calls)
		}
	}
}

// TestRounds checks the number of calls: enough for the fastest model of a point, few enough for the slowest.
func TestRounds(t *testing.T) {
	for _, tc := range []struct {
		estimates []time.Duration
		want      int
	}{
		{[]time.Duration{10 * time.Millisecond, 12 * time.Millisecond}, 25},
		{[]time.Duration{30 * time.Millisecond}, 9},
		{[]time.Duration{time.Second, 2 * time.Second}, 1},
		{[]time.Duration{time.Microsecond}, mostRounds},
		{[]time.Duration{10 * time.Millisecond, time.Second}, 2},
		{[]time.Duration{0}, mostRounds},
	} {
		p := &Plan{Run: &record.Run{}}
		for _, e := range tc.estimates {
			p.Run.Cells = append(p.Run.Cells, record.Cell{Probe: "prefill", Estimate: e, Rounds: roundsFor(suite.DefaultSpan, e)})
		}
		p.alignRounds()
		for _, c := range p.Run.Cells {
			if c.Rounds != tc.want {
				t.Errorf("calls of %v: %d rounds, want %d", tc.estimates, c.Rounds, tc.want)
			}
		}
	}
}

// TestModelsThatDoNotFit checks that models are measured together as far as memory allows: all, in pairs, or alone.
func TestModelsThatDoNotFit(t *testing.T) {
	const mib = 1 << 20
	r := &runner{models: map[string]*loadedModel{}}
	var turns []*turn
	for _, name := range []string{"a", "b", "c"} {
		r.models[name] = &loadedModel{record: &record.Model{WeightBytes: 80 * mib}} // 164 MiB as a process
		turns = append(turns, &turn{cell: &record.Cell{Model: name}})
	}
	for memory, want := range map[int64][]int{0: {3}, 500 * mib: {3}, 400 * mib: {2, 1}, 200 * mib: {1, 1, 1}, mib: {1, 1, 1}} {
		r.memory = memory
		var sizes []int
		for _, part := range r.fitting(turns) {
			sizes = append(sizes, len(part))
		}
		if !slices.Equal(sizes, want) {
			t.Errorf("in %d MiB: %v, want %v", memory/mib, sizes, want)
		}
	}
}

// TestPlanIsDeterministic checks that equal plans have equal cell IDs, and that everything that can change a value
// changes them.
func TestPlanIsDeterministic(t *testing.T) {
	o := options(t, honest(), mixed, "a")
	ids := func(o Options) (all []string) {
		p, err := Prepare(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Run.Cells {
			all = append(all, c.ID)
		}
		return all
	}
	want := ids(o)
	if got := ids(o); !slices.Equal(got, want) {
		t.Error("equal plans have different cells")
	}
	on := func(device string) func(*Options) {
		return func(o *Options) {
			f := honest()
			f.all["a"].Tell = func(reply any) {
				if info, ok := reply.(*lm.ModelInfo); ok {
					info.Device.Name = device
				}
			}
			o.Plugins = f
		}
	}
	said := o
	on("cpu")(&said)
	if got := ids(said); !slices.Equal(got, want) {
		t.Error("naming the device cpu changes the cells")
	}
	for name, change := range map[string]func(*Options){
		"device":    on("cuda:0"),
		"seed":      func(o *Options) { o.Seed++ },
		"threads":   func(o *Options) { o.Threads++ },
		"weights":   func(o *Options) { o.Models = []ModelSpec{{Architecture: "a", Seed: 5}} },
		"precision": func(o *Options) { o.Models = []ModelSpec{{Architecture: "a", Precision: "int8"}} },
		"head":      func(o *Options) { o.Models = []ModelSpec{{Architecture: "a", Head: "int8"}} },
		"options":   func(o *Options) { o.Models = []ModelSpec{{Architecture: "a", Options: map[string]string{"k": "v"}}} },
		"plugin":    func(o *Options) { f := honest(); f.changed = "!"; o.Plugins = f },
	} {
		changed := o
		change(&changed)
		for i, id := range ids(changed) {
			if slices.Contains(want, id) {
				t.Errorf("cell %d ignores a change of the %s", i, name)
			}
		}
	}
}

func TestPrecisions(t *testing.T) {
	f := honest()
	f.all["a"].Noise = 0.3
	text := "name: q\nprecisions: [f32, int8, nf4]\nprobes:\n  - {probe: quality, with: {text_bytes: 1024}}\n"
	r := execute(t, openDB(t), options(t, f, text, "a"))
	var names []string
	for _, m := range r.Models {
		names = append(names, m.Name)
	}
	if diff := cmp.Diff([]string{"a", "a@int8", "a@nf4"}, names); diff != "" {
		t.Error(diff)
	}
	metrics := func(c *record.Cell) (all []string) {
		for _, s := range c.Samples {
			if !slices.Contains(all, s.Metric) {
				all = append(all, s.Metric)
			}
		}
		return all
	}
	if got := metrics(cells(r, "quality", "a")[0]); slices.Contains(got, probe.DocumentKL) {
		t.Errorf("f32 is compared with itself: %v", got)
	}
	if got := metrics(cells(r, "quality", "a@int8")[0]); !slices.Contains(got, probe.DocumentKL) {
		t.Errorf("int8 is not compared with f32: %v", got)
	}
	if c := cells(r, "quality", "a@nf4")[0]; c.Status != record.Unavailable || !strings.Contains(c.Reason, "precision nf4") {
		t.Errorf("a precision that is not offered: %+v", c)
	}
	if n := len(cells(r, "causality", "a@int8")); n != 1 {
		t.Errorf("%d causality cells guard the quality of a@int8", n)
	}
}

func TestNamesOfPrecisions(t *testing.T) {
	for _, c := range []struct{ name, precision, at, want string }{
		{"", "", "int8", "x@int8"}, {"", "int8", "f32", "x"}, {"mine", "int8", "f32", "mine@f32"}, {"mine", "int8", "int8", "mine"},
	} {
		s := ModelSpec{Name: c.name, Architecture: "x", Precision: c.precision}.normal()
		if got := s.at(c.at).Name; got != c.want {
			t.Errorf("%+v at %s is called %q, want %q", c, c.at, got, c.want)
		}
	}
}

// TestFailures lets one model fail in each way and checks the class of the failure, that the other model is measured and
// that no process is left.
func TestFailures(t *testing.T) {
	on := func(call string, err error) func(context.Context, string) error {
		n := 0
		return func(_ context.Context, c string) error {
			if n++; c == call && n > 12 { // the first calls belong to the plan
				return err
			}
			return nil
		}
	}
	hang := func(ctx context.Context, call string) error {
		if call == "generate" {
			<-ctx.Done()
		}
		return nil
	}
	for _, c := range []struct {
		name  string
		fake  lmfake.Architecture
		probe string
		class string
		text  string
	}{
		{"crash", lmfake.Architecture{Before: on("generate", exit(lmplugin.Crash))}, "decode", "crash", "panic: ouch"},
		{"killed", lmfake.Architecture{Before: on("generate", exit(lmplugin.Killed))}, "decode", "killed", "panic: ouch"},
		{"memory", lmfake.Architecture{Before: on("generate", exit(lmplugin.OutOfMemory))}, "decode", "out of memory", "panic: ouch"},
		{"refused", lmfake.Architecture{Before: on("generate", lm.Errorf(lm.Resource, "generate", "too large"))}, "decode", "out of memory", "last words"},
		{"hang", lmfake.Architecture{Before: hang}, "decode", "time-out", "last words"},
		{"NaN", lmfake.Architecture{NaN: true}, "quality", "non-finite", "last words"},
		{"error", lmfake.Architecture{Before: on("generate", errors.New("odd"))}, "decode", "error", "last words"},
		{"start", lmfake.Architecture{Before: func(_ context.Context, call string) error {
			if call == "start" {
				return exit(lmplugin.Incompatible)
			}
			return nil
		}}, "decode", "version", "panic: ouch"},
		{"noise", lmfake.Architecture{Before: func(_ context.Context, call string) error {
			if call == "start" {
				return exit(lmplugin.Protocol)
			}
			return nil
		}}, "prefill", "protocol", "panic: ouch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := honest()
			c.fake.Name = "a"
			f.all["a"] = &c.fake
			o := options(t, f, mixed, "a", "b")
			if c.name == "hang" {
				o.least = 2 * time.Second
			}
			r := execute(t, openDB(t), o)
			bad := cells(r, c.probe, "a")[0]
			if bad.Status != record.Failed || bad.Failure == nil || bad.Failure.Class != c.class {
				t.Fatalf("got %+v, %+v; want class %q", bad, bad.Failure, c.class)
			}
			if !strings.Contains(bad.Failure.Stderr, c.text) || !strings.Contains(bad.Failure.Reproduce, "--probe "+c.probe+" --model a=a:") {
				t.Errorf("failure %+v", bad.Failure)
			}
			for _, good := range cells(r, c.probe, "b") {
				if good.Status != record.OK {
					t.Errorf("the other model: %s %s", good.Status, good.Point)
				}
			}
			if r.Status != "done" || r.Count(record.Failed) == 0 || f.live != 0 {
				t.Errorf("run %s, %d failed, %d processes left", r.Status, r.Count(record.Failed), f.live)
			}
		})
	}
}

// TestLeak checks that a model that wrongly declares itself causal is caught before its quality is measured.
func TestLeak(t *testing.T) {
	f := honest()
	f.all["a"].Leak = true
	r := execute(t, openDB(t), options(t, f, mixed, "a", "b"))
	if !r.Models[0].LeaksFuture || !r.Models[0].Causal || r.Models[1].LeaksFuture {
		t.Errorf("models %+v", r.Models)
	}
	if c := cells(r, "quality", "a")[0]; c.Status != record.Unavailable || c.Reason != "sees the future" {
		t.Errorf("quality of a model that sees the future: %+v", c)
	}
	for _, s := range cells(r, "stream", "a")[0].Samples {
		if s.Metric == probe.StreamNLL {
			t.Errorf("it has a loss: %+v", s)
		}
	}
	if c := cells(r, "quality", "b")[0]; c.Status != record.OK {
		t.Errorf("the other model: %+v", c)
	}
}

// TestLeakWithoutState checks that a model that reads only whole documents is tested for leaks too.
func TestLeakWithoutState(t *testing.T) {
	f := honest()
	f.all["a"].Leak = true
	f.all["a"].Before = func(_ context.Context, call string) error {
		if call == "state" {
			return lm.Errorf(lm.Unsupported, "new state", "it needs the whole document at once")
		}
		return nil
	}
	r := execute(t, openDB(t), options(t, f, mixed, "a"))
	if c := cells(r, "causality", "a")[0]; c.Status != record.OK || !r.Models[0].LeaksFuture {
		t.Errorf("it was not caught: %+v", c)
	}
	if c := cells(r, "stream", "a")[0]; c.Status != record.Unavailable || !strings.Contains(c.Reason, "whole document") {
		t.Errorf("streaming without state: %+v", c)
	}
}

// TestBudget checks what fills a budget: the causality guard at any cost, then quality, then the cheapest points. The
// other cells must say why they are left out.
func TestBudget(t *testing.T) {
	text := "name: s\nspan: 0s\nprobes:\n  - {probe: prefill, grid: {len: [16, 32, 64]}}\n  - {probe: quality}\n"
	p, err := Prepare(context.Background(), options(t, honest(), text, "a"))
	if err != nil {
		t.Fatal(err)
	}
	p.models["a"].estimator.start = 10 * time.Millisecond
	for i, estimate := range []time.Duration{20 * time.Second, 100 * time.Millisecond, 3 * time.Second, 2 * time.Second, 4 * time.Second} {
		p.Run.Cells[i].Estimate = estimate // causality, three of prefill, quality
	}
	want := 20*time.Second + 2*time.Second + 30*time.Second + 20*time.Second + 4*time.Second + (2+10)*10*time.Millisecond
	if got := p.total(p.Run.All()); got != want {
		t.Errorf("total %v, want %v", got, want)
	}
	p.options.Budget = time.Minute
	p.keepBudget()
	for i, want := range []string{"", "", "left out for the budget of 1m0s: about 30s for all models", "", ""} {
		if c := p.Run.Cells[i]; c.Reason != want || (c.Status == record.Pending) != (want == "") {
			t.Errorf("%s %s: %s %q, want %q", c.Probe, c.Point, c.Status, c.Reason, want)
		}
	}
	p.options.Budget = time.Second
	p.keepBudget()
	if p.Run.Cells[0].Status != record.Pending || p.total(p.Run.All()) != 20*time.Second+10*time.Millisecond {
		t.Errorf("a budget too small for the guard leaves %v", p.total(p.Run.All()))
	}
}

func TestWarmUp(t *testing.T) {
	f := honest()
	var calls int
	f.all["a"].Before = func(_ context.Context, call string) error {
		if call == "step" {
			calls++
		}
		return nil
	}
	p, err := Prepare(context.Background(), options(t, f, "name: s\nprobes:\n  - {probe: prefill, grid: {len: [16, 64]}}\n", "a"))
	if err != nil {
		t.Fatal(err)
	}
	r := newRunner(nil, p)
	w, err := p.models["a"].start(context.Background(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Kill()
	small, large := &p.Run.Cells[0], &p.Run.Cells[1]
	small.Estimate, large.Estimate = time.Millisecond, time.Hour
	for _, c := range []struct {
		name string
		cell *record.Cell
		want int
	}{
		{"a new process is warmed up with the cheapest cell", large, 2},
		{"a long cell has no warm-up of its own", large, 0},
		{"a short cell is warmed up once", small, 1},
	} {
		calls = 0
		if err := r.warmUp(context.Background(), w, c.cell, 0); err != nil || calls != c.want {
			t.Errorf("%s: %d calls, %v; want %d", c.name, calls, err, c.want)
		}
	}
	n := time.Duration(0)
	f.all["a"].Before = func(context.Context, string) error {
		n++
		f.all["a"].PerToken = n * time.Millisecond
		calls++
		return nil
	}
	w.warm, calls = map[string]bool{}, 0
	if err := r.warmUp(context.Background(), w, small, 0); err != nil || calls != 2*mostWarmups+1 { // one more call verifies the first
		t.Errorf("a model that never stabilises: %d calls, %v", calls, err)
	}
}

func TestOptionMistakes(t *testing.T) {
	f := honest()
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"no plugin":  {func(o *Options) { o.Models[0].Architecture = "zebra" }, `no plugin "zebra"`},
		"no corpus":  {func(o *Options) { o.Corpus = "/nowhere" }, "load corpus"},
		"no model":   {func(o *Options) { o.Models = nil }, "at least one suite and one model"},
		"two names":  {func(o *Options) { o.Models[1].Name = "a" }, `two models are called "a"`},
		"no weights": {func(o *Options) { o.Models[0].Checkpoint = t.TempDir() }, "model a"},
		"stride": {func(o *Options) {
			if err := o.Suites[0].Set("stride", "512"); err != nil {
				t.Fatal(err)
			}
		}, "stride 512 is above context 256"},
	} {
		o := options(t, f, mixed, "a", "b")
		c.change(&o)
		if _, err := Prepare(context.Background(), o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestResume stops a run at different measurements and resumes it: it must end with the cells and sample counts of an
// uninterrupted run.
func TestResume(t *testing.T) {
	f := honest()
	f.all["a"].Leak = true
	o := options(t, f, mixed, "a", "b")
	want := counts(execute(t, openDB(t), o))
	for stop := 1; stop < 30; stop += 4 {
		db := openDB(t)
		ctx, cancel := context.WithCancel(context.Background())
		n := 0
		o.Observe = func(Event) {
			if n++; n == stop {
				cancel()
			}
		}
		p, err := Prepare(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := Execute(ctx, db, p); !errors.Is(err, ErrInterrupted) || !strings.Contains(err.Error(), "archbench resume "+p.Run.ID) {
			t.Fatalf("stopped after %d: %v", stop, err)
		}
		if r := load(t, db, p.Run.ID); r.Status != "interrupted" || f.live != 0 {
			t.Errorf("stopped after %d: status %s, %d processes left", stop, r.Status, f.live)
		}
		o.Observe = nil
		if _, err := Resume(context.Background(), db, p.Run.ID, o); err != nil {
			t.Fatal(err)
		}
		got := load(t, db, p.Run.ID)
		if diff := cmp.Diff(want, counts(got)); diff != "" || got.Status != "done" {
			t.Errorf("stopped after %d, then %s:\n%s", stop, got.Status, diff)
		}
		if again, err := Resume(context.Background(), db, p.Run.ID, o); err != nil || again.Status != "done" {
			t.Errorf("resuming a complete run: %v", err)
		}
	}
}

// counts returns the number of samples of each cell, keyed by the cell and its status. It does not count repetitions,
// which depend on the estimates, and the samples of single steps: they are kept only if the host's clock confirms them, which
// a busy machine prevents.
func counts(r *record.Run) map[string]int {
	all := map[string]int{}
	for _, c := range r.Cells {
		n := 0
		for _, s := range c.Samples {
			if s.Metric != probe.StepSeconds && s.Attempt == 0 {
				n++
			}
		}
		all[c.ID+" "+c.Probe+" "+c.Model+" "+c.Point.String()+" "+string(c.Status)] = n
	}
	return all
}

// TestResumeEndsWholeCells ends the cells that have all their blocks but no result, as merging two halves of a run leaves them.
func TestResumeEndsWholeCells(t *testing.T) {
	f := honest()
	o := options(t, f, mixed, "a", "b")
	whole := execute(t, openDB(t), o)
	halves := *whole
	halves.Status, halves.Cells = record.Interrupted, slices.Clone(whole.Cells)
	for i := range halves.Cells {
		if c := &halves.Cells[i]; probe.Find(c.Probe).Timing {
			c.Status = record.Pending
		}
	}
	db := openDB(t)
	if err := db.AddRun(t.Context(), &halves); err != nil {
		t.Fatal(err)
	}
	if _, err := Resume(t.Context(), db, whole.ID, o); err != nil {
		t.Fatal(err)
	}
	got := load(t, db, whole.ID)
	if diff := cmp.Diff(whole.Cells, got.Cells); diff != "" || got.Status != record.Done {
		t.Errorf("%s:\n%s", got.Status, diff)
	}
}

func TestResumeRefuses(t *testing.T) {
	f := honest()
	db := openDB(t)
	o := options(t, f, mixed, "a")
	ctx, cancel := context.WithCancel(context.Background())
	o.Observe = func(Event) { cancel() }
	p, err := Prepare(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := Execute(ctx, db, p); !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	f.changed = "!"
	if _, err := Resume(context.Background(), db, p.Run.ID, o); !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), "plugin of model a") {
		t.Errorf("another plugin: %v", err)
	}
	if _, err := Resume(context.Background(), db, "r-none", o); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no such run: %v", err)
	}
}

// TestHangInPlan checks that a plugin that hangs while the plan is made fails with a time-out instead of blocking.
func TestHangInPlan(t *testing.T) {
	f := honest()
	f.all["a"] = &lmfake.Architecture{Name: "a", Before: func(ctx context.Context, call string) error {
		if call == "score" {
			<-ctx.Done()
		}
		return nil
	}}
	o := options(t, f, mixed, "a", "b")
	o.least = 200 * time.Millisecond
	spec := o.Models[0]
	spec.Precision = "f32"
	e, err := newLoader(o, limitsOf(o), nil).load(t.Context(), spec)
	if err != nil || e.failure == nil || e.failure.Class != "time-out" || !strings.Contains(e.failure.Message, "no answer within the limit of 2s") {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestTinyContexts checks that even the shortest contexts can be planned.
func TestTinyContexts(t *testing.T) {
	for limit := 1; limit < 12; limit++ {
		f := honest()
		f.all["a"].Limit = limit
		if _, err := Prepare(t.Context(), options(t, f, "name: s\nprobes:\n  - {probe: cost, grid: {len: 16}}\n", "a")); err != nil {
			t.Errorf("a context of %d: %v", limit, err)
		}
	}
}

// TestBudgetThinsRounds checks that samples get fewer calls before points are left out.
func TestBudgetThinsRounds(t *testing.T) {
	p, err := Prepare(context.Background(), options(t, honest(), "name: s\nprobes:\n  - {probe: prefill, grid: {len: [16, 32]}}\n", "a"))
	if err != nil {
		t.Fatal(err)
	}
	p.models["a"].estimator.start = 0
	for _, c := range p.Run.All() {
		c.Estimate, c.Rounds = 10*time.Millisecond, 40 // 8.2 s in all
	}
	p.options.Budget = 5 * time.Second
	p.keepBudget()
	for _, c := range p.Run.All() {
		if c.Status != record.Pending || c.Rounds != 20 {
			t.Errorf("%s: %s with %d calls, want 20", c.Point, c.Status, c.Rounds)
		}
	}
}
