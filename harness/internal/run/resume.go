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

// ErrChanged says that something a run depends on is no longer what it was, so that new samples would not belong to
// its cells.
var ErrChanged = errors.New("run: changed since the run started")

// Resume measures what a run still lacks: the pending cells and the missing blocks. Plugins, weights, text and, for
// timings, the host must be those of the run, and no other process may measure it. Suites, Models, Seed, Threads,
// Budget and Corpus of the options are not used.
func Resume(ctx context.Context, db *store.DB, id string, o Options) (*record.Run, error) {
	run, err := db.LoadRun(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := db.Claim(ctx, run.ID, o.TakeOver); err != nil {
		return nil, err
	}
	if run, err = db.LoadRun(ctx, run.ID); err != nil { // another process may have gone on before this one had the run
		return nil, err
	}
	if pending(run) == 0 {
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
	return run, newRunner(db, p).all(ctx)
}

// finish marks a run that lacks nothing, which may have been stopped before it could say so.
func finish(ctx context.Context, db *store.DB, run *record.Run) error {
	run.Status = outcome(run)
	if run.Ended.IsZero() {
		run.Ended = time.Now().UTC()
	}
	return db.SetStatus(ctx, run)
}

// pending counts the cells of a run that are not settled.
func pending(r *record.Run) int {
	n := 0
	for i := range r.Cells {
		if r.Cells[i].Status == record.Pending {
			n++
		}
	}
	return n
}

// reopen loads the models that still have something to measure and checks that nothing has changed.
func (p *Plan) reopen(ctx context.Context) error {
	o := p.options
	o.Corpus = p.Run.Corpus
	var t *corpora
	wanted := map[string]bool{}
	timing, reads := false, false
	for i := range p.Run.Cells {
		c := &p.Run.Cells[i]
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
		if err := sameFacts(p.Run.Facts, t.facts()); err != nil {
			return err
		}
		p.LeftOut = t.heldOut.Omissions()
	}
	return p.reload(ctx, o, t, wanted)
}

// sameFacts checks that the texts are those of the run.
func sameFacts(old, now []record.Fact) error {
	for _, n := range now {
		for _, f := range old {
			if f.Name == n.Name && f.Value != n.Value {
				return fmt.Errorf("%w: the %s; start a new run", ErrChanged, f.Name)
			}
		}
	}
	return nil
}

// reload loads the wanted models again.
func (p *Plan) reload(ctx context.Context, o Options, t *corpora, wanted map[string]bool) error {
	o.Threads = p.Run.Models[0].Threads // a run has one number of threads
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
