package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/run"
	"github.com/archbench/archbench/internal/home"
	"github.com/archbench/archbench/internal/tokenizer"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

// modelFlags say which models a command means.
type modelFlags struct {
	plugins    []string
	models     []string
	paths      []string
	checkpoint string
	init       string
	variant    string
	precision  string
	head       string
	options    []string
	tokenizer  string
	threads    int
}

// common adds the flags of commands that load one model or several.
func (m *modelFlags) common(c *cobra.Command) {
	m.config(c)
	f := c.Flags()
	f.StringVar(&m.init, "init", "", "initialise the weights from this `SEED` instead of loading a checkpoint")
	f.StringVar(&m.head, "head", "", "precision of the output matrix (default: at least bf16)")
	f.StringVar(&m.tokenizer, "tokenizer", "", "`FILE|DIR` of the tokenizer, or bytes for one token a byte (default: the checkpoint's own)")
}

// config adds the flags of commands that start a plugin, which say how it builds a model.
func (m *modelFlags) config(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&m.variant, "variant", "", "config to initialise, of those that archbench plugins list -v shows")
	f.StringVar(&m.precision, "precision", "", "of the weights: f32, bf16, int8, int4, nf4, ... (default f32)")
	f.StringArrayVar(&m.options, "option", nil, "`KEY=VALUE` that overrides config.json; repeatable")
	m.addPaths(c)
	f.IntVar(&m.threads, "threads", 0, "threads of each model (default: all that the process may use)")
}

// addPaths adds --plugin.
func (m *modelFlags) addPaths(c *cobra.Command) {
	c.Flags().StringArrayVar(&m.paths, "plugin", nil, "`PATH` of a plugin's executable or folder, or NAME=PATH; repeatable")
}

// mostThreads bounds --threads: more than any machine has only costs memory.
const mostThreads = 1024

// checkThreads holds --threads against its range.
func checkThreads(n int) error {
	if n < 0 || n > mostThreads {
		return usage("--threads %d: it lies between 1 and %d, or is 0 for all", n, mostThreads)
	}
	return nil
}

// add adds all flags for commands that compare models.
func (m *modelFlags) add(c *cobra.Command) {
	m.common(c)
	f := c.Flags()
	f.StringSliceVar(&m.plugins, "plugins", nil, "architectures to run on their shipped models (default: all installed)")
	f.StringArrayVar(&m.models, "model", nil, "`NAME=ARCH:DIR@PRECISION`: a checkpoint to run; without ARCH: its config.json tells; NAME=ARCH is the shipped model, NAME=ARCH:init:SEED new weights; repeatable")
	f.StringVar(&m.checkpoint, "checkpoint", "", "checkpoint `DIR` for the one architecture of --plugins")
}

// specs turns the flags into models, and tells note what the user may not have meant. Models named by --model replace the
// shipped ones, unless --plugins asks for those too. precisions are those that the user asks for beside the models' own.
func (m *modelFlags) specs(ctx context.Context, note func(string), precisions []string) ([]run.ModelSpec, error) {
	if err := checkThreads(m.threads); err != nil {
		return nil, err
	}
	seed, err := m.seed()
	if err != nil {
		return nil, err
	}
	plugins := newCatalog(m.candidates(), note)
	names := namesOf(ctx, plugins, seed, note)
	var specs []run.ModelSpec
	for _, text := range m.models {
		s, err := names.Parse(text)
		if err != nil {
			return nil, usageError{err}
		}
		specs = append(specs, s)
	}
	if len(m.models) == 0 || len(m.plugins) > 0 || m.checkpoint != "" {
		shipped, err := m.shipped(ctx, plugins, seed, note)
		if err != nil {
			return nil, err
		}
		specs = append(specs, shipped...)
	}
	for i := range specs {
		if err := m.complete(&specs[i]); err != nil {
			return nil, err
		}
	}
	if err := plugins.checkVariants(ctx, specs); err != nil {
		return nil, err
	}
	if err := plugins.checkPrecisions(ctx, specs, precisions); err != nil {
		return nil, err
	}
	return specs, plugins.giveOptions(ctx, specs, note)
}

// namesOf is what the words for a model may stand for here.
func namesOf(ctx context.Context, plugins *catalog, seed *uint64, note func(string)) run.Names {
	return run.Names{
		Seed:          seed,
		Architectures: plugins.names(),
		Shipped: func(architecture string) string {
			dir, _ := shippedModel(architecture) // "" without one
			return dir
		},
		Reader: func(dir string) (string, error) { return plugins.reader(ctx, dir) },
		Note:   note,
	}
}

// complete gives a model what the flags say of all models. Its own precision stays; its own config beside --variant
// is a mistake, since one of the two would have no effect.
func (m *modelFlags) complete(s *run.ModelSpec) (err error) {
	if s.Variant != "" && m.variant != "" {
		return usage("--variant %s: the model %s:%s names its config already; say only one of them", m.variant, s.Architecture, s.Variant)
	}
	s.Variant = cmp.Or(s.Variant, m.variant)
	s.Precision = cmp.Or(s.Precision, m.precision)
	s.Head = m.head
	if s.Tokenizer, err = m.namedTokenizer(); err != nil {
		return err
	}
	s.Options, err = pairs("--option", m.options)
	return err
}

// namedTokenizer is what --tokenizer names, as an absolute path; it must be sound.
func (m *modelFlags) namedTokenizer() (string, error) {
	if m.tokenizer == "" || m.tokenizer == tokenizer.BytesName {
		return m.tokenizer, nil
	}
	if _, err := tokenizer.Open(m.tokenizer); err != nil {
		return "", usage("--tokenizer: %w", err)
	}
	return filepath.Abs(m.tokenizer)
}

func (m *modelFlags) seed() (*uint64, error) {
	if m.init == "" {
		if m.variant != "" {
			return nil, usage("--variant names a config to initialise: say --init SEED too")
		}
		return nil, nil
	}
	n, err := strconv.ParseUint(m.init, 10, 64)
	if err != nil {
		return nil, usage("--init %q: a seed is a whole number, for example --init 1", m.init)
	}
	if m.checkpoint != "" {
		return nil, usage("--init makes new weights and --checkpoint loads some: choose one")
	}
	return &n, nil
}

// shipped makes the models of --plugins: their shipped checkpoints, --checkpoint, or new weights. Beside other models, a
// plugin for which none ships gets new weights too.
func (m *modelFlags) shipped(ctx context.Context, plugins *catalog, seed *uint64, note func(string)) ([]run.ModelSpec, error) {
	names, err := m.architectures(ctx, plugins)
	if err != nil {
		return nil, err
	}
	if m.checkpoint != "" && len(names) != 1 {
		return nil, usage("--checkpoint belongs to one architecture: name it with --plugins, or use --model NAME=ARCH:DIR for several")
	}
	var specs []run.ModelSpec
	for _, name := range names {
		s := run.ModelSpec{Name: name, Architecture: name}
		switch {
		case seed != nil:
			s.Seed = *seed
		case m.checkpoint != "":
			s.Checkpoint, err = folder("--checkpoint", m.checkpoint)
		default:
			if s.Checkpoint, err = shippedModel(name); err != nil && len(m.plugins)+len(m.models) > 1 {
				s.Seed, err = 1, nil
				note(fmt.Sprintf("no model of %s ships: its weights are new, from seed %d, and say nothing about quality", name, s.Seed))
			}
		}
		if err != nil {
			return nil, err
		}
		specs = append(specs, s)
	}
	return specs, nil
}

// architectures are those of --plugins, else all that are installed and have a shipped model. With --init they need none,
// but what measures the host stays aside then.
func (m *modelFlags) architectures(ctx context.Context, plugins *catalog) ([]string, error) {
	found := installed()
	for name := range m.pluginPaths() {
		if !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	for _, name := range m.plugins {
		if !slices.Contains(found, name) {
			return nil, usage("--plugins: no plugin %q is installed; there are %s%s", name, strings.Join(found, ", "), didYouMean(name, found))
		}
	}
	if len(m.plugins) > 0 {
		return m.plugins, nil
	}
	var names []string
	for _, name := range found {
		_, err := shippedModel(name)
		if err == nil || m.init != "" && !plugins.has(ctx, name, lm.AbilityCalibrate) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, usage("no plugin with a shipped model was found (archbench doctor says where it looks): set $%s to an installation, or name your own with --model NAME=ARCH:DIR", home.Variable)
	}
	return names, nil
}

// installed lists the architectures whose plugins are found.
func installed() []string {
	var names []string
	for _, c := range lmplugin.List() {
		if c.Rejected == "" {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return names
}

// candidates are the plugins of --plugin, then those that a search finds.
func (m *modelFlags) candidates() []lmplugin.Candidate {
	var all []lmplugin.Candidate
	paths := m.pluginPaths()
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		all = append(all, lmplugin.Candidate{Name: name, Path: paths[name]})
	}
	return append(all, lmplugin.List()...)
}

// pluginPaths are the plugins of --plugin by architecture: NAME=PATH, or a path whose name tells the architecture.
func (m *modelFlags) pluginPaths() map[string]string {
	paths := map[string]string{}
	for _, words := range m.paths {
		name, path := plugin(words)
		paths[name] = path
	}
	return paths
}

// plugin takes the words of one --plugin apart. Of a folder, path is the executable in it.
func plugin(words string) (name, path string) {
	name, path, ok := strings.Cut(words, "=")
	if !ok {
		name, path = "", words
	}
	if found, err := lmplugin.Find("", path); err == nil {
		path = found
	}
	if !ok {
		name = strings.TrimPrefix(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), lmplugin.Prefix)
	}
	return name, path
}

// modelsVariable names the environment variable with the folder of shipped models.
const modelsVariable = "ARCHBENCH_MODELS"

// shippedModel finds the checkpoint that ships for an architecture: NAME-3m in $ARCHBENCH_MODELS, or in the models of
// the working directory or of the installation.
func shippedModel(architecture string) (string, error) {
	var looked []string
	for _, dir := range modelFolders() {
		path := filepath.Join(dir, architecture+"-3m")
		if _, err := os.Stat(filepath.Join(path, "config.json")); err == nil {
			return filepath.Abs(path)
		}
		looked = append(looked, dir)
	}
	return "", usage("no shipped model for %q (looked for %s-3m in %s): name a checkpoint with --model NAME=%s:DIR, or --init SEED",
		architecture, architecture, strings.Join(looked, ", "), architecture)
}

func modelFolders() []string {
	if dir := os.Getenv(modelsVariable); dir != "" {
		return []string{dir}
	}
	return append([]string{"models"}, home.Models()...)
}

// folder checks that the path that a flag names is one.
func folder(flag, path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return "", usage("%s: no folder %s", flag, path)
	}
	return filepath.Abs(path)
}

// pairs reads KEY=VALUE words.
func pairs(flag string, words []string) (map[string]string, error) {
	var out map[string]string
	for _, w := range words {
		k, v, ok := strings.Cut(w, "=")
		if !ok || k == "" {
			return nil, usage("%s %q: the form is KEY=VALUE", flag, w)
		}
		if out == nil {
			out = map[string]string{}
		}
		out[k] = v
	}
	return out, nil
}

// one returns the model of a command that works with a single one, in the words that [run.Names] reads.
func (m *modelFlags) one(ctx context.Context, what string, note func(string)) (s run.ModelSpec, err error) {
	if err := checkThreads(m.threads); err != nil {
		return s, err
	}
	seed, err := m.seed()
	if err != nil {
		return s, err
	}
	plugins := newCatalog(m.candidates(), note)
	if s, err = namesOf(ctx, plugins, seed, note).Parse(what); err != nil {
		return s, usageError{err}
	}
	s.Name = cmp.Or(s.Name, s.Architecture)
	if err := m.complete(&s); err != nil {
		return s, err
	}
	if err := plugins.checkVariants(ctx, []run.ModelSpec{s}); err != nil {
		return s, err
	}
	for _, precision := range []string{s.Precision, s.Head} {
		if err := plugins.offers(ctx, precision, []string{s.Architecture}); err != nil {
			return s, err
		}
	}
	return s, plugins.giveOptions(ctx, []run.ModelSpec{s}, note)
}
