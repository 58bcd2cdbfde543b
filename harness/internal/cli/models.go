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
	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/internal/home"
	"github.com/archbench/archbench/internal/tokenizer"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

// modelFlags are the flags that select models.
type modelFlags struct {
	plugins    []string
	models     []string
	paths      []string
	checkpoint string
	init       string
	variant    string
	precision  string
	head       string
	device     string
	options    []string
	tokenizer  string
	threads    int
}

// common adds the flags of commands that load models.
func (m *modelFlags) common(c *cobra.Command) {
	m.config(c)
	f := c.Flags()
	f.StringVar(&m.init, "init", "", "initialise weights from this `SEED` instead of loading a checkpoint")
	f.StringVar(&m.head, "head", "", "precision of the output matrix (default: at least bf16)")
	f.StringVar(&m.tokenizer, "tokenizer", "", "`FILE|DIR` of the tokenizer, or bytes for one token per byte (default: the checkpoint's)")
}

// config adds the flags that configure how a plugin builds a model.
func (m *modelFlags) config(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&m.variant, "variant", "", "config to initialise, as listed by archbench plugins list -v")
	f.StringVar(&m.precision, "precision", "", "precision of the weights: f32, bf16, int8, int4, nf4, ... (default f32)")
	f.StringVar(&m.device, "device", "", "device of the plugin to compute on, as listed by archbench plugins list -v (default: the plugin's first)")
	f.StringArrayVar(&m.options, "option", nil, "`KEY=VALUE` that overrides config.json; repeatable")
	m.addPaths(c)
	f.IntVar(&m.threads, "threads", 0, "threads of each model (default: all available to the process)")
}

// addPaths adds --plugin.
func (m *modelFlags) addPaths(c *cobra.Command) {
	c.Flags().StringArrayVar(&m.paths, "plugin", nil, "`PATH` of a plugin's executable or folder, or NAME=PATH; repeatable")
}

// mostThreads bounds --threads: more threads than any machine has only cost memory.
const mostThreads = 1024

// checkThreads checks the range of --threads.
func checkThreads(n int) error {
	if n < 0 || n > mostThreads {
		return usage("--threads %d: must be between 1 and %d, or 0 for all", n, mostThreads)
	}
	return nil
}

// add adds all flags of commands that run several models.
func (m *modelFlags) add(c *cobra.Command) {
	m.common(c)
	f := c.Flags()
	f.StringSliceVar(&m.plugins, "plugins", nil, "architectures whose shipped models to run (default: all installed)")
	f.StringArrayVar(&m.models, "model", nil, "`NAME=ARCH:DIR@PRECISION`: a checkpoint to run; ARCH defaults to that of its config.json; NAME=ARCH is the shipped model, NAME=ARCH:init:SEED has new weights; repeatable")
	f.StringVar(&m.checkpoint, "checkpoint", "", "checkpoint `DIR` for the one architecture of --plugins")
}

// specs turns the flags into models and passes likely mistakes to note. Models of --model replace the shipped ones, unless
// --plugins asks for those too. precisions are requested in addition to the models' own.
func (m *modelFlags) specs(ctx context.Context, note func(string), precisions []string) ([]run.ModelSpec, error) {
	plugins, seed, err := m.begin(note)
	if err != nil {
		return nil, err
	}
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
	return specs, m.finish(ctx, plugins, specs, plugins.names(), precisions, note)
}

// begin checks the flags that need no plugin and collects the plugins.
func (m *modelFlags) begin(note func(string)) (plugins *catalog, seed *uint64, err error) {
	if err := checkThreads(m.threads); err != nil {
		return nil, nil, err
	}
	if seed, err = m.seed(); err != nil {
		return nil, nil, err
	}
	return newCatalog(m.candidates(), note), seed, nil
}

// finish gives models what the flags say of all models, and checks them. A precision that neither the plugins of the
// models nor the others have is a mistake, also one of precisions, which are requested in addition to the models' own.
func (m *modelFlags) finish(ctx context.Context, plugins *catalog, specs []run.ModelSpec, others, precisions []string, note func(string)) error {
	for i := range specs {
		if err := m.complete(&specs[i]); err != nil {
			return err
		}
	}
	if err := plugins.checkVariants(ctx, specs); err != nil {
		return err
	}
	if err := plugins.checkPrecisions(ctx, specs, others, precisions); err != nil {
		return err
	}
	return plugins.giveOptions(ctx, specs, note)
}

// namesOf resolves the parts of a model's name.
func namesOf(ctx context.Context, plugins *catalog, seed *uint64, note func(string)) run.Names {
	return run.Names{
		Seed:          seed,
		Architectures: plugins.names(),
		Shipped: func(architecture string) string {
			dir, _ := shippedModel(architecture) // "" if there is none
			return dir
		},
		Reader: func(dir string) (string, error) { return plugins.reader(ctx, dir) },
		Note:   note,
	}
}

// complete gives a model what the flags say of all models. A precision of its own takes precedence. A config of its own
// conflicts with --variant, because one of the two would have no effect.
func (m *modelFlags) complete(s *run.ModelSpec) (err error) {
	if s.Variant != "" && m.variant != "" {
		return usage("--variant %s: the model %s:%s already names its config; use only one of them", m.variant, s.Architecture, s.Variant)
	}
	s.Variant = cmp.Or(s.Variant, m.variant)
	s.Precision = cmp.Or(s.Precision, m.precision)
	s.Head, s.Device = m.head, m.device
	if s.Tokenizer, err = m.namedTokenizer(); err != nil {
		return err
	}
	s.Options, err = pairs("--option", m.options)
	return err
}

// namedTokenizer is the valid tokenizer of --tokenizer, as an absolute path.
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
			return nil, usage("--variant names a config to initialise: add --init SEED")
		}
		return nil, nil
	}
	n, err := strconv.ParseUint(m.init, 10, 64)
	if err != nil {
		return nil, usage("--init %q: the seed must be a whole number, for example --init 1", m.init)
	}
	if m.checkpoint != "" {
		return nil, usage("--init creates weights and --checkpoint loads them: use only one of them")
	}
	return &n, nil
}

// shipped lists the models of --plugins: with new weights for --init, the checkpoint of --checkpoint, or the shipped one.
// An architecture without a shipped model gets new weights if it is not the only model.
func (m *modelFlags) shipped(ctx context.Context, plugins *catalog, seed *uint64, note func(string)) ([]run.ModelSpec, error) {
	names, err := m.architectures(ctx, plugins)
	if err != nil {
		return nil, err
	}
	if m.checkpoint != "" && len(names) != 1 {
		return nil, usage("--checkpoint needs one architecture: name it with --plugins, or use --model NAME=ARCH:DIR for several")
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
				note(fmt.Sprintf("%s has no shipped model: its weights are new, from seed %d, and say nothing about quality", name, s.Seed))
			}
		}
		if err != nil {
			return nil, err
		}
		specs = append(specs, s)
	}
	return specs, nil
}

// architectures are those of --plugins, else all installed ones with a shipped model. With --init they need no shipped
// model, but plugins that measure the host are left out.
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
		return nil, usage("found no plugin with a shipped model (archbench doctor shows the search path): set $%s to an installation, or name a model with --model NAME=ARCH:DIR", home.Variable)
	}
	return names, nil
}

// installed lists the architectures whose plugins were found.
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

// candidates are the plugins of --plugin, then those found on the search path.
func (m *modelFlags) candidates() []lmplugin.Candidate {
	var all []lmplugin.Candidate
	paths := m.pluginPaths()
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		all = append(all, lmplugin.Candidate{Name: name, Path: paths[name]})
	}
	return append(all, lmplugin.List()...)
}

// pluginPaths are the plugins of --plugin by architecture.
func (m *modelFlags) pluginPaths() map[string]string {
	paths := map[string]string{}
	for _, words := range m.paths {
		name, path := plugin(words)
		paths[name] = path
	}
	return paths
}

// plugin parses a value of --plugin: NAME=PATH, or a path named after the architecture. For a folder, path is the
// executable in it.
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

// shippedModel finds the shipped checkpoint of an architecture: NAME-3m in $ARCHBENCH_MODELS, or else in the folder models
// of the working directory or installation.
func shippedModel(architecture string) (string, error) {
	folders := modelFolders()
	for _, dir := range folders {
		path := filepath.Join(dir, architecture+"-3m")
		if _, err := os.Stat(filepath.Join(path, checkpoint.ConfigFile)); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", usage("no shipped model for %q (looked for %s-3m in %s): name a checkpoint with --model NAME=%s:DIR, or use --init SEED",
		architecture, architecture, strings.Join(folders, ", "), architecture)
}

func modelFolders() []string {
	if dir := os.Getenv(modelsVariable); dir != "" {
		return []string{dir}
	}
	return append([]string{"models"}, home.Models()...)
}

// folder returns the absolute path of the folder that a flag names.
func folder(flag, path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return "", usage("%s: no folder %s", flag, path)
	}
	return filepath.Abs(path)
}

// pairs parses the KEY=VALUE values of a flag.
func pairs(flag string, words []string) (map[string]string, error) {
	var out map[string]string
	for _, w := range words {
		k, v, ok := strings.Cut(w, "=")
		if !ok || k == "" {
			return nil, usage("%s %q: want KEY=VALUE", flag, w)
		}
		if out == nil {
			out = map[string]string{}
		}
		out[k] = v
	}
	return out, nil
}

// one parses the single model of a command with [run.Names]. A precision that only other plugins have is a mistake.
func (m *modelFlags) one(ctx context.Context, what string, note func(string)) (s run.ModelSpec, err error) {
	plugins, seed, err := m.begin(note)
	if err != nil {
		return s, err
	}
	if s, err = namesOf(ctx, plugins, seed, note).Parse(what); err != nil {
		return s, usageError{err}
	}
	s.Name = cmp.Or(s.Name, s.Architecture)
	specs := []run.ModelSpec{s}
	err = m.finish(ctx, plugins, specs, nil, nil, note)
	return specs[0], err
}
