package run

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/archbench/archbench/harness/internal/host"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/harness/internal/suite"
	"github.com/archbench/archbench/lm"
)

// Plan is a run before its first sample, with all cells fixed and estimated.
type Plan struct {
	Run      *record.Run
	Estimate time.Duration // of all cells that will be measured
	LeftOut  string        // what was omitted from the corpus because it is not text, in one line; "": nothing

	options Options
	models  map[string]*loadedModel // by model name
	limits  session.Limits          // of each plugin
}

// Prepare loads every model once, expands the suites over the models and fixes the cells. The cells of a model that does
// not load fail; only a mistake in the options is an error.
func Prepare(ctx context.Context, o Options) (*Plan, error) {
	if len(o.Suites) == 0 || len(o.Models) == 0 {
		return nil, errors.New("a run needs at least one suite and one model")
	}
	if err := bounded(o); err != nil {
		return nil, err
	}
	requests, err := expand(o)
	if err != nil {
		return nil, err
	}
	p := &Plan{options: o, models: map[string]*loadedModel{}, limits: limitsOf(o)}
	p.describe()
	var t *corpora
	if slices.ContainsFunc(requests, cellRequest.readsText) {
		if t, err = loadCorpora(ctx, o.Corpus); err != nil {
			return nil, err
		}
		p.LeftOut = t.heldOut.Omissions()
		p.Run.Facts = append(p.Run.Facts, t.facts()...)
	}
	l := newLoader(o, p.limits, t)
	l.works = works(requests)
	if err := p.load(ctx, l, requests); err != nil {
		return nil, err
	}
	p.addCells(requests, t)
	p.alignRounds()
	p.keepBudget()
	p.Estimate = p.total(p.Run.All())
	p.Run.Facts = append(p.Run.Facts, p.settings(l)...)
	return p, nil
}

// describe creates the run's record.
func (p *Plan) describe() {
	p.Run = &record.Run{
		Started: time.Now().UTC(), Status: record.Running, Version: p.options.Version, Command: p.options.Command,
		Seed: p.options.Seed, Until: p.options.Until, Corpus: p.options.Corpus, Host: host.Describe(),
	}
	for _, s := range p.options.Suites {
		p.Run.Suites = append(p.Run.Suites, fmt.Sprintf("%s %d", s.Name, s.Version))
	}
	p.Run.Facts = suiteFacts(p.options.Suites)
}

// settings returns the settings of the run as facts.
func (p *Plan) settings(l *loader) []record.Fact {
	memory := record.Fact{Name: "memory limit of a plugin", Reason: "the system does not tell what is free"}
	if p.limits.Memory > 0 {
		memory = record.Fact{Name: memory.Name, Value: fmt.Sprintf("%d MiB", p.limits.Memory>>20)}
	}
	budget := "none"
	if b := budgetOf(p.options); b > 0 {
		budget = b.String()
	}
	return []record.Fact{
		{Name: "threads", Value: fmt.Sprint(p.limits.Threads)},
		memory,
		{Name: budgetFact, Value: budget},
		{Name: ruleFact, Value: rule()},
		{Name: probe.ValueFact, Value: probe.Decile},
		{Name: "validity of a cell", Value: result.Rule()},
		{Name: "plugin environment", Value: strings.Join(l.env, " ")},
	}
}

// load loads all models in the order of their first use.
func (p *Plan) load(ctx context.Context, l *loader, requests []cellRequest) error {
	for _, r := range requests {
		if _, ok := p.models[r.spec.Name]; ok {
			continue
		}
		m, err := l.load(ctx, r.spec)
		if err != nil {
			return err
		}
		p.models[r.spec.Name] = m
		p.Run.Models = append(p.Run.Models, *m.record)
	}
	for i := range p.Run.Models {
		p.models[p.Run.Models[i].Name].record = &p.Run.Models[i]
	}
	return nil
}

// addCells makes the cells. A cell requested by two suites belongs to the first and gets the higher number of repeats and rounds.
// Equal cells of two models are measured for each.
func (p *Plan) addCells(requests []cellRequest, t *corpora) {
	at := map[[2]string]int{}
	used := map[string]int{}
	for _, r := range requests {
		if r.spare && !p.unpaired(r.spec.Name) {
			continue
		}
		c := p.cell(r, t)
		key := [2]string{c.Model, c.ID}
		if i, ok := at[key]; ok {
			p.Run.Cells[i].Repeats, p.Run.Cells[i].Rounds = max(p.Run.Cells[i].Repeats, c.Repeats), max(p.Run.Cells[i].Rounds, c.Rounds)
			continue
		}
		at[key] = len(p.Run.Cells)
		if used[c.ID]++; used[c.ID] > 1 {
			c.ID = hash(c.ID, strconv.Itoa(used[c.ID]))
		}
		p.Run.Cells = append(p.Run.Cells, c)
	}
	var ids strings.Builder
	for _, c := range p.Run.Cells {
		ids.WriteString(c.ID)
	}
	var started [8]byte
	binary.BigEndian.PutUint64(started[:], uint64(p.Run.Started.UnixNano()))
	p.Run.ID = "r-" + hash(ids.String(), string(started[:]))[:8]
}

// unpaired reports whether a model will be timed, but not compared with its f32.
func (p *Plan) unpaired(model string) bool {
	timed, compared := false, false
	for _, c := range p.Run.All() {
		if kind := probe.Find(c.Probe); c.Model == model && c.Status == record.Pending {
			timed = timed || kind.Clocked()
			compared = compared || kind.Versus && p.models[model].info.Has(lm.AbilityVersus)
		}
	}
	return timed && !compared
}

// cell makes one cell. If it cannot be measured, it is settled at once.
func (p *Plan) cell(r cellRequest, t *corpora) record.Cell {
	m := p.models[r.spec.Name]
	c := record.Cell{
		Suite: r.part.Suite, Probe: r.part.Probe.Name, Model: r.spec.Name, Point: r.point, Params: r.part.Params,
		Repeats: r.part.Repeats, Status: record.Pending,
	}
	c.ID = p.identity(r, m, t)
	switch missing := m.missing(r.part.Probe, r.settings()); {
	case m.failure != nil:
		c.Status, c.Failure = record.Failed, &record.Failure{}
		*c.Failure = *m.failure
	case missing != "":
		c.Status, c.Reason = record.Unavailable, missing
	default:
		work := r.part.Probe.Work(r.settings())
		c.Estimate = m.estimator.estimate(work)
		if r.part.Probe.Timing {
			c.Rounds = roundsFor(r.part.Span, m.estimator.estimate(work[len(work)-1:])) // the last work is timed
		}
		c.Warnings = r.part.Probe.Warnings(m.record.TrainedTo, r.settings())
		if m.readsRandom(r.part.Probe) {
			c.Warnings = append(c.Warnings, "random token ids, no text: "+m.inputs.noText)
		}
	}
	return c
}

// mostRounds bounds the calls of a sample: more calls of a few microseconds add no information.
const mostRounds = 50

// roundsFor returns how many calls of an estimated time fill a span.
func roundsFor(span, call time.Duration) int {
	return min(mostRounds, max(1, int((span+call-1)/max(call, 1))))
}

// longSample is the most spans that the calls of the slowest model of a group may take.
const longSample = 8

// alignRounds gives all cells of a group the number of calls that the fastest model needs to fill its span, so that the
// calls alternate to the end. The slowest model bounds that number.
func (p *Plan) alignRounds() {
	for _, g := range groupsOf(p.Run.All()) {
		rounds, slowest := 0, time.Duration(0)
		for _, c := range g {
			rounds, slowest = max(rounds, c.Rounds), max(slowest, c.Estimate)
		}
		rounds = min(rounds, roundsFor(longSample*suite.DefaultSpan, slowest))
		for _, c := range g {
			if c.Rounds > 0 {
				c.Rounds = rounds
			}
		}
	}
}

// identity hashes everything that can change the value of a cell. The model's name is not part of it: if two models of a
// run are equal, addCells distinguishes their cells.
func (p *Plan) identity(r cellRequest, loaded *loadedModel, t *corpora) string {
	m := loaded.record
	key := struct {
		Plugin, Weights, Variant, Precision, Head, Mode, Config, Kernels string
		Seed                                                             uint64
		Threads                                                          int
		Options                                                          map[string]string
		Probe                                                            string
		Version                                                          int
		Point, Params                                                    record.Point
		Text, Tokenizer, Host                                            string
		RunSeed                                                          uint64
		Device                                                           string `json:",omitempty"` // "": the cpu
	}{
		Plugin: m.PluginSHA, Weights: m.WeightsSHA, Variant: loaded.request.Variant, Precision: m.Precision, Head: m.Head, Mode: m.Mode,
		Config: m.Config, Kernels: m.Kernels, Seed: m.Seed, Threads: m.Threads, Options: m.Options,
		Probe: r.part.Probe.Name, Version: r.part.Probe.Version, Point: r.point, Params: r.part.Params, RunSeed: p.Run.Seed,
	}
	if device := loaded.info.Device.Name; device != "cpu" {
		key.Device = device
	}
	switch text := r.part.Probe.Text; {
	case loaded.readsRandom(r.part.Probe):
		key.Text = "random ids"
	case text == probe.StreamText:
		key.Text, key.Tokenizer = t.streamSHA, m.Tokenizer.SHA256
	case text == probe.HeldOut:
		key.Text, key.Tokenizer = t.heldOutSHA, m.Tokenizer.SHA256
	}
	if r.part.Probe.Timing {
		key.Host = p.Run.Host.Fingerprint
	}
	text, err := json.Marshal(key)
	if err != nil {
		panic(fmt.Sprintf("run: encode a cell's key: %v", err)) // strings and numbers only
	}
	return hash(string(text))
}

// hash returns the sha256 of the concatenated texts in hexadecimal.
func hash(texts ...string) string {
	h := sha256.New()
	for _, t := range texts {
		h.Write([]byte(t))
	}
	return hex.EncodeToString(h.Sum(nil))
}
