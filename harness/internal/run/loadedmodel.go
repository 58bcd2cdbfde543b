package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/archbench/archbench/harness/internal/host"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/harness/internal/text"
	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/lm"
)

// loadedModel is a model of a run: its record, and what is needed to load and measure it again.
type loadedModel struct {
	record      *record.Model
	plugin      *session.Plugin
	request     lm.LoadRequest
	info        lm.ModelInfo
	inputs      inputs
	estimator   estimator
	unavailable string // why no cell of the model can be measured
	failure     *record.Failure
	unsteady    bool // equal requests got different answers
}

// unfit returns why the losses of a model are meaningless, or "".
func (m *loadedModel) unfit() string {
	switch {
	case m.record.LeaksFuture || !m.info.Causal:
		return "sees the future"
	case m.unsteady:
		return "not deterministic: it cannot be shown that it does not see the future"
	}
	return ""
}

// loader loads the models of a run. It caches what they share: plugins, tokenized corpora, hashes of weights.
type loader struct {
	from    session.Plugins
	limits  session.Limits
	seed    uint64        // of random ids
	least   time.Duration // shortest time limit of a measurement
	corpora *corpora      // nil: no probe of the run reads text
	works   []probe.Work  // to estimate; nil: no estimates

	plugins map[string]*session.Plugin
	weights map[string]string
	tokens  map[string][2]*text.Tokens
	env     []string // environment of the last plugin
}

func newLoader(o Options, l session.Limits, c *corpora) *loader {
	return &loader{
		from: o.Plugins, limits: l, seed: o.Seed, corpora: c, least: cmp.Or(o.least, leastLimit),
		plugins: map[string]*session.Plugin{}, weights: map[string]string{}, tokens: map[string][2]*text.Tokens{},
	}
}

// limitsOf returns the limits of each plugin of a run. The memory limit is 80 % of the free memory, if that is known.
func limitsOf(o Options) session.Limits {
	free, _ := host.FreeMemory() // 0: unknown
	return session.Limits{Threads: cmp.Or(o.Threads, host.Threads()), Memory: free / 5 * 4}
}

// load loads a model once to describe it. If the model fails, the failure is kept for its cells; an error means that the
// spec itself is wrong.
func (l *loader) load(ctx context.Context, spec ModelSpec) (*loadedModel, error) {
	m := &loadedModel{request: spec.Request(), record: &record.Model{
		Name: spec.Name, Family: cmp.Or(spec.Family, spec.Name), Architecture: spec.Architecture, Checkpoint: spec.Checkpoint, Variant: spec.Variant, Seed: spec.Seed,
		Precision: spec.Precision, Head: spec.Head, Device: spec.Device, Threads: l.limits.Threads, Options: spec.Options, Initialised: spec.Checkpoint == "",
		Tokenizer: record.Tokenizer{Asked: spec.Tokenizer},
	}}
	if err := errors.Join(l.find(m), l.identify(m.record)); err != nil {
		return nil, fmt.Errorf("model %s: %w", spec.Name, err)
	}
	if err := l.try(ctx, m); err != nil {
		return nil, err
	}
	return m, nil
}

// find finds the plugin of a model, once per architecture.
func (l *loader) find(m *loadedModel) (err error) {
	architecture := m.record.Architecture
	if l.plugins[architecture] == nil {
		if l.plugins[architecture], err = session.Find(l.from, architecture, l.limits); err != nil {
			return err
		}
	}
	m.plugin = l.plugins[architecture]
	m.record.PluginPath, m.record.PluginSHA = m.plugin.Path, m.plugin.SHA256
	return nil
}

// identify hashes the weights of a checkpoint and reads its card.
func (l *loader) identify(m *record.Model) error {
	if m.Checkpoint == "" {
		return nil
	}
	if sha, ok := l.weights[m.Checkpoint]; ok {
		m.WeightsSHA = sha
	} else {
		folder, err := checkpoint.Open(m.Checkpoint)
		if err != nil {
			return err
		}
		defer folder.Close()
		if m.WeightsSHA, err = folder.SHA256(); err != nil {
			return err
		}
		l.weights[m.Checkpoint] = m.WeightsSHA
	}
	card, err := checkpoint.ReadCard(m.Checkpoint)
	if err == nil && card != nil {
		m.TrainedTo = card.TrainedContext
	}
	return err
}

// try starts the plugin and loads the model. Only a cancelled context is an error.
func (l *loader) try(ctx context.Context, m *loadedModel) error {
	limit := limitFactor * l.least
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	s, err := m.plugin.Start(bounded)
	defer s.Kill()
	if err == nil {
		l.env = s.Env()
		err = l.describe(bounded, m, s)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		var c record.Cell
		settle(&c, err, s.Stderr(), limit)
		m.unavailable, m.failure = c.Reason, c.Failure
	}
	return nil
}

// describe loads the model and records what the plugin reports about it.
func (l *loader) describe(ctx context.Context, m *loadedModel, s *session.Session) error {
	if !s.Description.Offers(m.record.Precision) {
		return &probe.Unavailable{Reason: "the plugin does not offer precision " + m.record.Precision}
	}
	var err error
	if m.request, err = s.Complete(m.request); err != nil {
		return err
	}
	m.record.Variant = m.request.Variant
	loaded, err := s.Load(ctx, m.request)
	if err != nil {
		return err
	}
	m.recordInfo(loaded.Info)
	if l.corpora != nil {
		if err := l.recordText(m, loaded); err != nil {
			return err
		}
	}
	if err := m.verify(ctx, loaded.Model); err != nil {
		return err
	}
	if l.works != nil {
		m.estimator, err = newEstimator(ctx, m, loaded.Model, l.works)
	}
	return err
}

// verify checks some losses against the model's own logits. A model that contradicts itself is not measured.
func (m *loadedModel) verify(ctx context.Context, model lm.Model) error {
	err := probe.Verify(ctx, model, m.trialText())
	bad, _ := errors.AsType[*lm.ReplyError](err)
	switch {
	case err != nil && lm.KindOf(err) == lm.Unsupported:
		m.record.Warnings = append(m.record.Warnings, probe.NotVerified)
		return nil
	case bad != nil && bad.Fault == lm.Unsteady: // its speed can still be measured; the causality probe reports the fault
		m.record.Warnings = append(m.record.Warnings, bad.Message)
		return nil
	}
	return err
}

// recordInfo copies the plugin's description of a loaded model.
func (m *loadedModel) recordInfo(info lm.ModelInfo) {
	m.info = info
	r := m.record
	r.Mode, r.Config, r.Kernels, r.Parameters = info.Mode, info.Config, info.Kernels, info.Parameters
	r.Device = info.Device.Name
	r.ContextLimit, r.Causal, r.Initialised = info.ContextLimit, info.Causal, info.Initialised
	r.StateKind, r.Warnings, r.WeightBytes = info.StateKind, info.Warnings, 0
	for _, c := range info.Bytes {
		r.WeightBytes += c.Bytes
	}
}
