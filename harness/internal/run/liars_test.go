package run

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/archbench/archbench/harness/internal/lmfake"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/report"
	"github.com/archbench/archbench/lm"
)

// escape is text that a terminal would interpret.
const escape = "\x1b[2J\u202e"

// lies turns the fake into dishonest plugins, by the name of the variant that they load.
var lies = map[string]func(*lmfake.Architecture){
	"negative":  tells(func(r *lm.ScoreReply) { eachLoss(r, func(x float64) float64 { return -x }) }),
	"zero":      tells(func(r *lm.ScoreReply) { eachLoss(r, func(float64) float64 { return 0 }) }),
	"unrelated": tells(func(r *lm.ScoreReply) { eachLoss(r, func(x float64) float64 { return x / 2 }) }),
	"when unwatched": tells(func(r *lm.ScoreReply) {
		if len(r.Scores[0].Logits) == 0 {
			eachLoss(r, func(x float64) float64 { return x / 2 })
		}
	}),
	"in batches": tells(func(r *lm.ScoreReply) { // honest while the plan is made
		if len(r.Scores) > 1 && len(r.Scores[0].Logits) == 0 {
			eachLoss(r, func(x float64) float64 { return x / 2 })
		}
	}),
	"far losses": tells(func(r *lm.StepReply) {
		if nll := r.Outputs[0].NLL; len(nll) > 1023 { // chunks of the stream, not of the comparison with scoring
			clear(nll)
		}
	}),
	"tired steps":  tells(after(1, func(r *lm.StepReply) { clear(r.Outputs[0].Logits) })),
	"tired maker":  tells(after(1, func(r *lm.GenerateChunk) { clear(r.Tokens[0]) })),
	"not a number": func(a *lmfake.Architecture) { a.NaN = true },
	"step losses":  tells(func(r *lm.StepReply) { clear(r.Outputs[0].NLL) }),
	"empty steps":  tells(func(r *lm.StepReply) { clear(r.Outputs) }),
	"no step work": tells(func(r *lm.StepReply) { clear(r.Outputs[0].Logits) }),
	"no new work":  tells(func(r *lm.GenerateChunk) { clear(r.Tokens[0]) }),
	"alien tokens": tells(func(r *lm.GenerateChunk) { r.Tokens[0][0] = 999 }),
	"few tokens":   tells(func(r *lm.GenerateChunk) { r.Tokens[0] = r.Tokens[0][1:] }),
	"slow clock":   func(a *lmfake.Architecture) { a.Sleep = 20 * time.Millisecond }, // sleeps before its clock starts
	"shifted clock": func(a *lmfake.Architecture) {
		a.Before = func(_ context.Context, call string) error {
			if call == "generate" {
				time.Sleep(20 * time.Millisecond)
			}
			return nil
		}
		tells(func(r *lm.GenerateChunk) { r.Prefill, r.Compute, r.Steps = 19*time.Millisecond, time.Microsecond, nil })(a)
	},
	"short steps": tells(func(r *lm.GenerateChunk) { clear(r.Steps) }),
	"fast clock":  func(a *lmfake.Architecture) { a.PerToken = time.Hour },
	"parameters":  tells(func(m *lm.ModelInfo) { m.Parameters = -1 }),
	"bytes":       tells(func(m *lm.ModelInfo) { m.Bytes[0].Bytes = 1e18 }),
	"FLOPs":       tells(func(m *lm.CostReply) { m.Analytic[0].FLOPs = -1 }),
	"memory":      tells(func(m *lm.Memory) { m.Peak[0].Bytes = 1e18 }),
	"unsteady":    func(a *lmfake.Architecture) { a.Unsteady = true },
	"escapes": func(a *lmfake.Architecture) {
		tells(func(m *lm.ModelInfo) { m.Mode, m.StateKind, m.Warnings = escape, escape, []string{escape} })(a)
		a.Before = func(_ context.Context, call string) error {
			if call != "generate" {
				return nil
			}
			fmt.Fprintln(stderr, "last words "+escape)
			return lm.Errorf(lm.Internal, "", "odd %s", escape)
		}
	},
}

// tells changes one kind of reply.
func tells[R any](change func(*R)) func(*lmfake.Architecture) {
	return func(a *lmfake.Architecture) {
		a.Tell = func(reply any) {
			if own, ok := reply.(*R); ok {
				change(own)
			}
		}
	}
}

// after leaves the first replies of a kind unchanged, like a plugin that behaves only during warm-up.
func after[R any](first int, change func(*R)) func(*R) {
	n := 0
	return func(r *R) {
		if n++; n > first {
			change(r)
		}
	}
}

func eachLoss(r *lm.ScoreReply, change func(float64) float64) {
	for _, s := range r.Scores {
		for i := range s.NLL {
			s.NLL[i] = change(s.NLL[i])
		}
	}
}

const liarsSuite = `name: liars
repeats: 1
probes:
  - {probe: cost, grid: {len: 16}}
  - {probe: memory, grid: {len: 16}}
  - {probe: quality, grid: {context: 64, stride: 64}, with: {text_bytes: 1024}}
  - {probe: stream, grid: {len: 4096}}
  - {probe: prefill, grid: {len: 16}}
  - {probe: ttft, grid: {len: 16}}
  - {probe: decode, grid: {depth: 16}}
`

// TestLiars checks that each lie fails the affected cells with its class.
func TestLiars(t *testing.T) {
	for name, want := range map[string]map[string]string{ // probe -> class; "": measured
		"default":        {"quality": "", "stream": "", "prefill": "", "ttft": "", "decode": "", "causality": "", "cost": "", "memory": ""},
		"negative":       {"quality": "protocol", "prefill": "protocol", "decode": "protocol"},
		"zero":           {"quality": "contradiction", "prefill": "contradiction"},
		"unrelated":      {"quality": "contradiction", "decode": "contradiction"},
		"when unwatched": {"quality": "contradiction"},
		"in batches":     {"quality": "contradiction"},
		"far losses":     {"stream": "contradiction", "quality": ""},
		"tired steps":    {"prefill": "contradiction", "quality": "", "decode": ""},
		"tired maker":    {"decode": "contradiction", "ttft": "contradiction", "quality": ""},
		"not a number":   {"quality": "non-finite"},
		"step losses":    {"stream": "contradiction", "quality": ""},
		"empty steps":    {"stream": "protocol", "prefill": "protocol"},
		"no step work":   {"prefill": "contradiction", "quality": ""},
		"no new work":    {"decode": "contradiction", "ttft": "contradiction", "prefill": ""},
		"alien tokens":   {"decode": "protocol", "ttft": "protocol"},
		"few tokens":     {"decode": "protocol", "ttft": "protocol"},
		"slow clock":     {"prefill": "contradiction", "decode": "contradiction", "ttft": "contradiction", "quality": ""},
		"shifted clock":  {"decode": "contradiction", "prefill": ""},
		"short steps":    {"decode": "", "ttft": ""},
		"fast clock":     {"prefill": "contradiction", "quality": "contradiction"},
		"parameters":     {"cost": "protocol", "prefill": "protocol"},
		"bytes":          {"memory": "protocol", "prefill": "protocol"},
		"FLOPs":          {"cost": "protocol"},
		"memory":         {"memory": "protocol"},
		"unsteady":       {"causality": "non-deterministic", "prefill": ""},
		"escapes":        {"decode": "error", "prefill": ""},
	} {
		t.Run(name, func(t *testing.T) {
			suite, models := liarsSuite, []string{name}
			if !strings.HasSuffix(name, "clock") {
				t.Parallel() // it mostly waits for processes
			} else {
				suite = strings.Replace(suite, "repeats: 1", "repeats: 6", 1) // with fewer calls all may have been delayed
				models = append(models, "honest")
			}
			r := execute(t, openDB(t), realOptions(parseSuite(t, suite), corpusFile(t), models...))
			for kind, class := range want {
				c := cells(r, kind, name)[0]
				switch {
				case class == "" && c.Status != record.OK:
					t.Errorf("%s: %s %s %+v", kind, c.Status, c.Reason, c.Failure)
				case class != "" && (c.Status != record.Failed || c.Failure.Class != class):
					t.Errorf("%s: %s %+v, want class %q", kind, c.Status, c.Failure, class)
				}
			}
			if q := cells(r, "quality", name)[0]; name == "unsteady" && (q.Status != record.Unavailable || !strings.Contains(q.Reason, "not deterministic")) {
				t.Errorf("the quality of a non-deterministic model: %s %s", q.Status, q.Reason)
			}
			if d := cells(r, "decode", name)[0]; name == "short steps" && slices.ContainsFunc(d.Samples, func(s record.Sample) bool { return s.Metric == probe.StepSeconds }) {
				t.Error("step times that do not add up to the decoding time were kept")
			}
			for _, c := range r.Cells {
				if c.Model == "honest" && c.Status != record.OK {
					t.Errorf("the honest model: %s %s %+v", c.Probe, c.Status, c.Failure)
				}
			}
		})
	}
}

// TestEscapesAreQuoted checks that terminal escapes in a plugin's text reach neither the database nor a report.
func TestEscapesAreQuoted(t *testing.T) {
	db := openDB(t)
	r := execute(t, db, realOptions(parseSuite(t, liarsSuite), corpusFile(t), "escapes"))
	if c := cells(r, "decode", "escapes")[0]; !strings.Contains(c.Failure.Stderr, `last words \u001b[2J\u202e`) || !strings.Contains(c.Failure.Message, `odd \u001b[2J\u202e`) {
		t.Errorf("%+v", c.Failure)
	}
	dir := t.TempDir()
	if _, err := report.Build(r).Write(dir); err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"*.html", "*.md", "*.json", "tables/*.csv", "figures/*.svg"} {
		files, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, file := range append(files, db.Path(), db.Path()+"-wal") {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(data), escape[:4]) || strings.Contains(string(data), "\u202e") {
				t.Errorf("%s contains a terminal escape", file)
			}
		}
	}
}
