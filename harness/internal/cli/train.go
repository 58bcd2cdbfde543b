package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/harness/internal/train"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

// trainFlags are the flags of archbench train.
type trainFlags struct {
	models    modelFlags
	plugin    string
	model     string
	config    string
	source    trainSource
	budget    string
	out       string
	micro     int
	rate      float64
	schedule  string
	warmup    int64
	clip      float64
	optimizer string
	precision string
	recompute bool
	seed      uint64
	every     int64
	recover   int
	resume    string
}

const trainLong = `Train makes a model from new weights, or trains one further, by a plan that is fixed before the first update. The folder
of --out gets the checkpoints best and last, which every command takes as a model, the rows as rows.jsonl and as
TensorBoard event files, and the curve of the loss. The database gets the same rows.

The text is --corpus, split by the hash of each document into training (90 %), validation and test; or a generated task;
else archbench's own documentation, which is enough to see a loss fall and not enough for a useful model. A budget of
time is turned into a number of updates by a trial, so that the schedule ends with it: a slower machine makes fewer.

Monitors note spikes of the loss, explosions of gradients, values that are not finite and divergence. With --recover N
they may go back to the last stable checkpoint, N times, with a lower rate; by default they only report, because a
plan that changes cannot be compared.

Ctrl-C finishes the update, saves and prints the command that resumes, which continues bit for bit.`

func (a *app) trainCommand() *cobra.Command {
	var f trainFlags
	c := &cobra.Command{
		Use: "train", Short: "Train a model on text or a task", Long: trainLong,
		Example: `  archbench train --plugin bk --budget 10s --out trained/first
  archbench train --plugin mamba --corpus texts --budget 20Mtokens --length 256 --batch 16 --lr 3e-3 --out trained/mamba
  archbench train --plugin gpt2 --task mqar:pairs=8 --budget 2000updates --eval-every 200 --out trained/recall
  archbench train --resume trained/mamba`,
		Args: count(0, 0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			if f.resume != "" {
				return a.resumeTraining(c, f)
			}
			return a.train(c.Context(), f)
		},
	}
	f.add(c)
	a.output(c)
	return c
}

func (f *trainFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.plugin, "plugin", "", "`NAME|PATH` of the plugin: an installed one, or an executable or folder")
	fl.StringVar(&f.model, "model", "", "first weights: a shipped model or a checkpoint `DIR` (default: new ones)")
	fl.StringVar(&f.models.variant, "variant", "", "config of new weights, as listed by archbench plugins list -v (default: the plugin's first)")
	fl.StringVar(&f.config, "config", "", "`FILE` with the config of new weights, instead of a variant")
	fl.StringArrayVar(&f.models.options, "option", nil, "`KEY=VALUE` that overrides the config; repeatable")
	fl.StringArrayVar(&f.source.Corpora, "corpus", nil, "text `FILE|DIR`, or DIR=WEIGHT for a share of the windows; go is the Go source tree; repeatable (default: archbench's documentation)")
	fl.StringVar(&f.source.Task, "task", "", "`TASK` to train on instead of text, such as mqar or mqar:pairs=16,length=256 (docs/tasks.md lists them)")
	fl.StringVar(&f.models.tokenizer, "tokenizer", "", "`FILE|DIR` of the tokenizer, or bytes for one token per byte (default: the model's, else the shipped model's, else bytes)")
	fl.StringVar(&f.budget, "budget", "1m", "when to stop: a `TIME`, or an amount such as 500updates, 20Mtokens or 1e15FLOPs")
	fl.StringVar(&f.out, "out", "", "new `DIR` for checkpoints and rows")
	fl.IntVar(&f.source.Batch, "batch", 8, "documents of an update")
	fl.IntVar(&f.micro, "micro-batch", 0, "documents of a step, of which several accumulate an update (default: as many as fit into memory)")
	fl.IntVar(&f.source.Length, "length", 128, "tokens of a document of text")
	fl.Float64Var(&f.rate, "lr", 1e-3, "highest learning rate")
	fl.StringVar(&f.schedule, "schedule", "cosine", "of the learning rate: "+strings.Join(train.Kinds, ", "))
	fl.Int64Var(&f.warmup, "warmup", -1, "updates in which the learning rate rises (default: one in twenty)")
	fl.Float64Var(&f.clip, "clip", 1, "norm that gradients are scaled down to; 0 is off")
	fl.StringVar(&f.optimizer, "optimizer", "", "`NAME` of the optimizer with options, such as adamw:weight_decay=0.1 (default: the plugin's)")
	fl.StringVar(&f.precision, "precision", "", "precision of forward and backward (default: the model's)")
	fl.BoolVar(&f.recompute, "recompute", false, "compute activations again in backward, to save memory")
	fl.Uint64Var(&f.seed, "seed", 1, "seed of new weights, of the order of the text and of dropout")
	fl.Int64Var(&f.every, "eval-every", 0, "updates between evaluations, each of which is saved (default: ten in all, or as many as take a fifth of a time)")
	fl.IntVar(&f.source.EvalTokens, "eval-tokens", 16384, "tokens of an evaluation, about")
	fl.IntVar(&f.recover, "recover", 0, "most recoveries, which change the plan")
	fl.StringVar(&f.resume, "resume", "", "continue the training in this `DIR`")
	fl.StringVar(&f.models.device, "device", "", "device of the plugin to compute on (default: the plugin's first)")
	fl.IntVar(&f.models.threads, "threads", 0, "threads of the model (default: all available to the process)")
}

// train carries out a new training.
func (a *app) train(ctx context.Context, f trainFlags) error {
	o, err := a.trainOptions(ctx, &f)
	if err != nil {
		return err
	}
	return a.trainWith(ctx, o, train.Start)
}

// resumeTraining continues a training. Flags that would change its plan are mistakes.
func (a *app) resumeTraining(c *cobra.Command, f trainFlags) error {
	ctx := c.Context()
	var other []string
	c.Flags().Visit(func(flag *pflag.Flag) {
		if !slices.Contains([]string{"resume", "plugin", "db", "output"}, flag.Name) {
			other = append(other, "--"+flag.Name)
		}
	})
	if other != nil {
		return usage("--resume continues a training by its own plan: leave out %s", strings.Join(other, ", "))
	}
	text, plan, err := train.Source(f.resume)
	if err != nil {
		return ofTraining(ctx, err)
	}
	source, err := readTrainSource(text)
	if err != nil {
		return usage("--resume %s: %w", f.resume, err)
	}
	if err := a.plugAs(&f, plan.Model.Architecture); err != nil {
		return err
	}
	o := train.Options{Folder: f.resume, Plugins: session.Installed{Paths: f.models.pluginPaths()}}
	o.Data = source.resumed(f.resume)
	o.Running = a.trainRunning(plan.Model.Architecture)
	return a.trainWith(ctx, o, train.Resume)
}

// trainOptions checks the flags of a new training.
func (a *app) trainOptions(ctx context.Context, f *trainFlags) (o train.Options, err error) {
	switch {
	case f.out == "":
		return o, usage("name a new folder with --out, or an earlier one with --resume")
	case f.source.Task != "" && f.source.Corpora != nil:
		return o, usage("--task and --corpus: use only one of them")
	case f.config != "" && (f.models.variant != "" || f.model != "") || f.models.variant != "" && f.model != "":
		return o, usage("--config, --variant and --model: use only one of them")
	case f.source.Batch < 1 || f.source.Length < 2 || f.micro < 0 || f.every < 0 || f.recover < 0 || f.source.EvalTokens < 1:
		return o, usage("--batch, --length, --micro-batch, --eval-every, --eval-tokens and --recover must be positive numbers, and --length at least 2")
	case !(f.clip >= 0) || math.IsInf(f.clip, 0):
		return o, usage("--clip %v: must be a number of at least 0", f.clip)
	}
	o.Folder, o.Seed, o.Threads, o.Batch, o.MicroBatch, o.Length = f.out, f.seed, f.models.threads, f.source.Batch, f.micro, f.source.Length
	o.ClipNorm, o.Precision, o.Recompute, o.EvalEvery, o.Recoveries = f.clip, f.precision, f.recompute, f.every, f.recover
	if o.Budget, err = train.ParseBudget(f.budget); err != nil {
		return o, usage("--budget %q: %w", f.budget, err)
	}
	if o.Schedule, err = train.NewSchedule(f.schedule, f.rate, f.warmup); err != nil {
		return o, usage("--schedule, --lr: %w", err)
	}
	if o.Optimizer, err = parseOptimizer(f.optimizer); err != nil {
		return o, err
	}
	f.source.Seed = f.seed
	if o.Model, err = a.trainModel(ctx, f); err != nil {
		return o, err
	}
	o.Plugins, o.Running = session.Installed{Paths: f.models.pluginPaths()}, a.trainRunning(o.Model.Architecture)
	return o, f.source.open(ctx, a, f, &o)
}

// trainModel returns the model of --plugin, --model, --variant, --config and --option.
func (a *app) trainModel(ctx context.Context, f *trainFlags) (m train.Model, err error) {
	if err := a.plugAs(f, ""); err != nil {
		return m, err
	}
	what := f.model
	if what == "" {
		if what = f.plugin; what == "" {
			return m, usage("name what to train with --plugin (installed: %s) or --model", strings.Join(installed(), ", "))
		}
		f.models.init = strconv.FormatUint(f.seed, 10)
	}
	spec, err := f.models.one(ctx, what, a.warn)
	if err != nil {
		return m, err
	}
	if f.plugin != "" && f.model != "" && f.plugin != spec.Architecture {
		return m, usage("--plugin %s --model %s: the model is of %s", f.plugin, f.model, spec.Architecture)
	}
	m = train.Model{Architecture: spec.Architecture, Checkpoint: spec.Checkpoint, Variant: spec.Variant, Options: spec.Options, Device: spec.Device, Precision: spec.Precision}
	if f.config == "" {
		return m, nil
	}
	text, err := os.ReadFile(f.config)
	if err != nil {
		return m, usage("--config: %w", err)
	}
	m.Config, m.Variant = string(text), ""
	return m, nil
}

// plugAs reads --plugin: the name of an installed plugin, or a path. It sets f.plugin to the architecture, which must be the
// given one unless that is "".
func (a *app) plugAs(f *trainFlags, architecture string) error {
	if f.plugin == "" {
		return nil
	}
	words := f.plugin
	if f.plugin, f.models.paths = words, nil; !slices.Contains(installed(), words) {
		if !strings.ContainsAny(words, `=/\`) {
			return usage("--plugin: no plugin %q is installed; there are %s%s", words, strings.Join(installed(), ", "), didYouMean(words, installed()))
		}
		name, path := plugin(words)
		if err := a.checkPlugin(words, path); err != nil {
			return err
		}
		f.plugin, f.models.paths = name, []string{words}
	}
	if architecture != "" && f.plugin != architecture {
		return usage("--plugin %s: the training in %s is of %s", f.plugin, f.resume, architecture)
	}
	return nil
}

// parseOptimizer parses NAME:OPTION=VALUE,....
func parseOptimizer(text string) (o lm.Optimizer, err error) {
	name, options, _ := strings.Cut(text, ":")
	o.Name = name
	for word := range strings.SplitSeq(options, ",") {
		if options == "" {
			break
		}
		key, value, ok := strings.Cut(word, "=")
		v, err := strconv.ParseFloat(value, 64)
		if !ok || key == "" || err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return o, usage("--optimizer %q: %q is not OPTION=NUMBER, as in adamw:weight_decay=0.1", text, word)
		}
		if o.Options == nil {
			o.Options = map[string]float64{}
		}
		o.Options[key] = v
	}
	return o, nil
}

// ofTraining selects the exit code of a training's error.
func ofTraining(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, train.ErrFolder), errors.Is(err, train.ErrRequest):
		return asUsageUnlessDone(ctx, err)
	}
	if _, died := errors.AsType[*lmplugin.ExitError](err); died {
		return modelError{err}
	}
	if _, refused := errors.AsType[*lm.Error](err); refused && lm.KindOf(err) != lm.Resource {
		return modelError{err}
	}
	return err
}

// trainFolder is the folder of a training as it was named.
func trainFolder(path string) string {
	if wd, err := os.Getwd(); err == nil {
		if relative, err := filepath.Rel(wd, path); err == nil && !strings.HasPrefix(relative, "..") {
			return relative
		}
	}
	return path
}

// describeBudget says what a plan makes of its budget.
func describeBudget(p *train.Plan) string {
	s := fmt.Sprintf("%d updates of %d tokens", p.Updates, p.Pace.Tokens)
	if p.Budget.Time > 0 {
		s += fmt.Sprintf(", which fill %s by a trial of %s", p.Budget.Time, p.Trial.Round(1e6))
	}
	return s
}
