package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/archbench/archbench/harness/internal/host"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/text"
	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/lm"
)

// entry is one model of a run: what is stored about it, and what is needed to start and measure it.
type entry struct {
	model       *record.Model
	load        lm.LoadRequest
	description lm.Description
	info        lm.ModelInfo
	reading     reading
	speed       speed
	unavailable string // why no cell of the model can be measured
	failure     *record.Failure
	unsteady    bool // equal requests got different answers
}

// unfit says why the losses of a model mean nothing, "" if they do.
func (e *entry) unfit() string {
	switch {
	case e.model.LeaksFuture || !e.info.Causal:
		return "sees the future"
	case e.unsteady:
		return "not deterministic: it cannot be shown that it does not see the future"
	}
	return ""
}

// loader makes entries. It keeps what models share: plugins' descriptions, tokenizers, hashes of weights.
type loader struct {
	plugins Plugins
	threads int
	memory  int64
	seed    uint64        // of random ids
	least   time.Duration // that a measurement may take
	texts   *texts        // nil: no probe of the run reads text
	works   []probe.Work  // to be priced; nil: no estimates

	found   map[string][2]string // path and sha256 of plugins
	weights map[string]string
	tokens  map[string][2]*text.Tokens
	env     []string // of the plugins, as the last one got it
}

func newLoader(o Options, t *texts) *loader {
	l := &loader{plugins: o.Plugins, threads: threadsOf(o.Threads), memory: memoryLimit(), seed: o.Seed, texts: t, least: cmp.Or(o.least, leastLimit)}
	l.found, l.weights, l.tokens = map[string][2]string{}, map[string]string{}, map[string][2]*text.Tokens{}
	return l
}

// threadsOf resolves the number of threads: 0 is all that the process may use.
func threadsOf(n int) int {
	if n > 0 {
		return n
	}
	return host.Threads()
}

// memoryLimit is what a plugin may use: 80 % of what is free, 0 where the system does not tell.
func memoryLimit() int64 {
	free, ok := host.FreeMemory()
	if !ok {
		return 0
	}
	return free / 5 * 4
}

// entry loads a model once to learn what it is. What goes wrong with the model is kept in the entry, for its cells
// to tell; an error means that the spec itself is wrong.
func (l *loader) entry(ctx context.Context, spec ModelSpec) (*entry, error) {
	m := &record.Model{
		Name: spec.Name, Family: cmp.Or(spec.Family, spec.Name), Architecture: spec.Architecture, Checkpoint: spec.Checkpoint, Variant: spec.Variant, Seed: spec.Seed,
		Precision: spec.Precision, Head: spec.Head, Threads: l.threads, Options: spec.Options, Initialised: spec.Checkpoint == "",
		Tokenizer: record.Tokenizer{Asked: spec.Tokenizer},
	}
	e := &entry{model: m, load: lm.LoadRequest{
		Checkpoint: spec.Checkpoint, Variant: spec.Variant, Seed: spec.Seed, Precision: spec.Precision, Head: spec.Head,
		Threads: l.threads, Options: spec.Options,
	}}
	if err := errors.Join(l.find(m), l.identify(m)); err != nil {
		return nil, fmt.Errorf("model %s: %w", spec.Name, err)
	}
	if err := l.probe(ctx, e); err != nil {
		return nil, err
	}
	return e, nil
}

// find looks for the plugin of a model, once per architecture.
func (l *loader) find(m *record.Model) error {
	at, ok := l.found[m.Architecture]
	if !ok {
		path, sha, err := l.plugins.Find(m.Architecture)
		if err != nil {
			return err
		}
		at = [2]string{path, sha}
		l.found[m.Architecture] = at
	}
	m.PluginPath, m.PluginSHA = at[0], at[1]
	return nil
}

// identify reads what the checkpoint's files tell: the hash of the weights and the card.
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

// probe starts the plugin and loads the model, within ten times what a measurement may take at least. Only a cancelled
// context is an error.
func (l *loader) probe(ctx context.Context, e *entry) error {
	var stderr string
	limit := limitFactor * l.least
	err := func() error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		p, err := l.plugins.Start(ctx, e.model.PluginPath, l.threads, l.memory)
		if err != nil {
			return err
		}
		defer p.Close()
		defer func() { stderr = p.Stderr() }()
		l.env = p.Env()
		return l.learn(ctx, e, p)
	}()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		var c record.Cell
		settle(&c, err, stderr, limit)
		e.unavailable, e.failure = c.Reason, c.Failure
	}
	return nil
}

// learn asks a plugin about itself and the model.
func (l *loader) learn(ctx context.Context, e *entry, p Process) error {
	var err error
	if e.description, err = p.Describe(ctx); err != nil {
		return err
	}
	if !slices.Contains(e.description.Precisions, e.model.Precision) {
		return &probe.Unavailable{Reason: "the plugin does not offer precision " + e.model.Precision}
	}
	if err := e.variant(); err != nil {
		return err
	}
	m, err := p.Load(ctx, e.load)
	if err != nil {
		return err
	}
	defer m.Close()
	e.know(m.Info())
	if l.texts != nil {
		if err := l.giveText(e); err != nil {
			return err
		}
	}
	if err := e.verify(ctx, m); err != nil {
		return err
	}
	if l.works != nil {
		e.speed, err = clock(ctx, e, m, l.works)
	}
	return err
}

// verify holds some losses against the logits that they must follow from. A model that contradicts itself is measured
// by nothing.
func (e *entry) verify(ctx context.Context, m lm.Model) error {
	text := e.trialText()
	if len(text) < 2 {
		return nil
	}
	err := probe.Verify(ctx, m, text)
	bad, _ := errors.AsType[*lm.ReplyError](err)
	switch {
	case err != nil && lm.KindOf(err) == lm.Unsupported:
		e.model.Warnings = append(e.model.Warnings, "losses not verified: the model gives no logits")
		return nil
	case bad != nil && bad.Fault == lm.Unsteady: // its speed can be measured; the causality probe tells of the rest
		e.model.Warnings = append(e.model.Warnings, bad.Message)
		return nil
	}
	return err
}

// variant chooses the plugin's first variant where the user named none.
func (e *entry) variant() error {
	if e.load.Checkpoint != "" || e.load.Variant != "" {
		return nil
	}
	if len(e.description.Variants) == 0 {
		return errors.New("the plugin has no variants to initialise; name a checkpoint folder")
	}
	e.load.Variant = e.description.Variants[0].Name
	e.model.Variant = e.load.Variant
	return nil
}

// know copies what the plugin says about a loaded model.
func (e *entry) know(info lm.ModelInfo) {
	e.info = info
	m := e.model
	m.Mode, m.Config, m.Kernels, m.Parameters = info.Mode, info.Config, info.Kernels, info.Parameters
	m.ContextLimit, m.Causal, m.Initialised = info.ContextLimit, info.Causal, info.Initialised
	m.StateKind, m.Warnings, m.WeightBytes = info.StateKind, info.Warnings, 0
	for _, c := range info.Bytes {
		m.WeightBytes += c.Bytes
	}
}
