package train

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/archbench/archbench/harness/internal/host"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/internal/regularfile"
	"github.com/archbench/archbench/lm"
)

// trainer carries out a plan.
type trainer struct {
	running    Running
	folder     *folder
	record     *record.Training
	plan       *Plan
	data       Data
	companions map[string][]byte
	plugin     *session.Plugin
	session    *session.Session
	model      lm.Model
	training   lm.Training

	now     progress
	since   time.Time // when the first update would have begun without pauses
	speed   speedometer
	journal journal
	stopped bool // out of time
}

// Start trains a model. The result is nil if the training did not begin; after any later error it says how far it came. If the
// context ends, the update in progress is finished, its weights are saved, and the error wraps [ErrInterrupted].
func Start(ctx context.Context, o Options) (result *Result, err error) {
	f, err := create(o.Folder)
	if err != nil {
		return nil, err
	}
	t := &trainer{running: o.Running, folder: f, companions: o.Companions}
	defer func() {
		if result == nil {
			f.abandon()
		}
		err = errors.Join(err, t.close())
	}()
	if err := t.prepare(ctx, o); err != nil {
		return nil, err
	}
	if err := t.begin(ctx, o); err != nil {
		t.record.Status = record.RunFailed
		return nil, errors.Join(err, t.journal.end(context.WithoutCancel(ctx), t.record))
	}
	return t.finish(ctx, t.run(ctx))
}

// prepare finds the plugin, opens the data, makes the trial and fixes the plan.
func (t *trainer) prepare(ctx context.Context, o Options) (err error) {
	t.plan = &Plan{
		Model: o.Model, Seed: o.Seed, Budget: o.Budget, Batch: o.Batch, Length: o.Length, Schedule: o.Schedule, ClipNorm: o.ClipNorm, Optimizer: o.Optimizer,
		Precision: o.Precision, Recompute: o.Recompute, Recoveries: o.Recoveries, Rules: o.Rules,
	}
	if t.plan.Rules == (Rules{}) {
		t.plan.Rules = DefaultRules
	}
	t.now = progress{RateFactor: 1, MicroBatch: o.Batch}
	if err := t.find(o.Plugins, o.Threads); err != nil {
		return err
	}
	t.plan.PluginSHA, t.plan.Threads = t.plugin.SHA256, t.plugin.Limits.Threads
	if err := t.identify(o.Model.Checkpoint); err != nil {
		return err
	}
	if err := t.start(ctx); err != nil {
		return err
	}
	if err := t.load(ctx, t.plan.Model.request(t.plan.Seed), ""); err != nil {
		return err
	}
	if t.data, err = o.Data(ctx, t.model.Info()); err != nil {
		return err
	}
	about := t.data.About()
	t.plan.DataSHA, t.plan.TokenizerSHA = about.SHA256, about.Tokenizer.SHA256
	if err := t.trial(ctx, o); err != nil {
		return err
	}
	t.plan.MicroBatch = t.now.MicroBatch
	info := t.training.Info()
	t.plan.Optimizer, t.plan.Precision = info.Optimizer, info.Precision
	return t.plan.fix(o.EvalEvery)
}

// find finds the plugin.
func (t *trainer) find(plugins session.Plugins, threads int) (err error) {
	if t.plugin, err = session.Find(plugins, t.plan.Model.Architecture, session.Limits{Threads: threads}); err != nil {
		return wrong{ErrRequest, err}
	}
	return nil
}

// identify hashes the first weights.
func (t *trainer) identify(dir string) error {
	if dir == "" {
		return nil
	}
	f, err := checkpoint.Open(dir)
	if err != nil {
		return wrong{ErrRequest, err}
	}
	defer f.Close()
	t.plan.CheckpointSHA, err = f.SHA256()
	return err
}

// start starts a process of the plugin.
func (t *trainer) start(ctx context.Context) (err error) {
	if t.session, err = t.plugin.Start(ctx); err != nil {
		return errors.Join(err, t.session.Close())
	}
	return nil
}

// trainerOf returns the ability to train, or says why a model lacks it.
func trainerOf(m lm.Model) (lm.Trainer, error) {
	if trainer, ok := lm.As[lm.Trainer](m); ok {
		return trainer, nil
	}
	info := m.Info()
	return nil, wrong{ErrRequest, fmt.Errorf("the plugin of %s can train, but not this model: its weights are in %s, and only those in f32 can be trained", info.Architecture, info.Precision)}
}

// load loads a model and opens its training; resume is the checkpoint that both come from, or "".
func (t *trainer) load(ctx context.Context, req lm.LoadRequest, resume string) error {
	if d := t.session.Description; !d.Has(lm.AbilityTrain) {
		return wrong{ErrRequest, fmt.Errorf("the plugin %s cannot train: n/a (no ability %s); archbench plugins list -v shows which can", d.Name, lm.AbilityTrain)}
	}
	loaded, err := t.session.Load(ctx, req)
	if err != nil {
		return err
	}
	trainer, err := trainerOf(loaded.Model)
	if err != nil {
		return errors.Join(err, loaded.Model.Close())
	}
	request := lm.TrainingRequest{Seed: t.plan.Seed, Checkpointing: t.plan.Recompute, Precision: t.plan.Precision, Resume: resume}
	if resume == "" {
		request.Optimizer = t.plan.Optimizer
	}
	training, err := trainer.OpenTraining(ctx, request)
	if lm.KindOf(err) == lm.Invalid || lm.KindOf(err) == lm.Unsupported {
		err = wrong{ErrRequest, err}
	}
	if err != nil {
		return errors.Join(err, loaded.Model.Close())
	}
	t.model, t.training = training.Model(), training
	return nil
}

// unload closes the model and its training.
func (t *trainer) unload() error {
	if t.training == nil {
		return nil
	}
	err := errors.Join(t.training.Close(), t.model.Close())
	t.training, t.model = nil, nil
	return err
}

// begin stores the plan, the first evaluation and a checkpoint before the first update.
func (t *trainer) begin(ctx context.Context, o Options) error {
	t.record = t.newRecord(o)
	names := make([]string, 0, len(o.Companions))
	for name := range o.Companions {
		names = append(names, name)
	}
	if t.running.Planned != nil {
		t.running.Planned(t.record, t.plan)
	}
	if err := t.save(ctx); err != nil { // before the sinks: a full disk or an interruption leaves nothing
		return err
	}
	ctx = context.WithoutCancel(ctx) // what follows takes a moment, and makes a training that can be resumed
	if err := t.beginSinks(ctx); err != nil {
		return err
	}
	t.measured(t.now.First, t.plan.Pace.Evaluation)
	if err := t.journal.flush(ctx, true); err != nil {
		return err
	}
	if err := writeJSON(t.folder.join(planFile), file{Source: o.Source, Companions: names, Training: t.record, Plan: t.plan}); err != nil {
		return err
	}
	t.since = time.Now()
	return nil
}

// newRecord describes the training before its first update.
func (t *trainer) newRecord(o Options) *record.Training {
	info, about := t.model.Info(), t.data.About()
	id := make([]byte, 4)
	_, _ = rand.Read(id) // never fails
	r := &record.Training{
		ID: "t-" + hex.EncodeToString(id), Started: time.Now().UTC(), Status: record.Running, Version: t.running.Version, Command: t.running.Command,
		Folder: t.folder.path, Host: host.Describe(), Plan: t.plan.json(), Data: about.Name, DataSHA: about.SHA256,
		Facts: []record.Fact{{Name: "FLOPs", Value: t.plan.FLOPsBy}},
	}
	r.Model = record.Model{
		Name: filepath.Base(t.folder.path), Architecture: info.Architecture, Mode: info.Mode, Checkpoint: o.Model.Checkpoint, Variant: o.Model.Variant, Seed: o.Seed,
		Precision: info.Precision, Head: info.HeadPrecision, Threads: info.Threads, Device: info.Device.Name, Options: o.Model.Options, Config: info.Config,
		WeightsSHA: t.plan.CheckpointSHA, Tokenizer: about.Tokenizer, PluginSHA: t.plugin.SHA256, PluginPath: t.plugin.Path, Kernels: info.Kernels,
		Parameters: info.Parameters, ContextLimit: info.ContextLimit, TrainedTo: about.Length, Causal: info.Causal, Initialised: info.Initialised,
		StateKind: info.StateKind, Warnings: info.Warnings,
	}
	return r
}

// Began reports whether a folder holds a training that can be resumed, or could if its files were sound.
func Began(path string) bool {
	_, err := os.Lstat(filepath.Join(path, planFile))
	return !errors.Is(err, fs.ErrNotExist)
}

// Source returns what the data of a training in a folder was opened from, and its plan.
func Source(path string) (source []byte, plan *Plan, err error) {
	var saved file
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, nil, err
	}
	if _, err := os.Stat(filepath.Join(path, planFile)); err != nil {
		return nil, nil, wrong{ErrFolder, fmt.Errorf("%s holds no training to resume: %w", path, err)}
	}
	err = readJSON(filepath.Join(path, planFile), &saved)
	if err == nil && (saved.Training == nil || saved.Plan == nil) {
		err = wrong{ErrFolder, fmt.Errorf("%s is not the plan of a training", filepath.Join(path, planFile))}
	}
	return saved.Source, saved.Plan, err
}

// Resume continues the training in o.Folder from its last checkpoint. Of the options only the folder, Plugins, Data and Running
// count; the plan has the others. Plugin, data and checkpoint must be as they were.
func Resume(ctx context.Context, o Options) (result *Result, err error) {
	f, err := open(o.Folder)
	if err != nil {
		return nil, err
	}
	t := &trainer{running: o.Running, folder: f}
	defer func() { err = errors.Join(err, t.close()) }()
	if err := t.reopen(ctx, o); err != nil {
		return nil, err
	}
	return t.finish(ctx, t.run(ctx))
}

// reopen restores the state of the last checkpoint.
func (t *trainer) reopen(ctx context.Context, o Options) error {
	var saved file
	if err := readJSON(t.folder.join(planFile), &saved); err != nil {
		return err
	}
	t.record, t.plan = saved.Training, saved.Plan
	t.record.Command, t.record.Folder = cmp.Or(t.record.Command, o.Command), t.folder.path // which may have been moved
	dir, err := t.folder.newest()
	if err != nil {
		return err
	}
	if err := t.find(o.Plugins, t.plan.Threads); err != nil {
		return err
	}
	if err := t.same(dir); err != nil {
		return err
	}
	if err := t.readCompanions(dir, saved.Companions); err != nil {
		return err
	}
	if err := t.start(ctx); err != nil {
		return err
	}
	if err := t.restore(ctx, dir, nil); err != nil {
		return err
	}
	if t.data, err = o.Data(ctx, t.model.Info()); err != nil {
		return err
	}
	if about := t.data.About(); about.SHA256 != t.plan.DataSHA || about.Tokenizer.SHA256 != t.plan.TokenizerSHA {
		return wrong{ErrFolder, fmt.Errorf("the data (%s) has changed since the training began, so it cannot go on exactly: restore it, or start a new training from %s with --model", about.Name, dir)}
	}
	t.since = time.Now().Add(-t.now.Elapsed)
	t.record.Status, t.record.Ended = record.Running, time.Time{}
	if t.running.Planned != nil {
		t.running.Planned(t.record, t.plan)
	}
	if err := t.beginSinks(ctx); err != nil {
		return err
	}
	if err := t.journal.rewind(ctx, t.now.Attempt, t.now.Update); err != nil {
		return err
	}
	t.event(Resumed, "from "+filepath.Base(dir), "")
	return nil
}

// same checks that the plugin and the checkpoint are those of the training.
func (t *trainer) same(dir string) error {
	p, err := verify(dir)
	switch {
	case err != nil:
		return err
	case p.Training != t.record.ID || p.Architecture != t.record.Model.Architecture:
		return wrong{ErrFolder, fmt.Errorf("checkpoint %s is of training %s of %s, and the folder is of training %s of %s: the checkpoint was not made here",
			dir, p.Training, p.Architecture, t.record.ID, t.record.Model.Architecture)}
	case t.plugin.SHA256 != t.plan.PluginSHA:
		return wrong{ErrFolder, fmt.Errorf("the plugin %s has changed since the training began (sha256 %.10s, then %.10s), so it cannot go on exactly: "+
			"name the old one with --plugin, or start a new training from %s with --model", t.plugin.Path, t.plugin.SHA256, t.plan.PluginSHA, dir)}
	}
	return nil
}

func (t *trainer) readCompanions(dir string, names []string) error {
	t.companions = map[string][]byte{}
	for _, name := range names {
		text, err := regularfile.Read(filepath.Join(dir, filepath.Base(name)), maxCompanion)
		if err != nil {
			return wrong{ErrFolder, err}
		}
		t.companions[name] = text
	}
	return nil
}

// maxCompanion bounds the files that a checkpoint has from the caller, in bytes.
const maxCompanion = 1 << 28

// restore loads the model, the optimizer and the progress of a checkpoint. Options override the config further.
func (t *trainer) restore(ctx context.Context, dir string, options map[string]string) error {
	var saved progress
	if err := readJSON(filepath.Join(dir, progressFile), &saved); err != nil {
		return err
	}
	req := lm.LoadRequest{Checkpoint: dir, Device: t.plan.Model.Device, Options: merged(saved.Options, options)}
	if err := t.load(ctx, req, dir); err != nil {
		return fmt.Errorf("load checkpoint %s: %w", dir, err)
	}
	t.now = saved
	return nil
}

// close ends the plugin and gives the folder back.
func (t *trainer) close() error {
	var err error
	if t.session != nil {
		err = t.session.Close()
	}
	return errors.Join(err, t.folder.close())
}
