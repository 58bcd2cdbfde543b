package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/lmfake"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/lm"
)

// desk is a plugin in this process.
type desk struct {
	*lmfake.Architecture
	sha string
}

func newDesk() *desk {
	return &desk{&lmfake.Architecture{Abilities: []lm.Ability{lm.AbilityTrain, lm.AbilityCost, lm.AbilityMemory, lm.AbilityAnswers}}, "sha"}
}

func (d *desk) Find(string) (path, sha string, err error)                              { return "/p", d.sha, nil }
func (d *desk) Start(context.Context, string, session.Limits) (session.Process, error) { return d, nil }
func (d *desk) PID() int                                                               { return 0 }
func (d *desk) Env() []string                                                          { return nil }
func (d *desk) Stderr() string                                                         { return "" }
func (d *desk) Kill()                                                                  {}
func (d *desk) Close() error                                                           { return nil }

// bytesData draws documents of few bytes, so that a bias of logits learns something.
type bytesData struct {
	sha  string
	size int
}

func (b bytesData) About() About { return About{Name: "few bytes", SHA256: b.sha, Length: 8} }

func (b bytesData) Batch(update int) ([]lm.TrainDocument, error) {
	r := rand.New(rand.NewPCG(7, uint64(update)))
	all := make([]lm.TrainDocument, b.size)
	for i := range all {
		for range 4 + r.IntN(4) {
			all[i].Tokens = append(all[i].Tokens, int32(97+r.IntN(3)))
		}
	}
	return all, nil
}

func (b bytesData) Evaluate(ctx context.Context, m lm.Model) ([]Measure, error) {
	reply, err := m.Score(ctx, lm.ScoreRequest{Sequences: []lm.Sequence{{Tokens: []int32{97, 98, 99, 97, 98}, From: 1}}})
	if err != nil {
		return nil, err
	}
	loss := 0.0
	for _, v := range reply.Scores[0].NLL {
		loss += v / 4
	}
	return []Measure{{Loss, record.Real(loss), "nat", -1}}, nil
}

// memory is a sink.
type memory struct {
	record.TrainingRows
	ended string
}

func (m *memory) Begin(context.Context, *record.Training) error { return nil }

func (m *memory) Rewind(_ context.Context, attempt int, update int64) error {
	m.Steps = slices.DeleteFunc(m.Steps, func(s record.TrainingStep) bool {
		return s.Attempt > attempt || s.Attempt == attempt && s.Update > update
	})
	m.Evaluations = slices.DeleteFunc(m.Evaluations, func(e record.TrainingEvaluation) bool {
		return e.Attempt > attempt || e.Attempt == attempt && e.Update > update
	})
	return nil
}

func (m *memory) Write(_ context.Context, rows record.TrainingRows) error {
	m.Steps, m.Evaluations, m.Events = append(m.Steps, rows.Steps...), append(m.Evaluations, rows.Evaluations...), append(m.Events, rows.Events...)
	return nil
}

func (m *memory) End(_ context.Context, t *record.Training) error {
	m.ended = t.Status
	return nil
}

// events are the events of a training as words.
func (m *memory) events() (all []string) {
	for _, e := range m.Events {
		all = append(all, fmt.Sprintf("%d %d %s", e.Attempt, e.Update, e.Kind))
	}
	return all
}

// optionsOf trains the fake for 30 updates of 4 documents, with an evaluation every 10.
func optionsOf(t *testing.T, d *desk, m *memory) Options {
	t.Helper()
	schedule, err := NewSchedule("cosine", 0.5, 3)
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Folder: filepath.Join(t.TempDir(), "out"), Plugins: d, Model: Model{Architecture: "fake"}, Seed: 5, Batch: 4, MicroBatch: 4, Length: 8, ClipNorm: 1,
		Data:       func(context.Context, lm.ModelInfo) (Data, error) { return bytesData{"data", 4}, nil },
		Companions: map[string][]byte{"tokenizer.json": []byte("{}")}, Budget: Budget{Updates: 30}, Schedule: schedule, EvalEvery: 10,
		Running: Running{Version: "v", Sinks: func(*record.Training, *Plan) []Sink { return []Sink{m} }},
	}
}

// timeless returns a row without times.
func timeless(s record.TrainingStep) record.TrainingStep {
	s.Host, s.Plugin, s.Elapsed = 0, 0, 0
	return s
}

func steps(m *memory) (all []record.TrainingStep) {
	for _, s := range m.Steps {
		all = append(all, timeless(s))
	}
	return all
}

// trained runs a training to its end.
func trained(t *testing.T, o Options) *Result {
	t.Helper()
	r, err := Start(t.Context(), o)
	if err != nil || !r.Complete {
		t.Fatalf("%+v, %v", r, err)
	}
	return r
}

// weights reads the weights of a checkpoint.
func weights(t *testing.T, folder, link string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, link, checkpoint.WeightsFile))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTrain(t *testing.T) {
	var m memory
	o := optionsOf(t, newDesk(), &m)
	r := trained(t, o)
	if len(m.Steps) != 30 || len(m.Evaluations) != 4 || m.events() != nil || m.ended != record.Done {
		t.Errorf("%d updates, %d evaluations, events %q, %s", len(m.Steps), len(m.Evaluations), m.events(), m.ended)
	}
	first, last := m.Evaluations[0], m.Evaluations[3]
	if !(last.Value < first.Value-1) || last.Update != 30 || first.Update != 0 {
		t.Errorf("first %+v, last %+v, best %+v", first, last, r.Best)
	}
	if s := m.Steps[29]; s.Tokens != r.Training.Tokens || s.FLOPs != 30*10*4*8 || s.Rate != r.Plan.Schedule.Rate(30, 30) || !s.Applied || s.GradientNorms["head"] != s.GradientNorm {
		t.Errorf("last update %+v", s)
	}
	dir := filepath.Join(o.Folder, lastLink)
	card, err := checkpoint.ReadCard(dir)
	if err != nil || card == nil || card.TokensSeen != r.Training.Tokens || card.TrainedContext != 8 {
		t.Errorf("card %+v, %v", card, err)
	}
	p, err := verify(dir)
	if err != nil || p.OrderSHA != r.Training.OrderSHA || p.Tensors[checkpoint.WeightsFile]["bias"] == "" || p.Files["tokenizer.json"] == "" || p.ConfigSHA == "" {
		t.Errorf("provenance %+v, %v", p, err)
	}
	entries, _ := os.ReadDir(filepath.Join(o.Folder, checkpoints))
	if len(entries) != 2 {
		t.Errorf("%d checkpoints, want the last and the one before it, which is stable", len(entries))
	}
}

// TestMicroBatches trains with one document a step: the same updates up to rounding.
func TestMicroBatches(t *testing.T) {
	var whole, parts memory
	trained(t, optionsOf(t, newDesk(), &whole))
	o := optionsOf(t, newDesk(), &parts)
	o.MicroBatch = 1
	trained(t, o)
	for i, s := range parts.Steps {
		if want := whole.Steps[i]; math.Abs(float64(s.Loss-want.Loss)) > 1e-5 || s.Targets != want.Targets || s.Tokens != want.Tokens {
			t.Fatalf("update %d: %+v, want %+v", i+1, s, want)
		}
	}
}

// TestResumeIsExact interrupts trainings between updates, within one, in an evaluation and in a save, and continues them.
func TestResumeIsExact(t *testing.T) {
	var whole memory
	o := optionsOf(t, newDesk(), &whole)
	want := trained(t, o)
	wanted, best := weights(t, o.Folder, lastLink), weights(t, o.Folder, bestLink)
	for name, stop := range map[string]func(d *desk, cancel func()) (Observe func(Progress)){
		"between updates":   func(_ *desk, cancel func()) func(Progress) { return func(p Progress) { cancelAt(p, 13, cancel) } },
		"at a checkpoint":   func(_ *desk, cancel func()) func(Progress) { return func(p Progress) { cancelAt(p, 20, cancel) } },
		"dead in an update": func(d *desk, _ func()) func(Progress) { failAt(d, "trainstep", 17); return nil },
		"dead in scoring":   func(d *desk, _ func()) func(Progress) { failAt(d, "score", 3); return nil },
		"full disk":         func(d *desk, _ func()) func(Progress) { failAt(d, "savetraining", 3); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			var m memory
			d := newDesk()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o := optionsOf(t, d, &m)
			o.Observe = stop(d, cancel)
			if _, err := Start(ctx, o); err == nil || ctx.Err() != nil && !errors.Is(err, ErrInterrupted) || ctx.Err() == nil && !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("ended with %v", err)
			}
			if m.ended != record.Interrupted {
				t.Errorf("status %s", m.ended)
			}
			if _, err := verify(filepath.Join(o.Folder, lastLink)); err != nil {
				t.Fatal(err)
			}
			d.Before, o.Observe = nil, nil
			r, err := Resume(t.Context(), o)
			if err != nil || !r.Complete {
				t.Fatalf("%+v, %v", r, err)
			}
			if diff := cmp.Diff(steps(&whole), steps(&m)); diff != "" {
				t.Error(diff)
			}
			if r.Training.OrderSHA != want.Training.OrderSHA || r.BestAt != want.BestAt || r.Best[0] != want.Best[0] || len(m.Evaluations) != 4 || m.ended != record.Done {
				t.Errorf("%+v, want %+v; %d evaluations", r, want, len(m.Evaluations))
			}
			if !bytes.Equal(weights(t, o.Folder, lastLink), wanted) || !bytes.Equal(weights(t, o.Folder, bestLink), best) {
				t.Error("other weights")
			}
		})
	}
}

func cancelAt(p Progress, update int64, cancel func()) {
	if p.Update == update {
		cancel()
	}
}

// failAt makes the call with that number, and all later ones of its name, fail.
func failAt(d *desk, call string, number int32) {
	var calls atomic.Int32
	d.Before = func(_ context.Context, name string) error {
		if name == call && calls.Add(1) >= number {
			return fmt.Errorf("write: %w", syscall.ENOSPC)
		}
		return nil
	}
}

// TestMonitors injects faults into replies: exactly their events are recorded, and a training without recoveries goes on.
func TestMonitors(t *testing.T) {
	for name, c := range map[string]struct {
		at   []int64
		tell func(r *lm.TrainReply)
		want []string
	}{
		"a spike":      {[]int64{20}, func(r *lm.TrainReply) { r.Loss += 9 }, []string{"0 20 loss spike"}},
		"an explosion": {[]int64{20}, func(r *lm.TrainReply) { r.GradientNorm *= 1e4 }, []string{"0 20 explosion"}},
		"not finite":   {[]int64{20, 21, 22}, func(r *lm.TrainReply) { r.Loss, r.Finite = math.NaN(), false }, []string{"0 20 non-finite", "0 21 non-finite", "0 22 non-finite"}},
	} {
		t.Run(name, func(t *testing.T) {
			var m memory
			o := optionsOf(t, faulty(c.at, c.tell), &m)
			if r, err := Start(t.Context(), o); err != nil || !r.Complete || len(m.Steps) != 30 {
				t.Fatalf("%+v, %v, %d updates", r, err, len(m.Steps))
			}
			if diff := cmp.Diff(c.want, m.events()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// faulty is a plugin that changes its replies to the updates with these numbers, counted over its lifetime without the trial.
func faulty(at []int64, tell func(*lm.TrainReply)) *desk {
	d := newDesk()
	n := int64(0)
	d.Tell = func(reply any) {
		if r, ok := reply.(*lm.TrainReply); ok {
			if n++; slices.Contains(at, n) {
				tell(r)
			}
		}
	}
	return d
}

// TestRecovery lets the losses of a training be no numbers for three updates: it goes back to the stable checkpoint with a lower
// rate and more damping, and ends well. A killed process changes nothing of that.
func TestRecovery(t *testing.T) {
	var m memory
	d := faulty([]int64{25, 26, 27}, func(r *lm.TrainReply) { r.Finite = false })
	d.Config = `{"eta_min": 0.1}`
	o := optionsOf(t, d, &m)
	o.Recoveries = 1
	o.Observe = func(p Progress) {
		if p.Event != nil && p.Event.Kind == Recovery {
			failAt(d, "trainstep", 4)
		}
	}
	if _, err := Start(t.Context(), o); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	d.Before = nil
	r, err := Resume(t.Context(), o)
	if err != nil || !r.Complete {
		t.Fatal(err)
	}
	want := []string{"0 25 non-finite", "0 26 non-finite", "0 27 non-finite", "1 10 recovery", "1 13 stopped", "1 10 resumed"}
	if diff := cmp.Diff(want, m.events()); diff != "" {
		t.Error(diff)
	}
	if action := m.Events[2].Action; action != "back to update 10; learning rate × 0.5; eta_min 0.15" {
		t.Errorf("action %q", action)
	}
	last := m.Steps[len(m.Steps)-1]
	if last.Attempt != 1 || last.Update != 30 || last.Rate != 0.5*r.Plan.Schedule.Rate(30, 30) || len(m.Steps) != 27+20 {
		t.Errorf("%d updates, the last %+v", len(m.Steps), last)
	}
}

// spoilt is a plugin whose losses are NaN in an evaluation, of which 0 is the one before the first update.
func spoilt(evaluation int32) *desk {
	d := newDesk()
	var n atomic.Int32
	d.Before = func(_ context.Context, call string) error {
		if call == "score" && n.Add(1) == evaluation+1 {
			return lm.Faultf(lm.NonFinite, "loss 0 is NaN")
		}
		return nil
	}
	return d
}

// TestSpoiltWeights evaluates weights whose losses are NaN: the training has diverged, or goes back to the stable checkpoint.
func TestSpoiltWeights(t *testing.T) {
	var m memory
	o := optionsOf(t, spoilt(2), &m)
	r, err := Start(t.Context(), o)
	if !errors.Is(err, ErrDiverged) || !strings.Contains(err.Error(), "evaluate update 20: ") || !strings.Contains(err.Error(), "lower --lr") {
		t.Fatal(err)
	}
	if last, _ := os.Readlink(filepath.Join(o.Folder, lastLink)); filepath.Base(last) != name(10, 0, true) || r.Complete {
		t.Errorf("the last checkpoint is %s", last)
	}
	m = memory{}
	o = optionsOf(t, spoilt(2), &m)
	o.Recoveries = 1
	if r, err = Start(t.Context(), o); err != nil || !r.Complete {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"0 20 non-finite", "1 0 recovery"}, m.events()); diff != "" {
		t.Error(diff)
	}
}

// TestMovedFolder resumes a training whose folder was moved: its rows go where the folder is.
func TestMovedFolder(t *testing.T) {
	var m memory
	o := optionsOf(t, newDesk(), &m)
	ctx, cancel := context.WithCancel(t.Context())
	o.Observe = func(p Progress) { cancelAt(p, 15, cancel) }
	if _, err := Start(ctx, o); !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(o.Folder, moved); err != nil {
		t.Fatal(err)
	}
	o.Folder, o.Observe = moved, nil
	if r, err := Resume(t.Context(), o); err != nil || r.Training.Folder != moved {
		t.Errorf("%v, %+v", err, r)
	}
}

// TestKilledBeforeTheFirstUpdate starts in what is left of a process that was killed before it stored its plan: nothing of it counts.
func TestKilledBeforeTheFirstUpdate(t *testing.T) {
	var m, whole memory
	want := optionsOf(t, newDesk(), &whole)
	trained(t, want)
	o := optionsOf(t, newDesk(), &m)
	first := filepath.Join(o.Folder, checkpoints, name(0, 0, true))
	if err := errors.Join(os.MkdirAll(first, 0o755), os.WriteFile(filepath.Join(o.Folder, lockFile), nil, 0o644),
		os.Symlink(filepath.Join(checkpoints, name(0, 0, true)), filepath.Join(o.Folder, lastLink))); err != nil {
		t.Fatal(err)
	}
	trained(t, o)
	if !bytes.Equal(weights(t, o.Folder, lastLink), weights(t, want.Folder, lastLink)) {
		t.Error("other weights")
	}
}

// TestOutOfMemory lets a step fail for lack of memory: it is repeated with half as many documents.
func TestOutOfMemory(t *testing.T) {
	var m, whole memory
	trained(t, optionsOf(t, newDesk(), &whole))
	d := newDesk()
	var calls atomic.Int32
	d.Before = func(_ context.Context, name string) error {
		if name == "trainstep" && calls.Add(1) == 15 {
			return lm.Errorf(lm.Resource, "trainstep", "too large")
		}
		return nil
	}
	trained(t, optionsOf(t, d, &m))
	if diff := cmp.Diff([]string{"0 14 no memory", "1 10 recovery"}, m.events()); diff != "" {
		t.Error(diff)
	}
	if len(m.Steps) != 14+20 || math.Abs(float64(m.Steps[33].Loss-whole.Steps[29].Loss)) > 1e-5 || !strings.HasSuffix(m.Events[0].Action, "steps of 2 documents instead of 4") {
		t.Errorf("%d updates, %+v", len(m.Steps), m.Events[0])
	}
}

// TestGivesUp stops a training that makes no more updates.
func TestGivesUp(t *testing.T) {
	var m memory
	at := make([]int64, 20)
	for i := range at {
		at[i] = int64(5 + i)
	}
	o := optionsOf(t, faulty(at, func(r *lm.TrainReply) { r.Finite = false }), &m)
	if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "10 updates in a row") || len(m.Steps) != 14 {
		t.Errorf("%v, %d updates", err, len(m.Steps))
	}
}

// TestBudgetOfTime trains for a second of a clock that the fake's calls take.
func TestBudgetOfTime(t *testing.T) {
	var m memory
	d := newDesk()
	d.Sleep = 2 * time.Millisecond
	o := optionsOf(t, d, &m)
	o.Budget, o.EvalEvery, o.Schedule.Warmup = Budget{Time: time.Second}, 0, -1
	r, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Plan.Updates < 2 || r.Plan.Schedule.Warmup < 1 || r.Plan.Trial <= 0 || r.Plan.Pace.Update <= 0 {
		t.Errorf("plan %+v", r.Plan)
	}
	last := m.Evaluations[len(m.Evaluations)-1]
	if last.Update != r.Training.Updates || r.Complete != (last.Update == r.Plan.Updates) || r.Complete == slices.ContainsFunc(m.Events, func(e record.TrainingEvent) bool { return e.Kind == Overtime }) {
		t.Errorf("last evaluation %+v, complete %v, events %q", last, r.Complete, m.events())
	}
}

func TestBudgetOfFLOPs(t *testing.T) {
	var m memory
	o := optionsOf(t, newDesk(), &m)
	o.Budget = Budget{FLOPs: 12.5 * 10 * 4 * 8}
	if r := trained(t, o); r.Plan.Updates != 12 {
		t.Errorf("%d updates", r.Plan.Updates)
	}
}

// refusal is a training that is refused: what is tried, and the words and kind of the error. The options are those of a folder that
// must not be there afterwards.
type refusal struct {
	try  func(t *testing.T) (Options, error)
	want string
	kind error
}

// refused tries refusals.
func refused(t *testing.T, all map[string]refusal) {
	t.Helper()
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			o, err := c.try(t)
			if err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, c.kind) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if _, err := os.Stat(o.Folder); o.Folder != "" && err == nil {
				t.Error("a folder was left behind")
			}
		})
	}
}

// done is a training that has ended.
func done(t *testing.T) (Options, *desk) {
	t.Helper()
	d := newDesk()
	o := optionsOf(t, d, new(memory))
	trained(t, o)
	return o, d
}

// TestRefusals lists what cannot be trained, and checks that nothing is left behind or changed.
func TestRefusals(t *testing.T) {
	refused(t, map[string]refusal{
		"no ability": {func(t *testing.T) (Options, error) {
			d := newDesk()
			d.Abilities = []lm.Ability{lm.AbilityCost}
			o := optionsOf(t, d, new(memory))
			_, err := Start(t.Context(), o)
			return o, err
		}, "cannot train: n/a (no ability train)", ErrRequest},
		"not this model": {func(t *testing.T) (Options, error) {
			d := newDesk()
			d.Tell = func(reply any) {
				if info, ok := reply.(*lm.ModelInfo); ok {
					info.Abilities, info.Precision = []lm.Ability{lm.AbilityCost}, "int8"
				}
			}
			o := optionsOf(t, d, new(memory))
			_, err := Start(t.Context(), o)
			return o, err
		}, "its weights are in int8", ErrRequest},
		"unknown optimizer": {func(t *testing.T) (Options, error) {
			o := optionsOf(t, newDesk(), new(memory))
			o.Optimizer.Name = "dream"
			_, err := Start(t.Context(), o)
			return o, err
		}, "not dream", ErrRequest},
		"a training is there": {func(t *testing.T) (Options, error) {
			o, _ := done(t)
			_, err := Start(t.Context(), o)
			return Options{}, err
		}, "continue it with archbench train --resume", ErrFolder},
		"something is there": {func(t *testing.T) (Options, error) {
			o := optionsOf(t, newDesk(), new(memory))
			if err := os.MkdirAll(filepath.Join(o.Folder, "photos"), 0o755); err != nil {
				t.Fatal(err)
			}
			_, err := Start(t.Context(), o)
			return Options{}, err
		}, "is not empty, and holds no training", ErrFolder},
		"checkpoints of others are there": {func(t *testing.T) (Options, error) {
			o := optionsOf(t, newDesk(), new(memory))
			if err := os.MkdirAll(filepath.Join(o.Folder, checkpoints, "epoch-1"), 0o755); err != nil {
				t.Fatal(err)
			}
			_, err := Start(t.Context(), o)
			return Options{}, err
		}, "is not empty, and holds no training", ErrFolder},
		"no room for the first checkpoint": {func(t *testing.T) (Options, error) {
			d := newDesk()
			failAt(d, "savetraining", 1)
			o := optionsOf(t, d, new(memory))
			o.Sinks = func(r *record.Training, _ *Plan) []Sink {
				if err := os.WriteFile(filepath.Join(r.Folder, "rows.jsonl"), nil, 0o644); err != nil {
					t.Error(err)
				}
				return nil
			}
			_, err := Start(t.Context(), o)
			return o, err
		}, "no space left", syscall.ENOSPC},
	})
}

// TestResumeRefusals lists what cannot be resumed.
func TestResumeRefusals(t *testing.T) {
	refused(t, map[string]refusal{
		"nothing to resume": {func(t *testing.T) (Options, error) {
			o := optionsOf(t, newDesk(), new(memory))
			_, err := Resume(t.Context(), o)
			return o, err
		}, "holds no training to resume", ErrFolder},
		"another process": {func(t *testing.T) (Options, error) {
			o, _ := done(t)
			f, err := open(o.Folder)
			if err != nil {
				t.Fatal(err)
			}
			defer f.close()
			_, err = Resume(t.Context(), o)
			return Options{}, err
		}, "another process trains in", ErrFolder},
		"another plugin": {func(t *testing.T) (Options, error) {
			o, d := done(t)
			d.sha = "new"
			_, err := Resume(t.Context(), o)
			return Options{}, err
		}, "the plugin /p has changed", ErrFolder},
		"other data": {func(t *testing.T) (Options, error) {
			o, _ := done(t)
			o.Data = func(context.Context, lm.ModelInfo) (Data, error) { return bytesData{"other", 4}, nil }
			_, err := Resume(t.Context(), o)
			return Options{}, err
		}, "the data (few bytes) has changed", ErrFolder},
		"a byte has changed": {func(t *testing.T) (Options, error) {
			o, _ := done(t)
			path := filepath.Join(o.Folder, lastLink, checkpoint.WeightsFile)
			data := weights(t, o.Folder, lastLink)
			data[len(data)-1] ^= 1
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := Resume(t.Context(), o)
			return Options{}, err
		}, `tensor "bias" of model.safetensors has changed`, ErrFolder},
		"another architecture": {func(t *testing.T) (Options, error) {
			o, _ := done(t)
			path := filepath.Join(o.Folder, lastLink, provenanceFile)
			var p Provenance
			if err := errors.Join(readJSON(path, &p), func() error { p.Architecture = "gpt2"; return writeJSON(path, p) }()); err != nil {
				t.Fatal(err)
			}
			_, err := Resume(t.Context(), o)
			return Options{}, err
		}, "of gpt2, and the folder is of training", ErrFolder},
	})
}

// TestSource returns what the caller stored, and the plan.
func TestSource(t *testing.T) {
	o := optionsOf(t, newDesk(), new(memory))
	o.Source = json.RawMessage(`{"task":"x"}`)
	trained(t, o)
	source, plan, err := Source(o.Folder)
	if err != nil || plan.Updates != 30 || strings.Join(strings.Fields(string(source)), "") != `{"task":"x"}` {
		t.Errorf("%s, %+v, %v", source, plan, err)
	}
}

func TestSmall(t *testing.T) {
	if got := fitting(8, []lm.ByteClass{{Bytes: 100}, {Bytes: 1000, Device: "cuda:0"}}, 1000); got != 5 {
		t.Errorf("%d documents fit", got)
	}
	for _, c := range []struct {
		bytes, free int64
		want        int
	}{{0, 0, 8}, {100, 50, 1}, {1, 1 << 40, 8}} {
		if got := fitting(8, []lm.ByteClass{{Bytes: c.bytes}}, c.free); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
	for config, want := range map[string]string{`{"eta_min": 0.001}`: "0.0015", `{"eta_min": 0.9}`: "1", `{"eta_min": 1}`: "", `{}`: "", `{"eta_min": "x"}`: "", `no`: ""} {
		if got, ok := moreDamping(config); got != want || ok != (want != "") {
			t.Errorf("%s: %q", config, got)
		}
	}
	for checkpoint, want := range map[string]string{"00000000-0": "0", "00000120-1-stopped": "120"} {
		if got := updateOf(checkpoint); got != want {
			t.Errorf("%s: %s", checkpoint, got)
		}
	}
	one, two, none := []Measure{{Value: 1, Better: -1}}, []Measure{{Value: 2, Better: -1}}, []Measure{{Value: record.Real(math.NaN()), Better: -1}}
	if !better(one, two) || better(two, one) || better(none, one) || !better(one, nil) || better(one, one) || better(nil, nil) {
		t.Error("better")
	}
}

// TestInterruptedBeforeTheFirst leaves no folder, and no training in the sinks.
func TestInterruptedBeforeTheFirst(t *testing.T) {
	var m memory
	ctx, cancel := context.WithCancel(t.Context())
	o := optionsOf(t, newDesk(), &m)
	o.Planned = func(*record.Training, *Plan) { cancel() }
	if r, err := Start(ctx, o); r != nil || !errors.Is(err, context.Canceled) || m.ended != "" || !m.Empty() {
		t.Errorf("%+v, %v, %s", r, err, m.ended)
	}
	if _, err := os.Stat(o.Folder); err == nil {
		t.Error("a folder was left behind")
	}
}

// TestInterruptedAtTheFirst can be resumed.
func TestInterruptedAtTheFirst(t *testing.T) {
	var m memory
	ctx, cancel := context.WithCancel(t.Context())
	o := optionsOf(t, newDesk(), &m)
	o.Observe = func(p Progress) { cancelAt(p, 0, cancel) }
	if r, err := Start(ctx, o); r == nil || !errors.Is(err, ErrInterrupted) || m.ended != record.Interrupted {
		t.Errorf("%+v, %v, %s", r, err, m.ended)
	}
	o.Observe = nil
	if r, err := Resume(t.Context(), o); err != nil || !r.Complete || len(m.Steps) != 30 || len(m.Evaluations) != 4 {
		t.Errorf("%+v, %v, %d updates", r, err, len(m.Steps))
	}
}
