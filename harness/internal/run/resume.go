package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/archbench/archbench/harness/internal/host"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/store"
)

// ErrChanged says that something a run depends on has changed, so that new samples would not belong to its cells.
var ErrChanged = errors.New("run: changed since the run started")

// Resume measures the pending cells and missing blocks of a run. Plugins, weights, text and, for timings, the host must
// be those of the run, and no other process may be measuring it. Suites, Models, Seed, Threads and Corpus of the options
// are ignored.
func Resume(ctx context.Context, db *store.DB, id string, o Options) (*record.Run, error) {
	run, err := db.LoadRun(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := db.Claim(ctx, run.ID, o.TakeOver); err != nil {
		return nil, err
	}
	if run, err = db.LoadRun(ctx, run.ID); err != nil { // another process may have continued it before the claim
		return nil, err
	}
	if run.Count(record.Pending) == 0 {
		return run, finish(ctx, db, run)
	}
	p := &Plan{Run: run, options: o, models: map[string]*loadedModel{}}
	if err := p.reopen(ctx); err != nil {
		err = fmt.Errorf("resume run %s: %w", run.ID, err)
		return nil, errors.Join(err, db.Release(context.WithoutCancel(ctx), run.ID))
	}
	if o.Reopened != nil {
		o.Reopened(p)
	}
	run.Status = record.Running
	if err := db.SetStatus(ctx, run); err != nil {
		return nil, err
	}
	return run, newRunner(db, p).measureAll(ctx)
}

// finish marks a complete run as done: it may have been stopped before it could do so.
func finish(ctx context.Context, db *store.DB, run *record.Run) error {
	run.Status = outcome(run)
	if run.Ended.IsZero() {
		run.Ended = time.Now().UTC()
	}
	return db.SetStatus(ctx, run)
}

// reopen loads the models with pending cells and checks that nothing has changed.
func (p *Plan) reopen(ctx context.Context) error {
	o := p.options
	o.Corpus = p.Run.Corpus
	var t *corpora
	wanted := map[string]bool{}
	timing, reads := false, false
	for _, c := range p.Run.All() {
		kind := probe.Find(c.Probe)
		switch {
		case kind == nil:
			return fmt.Errorf("%w: this archbench has no probe %q", ErrChanged, c.Probe)
		case c.Status == record.Pending:
			wanted[c.Model] = true
			timing = timing || kind.Timing
			reads = reads || kind.Text != probe.NoText
		}
	}
	if now := host.Describe(); timing && now.Fingerprint != p.Run.Host.Fingerprint {
		return fmt.Errorf("%w: the host; timings of one run come from one host, start a new run here", ErrChanged)
	}
	if reads {
		var err error
		if t, err = loadCorpora(ctx, o.Corpus); err != nil {
			return err
		}
		for _, now := range t.facts() {
			if was := fact(p.Run, now.Name); was != "" && was != now.Value {
				return fmt.Errorf("%w: the %s; start a new run", ErrChanged, now.Name)
			}
		}
		p.LeftOut = t.heldOut.Omissions()
	}
	return p.reload(ctx, o, t, wanted)
}

// reload loads the wanted models again and checks that they have not changed.
func (p *Plan) reload(ctx context.Context, o Options, t *corpora, wanted map[string]bool) error {
	o.Threads = p.Run.Models[0].Threads // all models of a run have the same number
	o.Seed = p.Run.Seed
	p.limits = limitsOf(o)
	l := newLoader(o, p.limits, t)
	for i := range p.Run.Models {
		m := &p.Run.Models[i]
		if !wanted[m.Name] {
			p.models[m.Name] = &loadedModel{record: m}
			continue
		}
		loaded, err := l.load(ctx, specOf(m))
		switch {
		case err != nil:
			return err
		case loaded.failure != nil:
			return fmt.Errorf("model %s: %s", m.Name, loaded.failure.Message)
		case loaded.record.PluginSHA != m.PluginSHA:
			return fmt.Errorf("%w: the plugin of model %s; start a new run", ErrChanged, m.Name)
		case loaded.record.WeightsSHA != m.WeightsSHA:
			return fmt.Errorf("%w: the weights of model %s; start a new run", ErrChanged, m.Name)
		case t != nil && loaded.record.Tokenizer != m.Tokenizer:
			return fmt.Errorf("%w: the tokenizer of model %s; start a new run", ErrChanged, m.Name)
		}
		loaded.record = m
		p.models[m.Name] = loaded
	}
	return nil
}
