package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/experiment"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/run"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/train"
	"github.com/archbench/archbench/internal/regularfile"
	"github.com/archbench/archbench/lm"
)

const experimentLong = `Experiment trains models alike and compares them: the same tokens in the same order, sizes that were measured to be
equal, and the same learning rates tried for each. docs/experiments.md describes the file.

It first prints the plan. Then it compares the learning rates on validation data, adds rates for all models while a best
one is the first or last, and trains each model at its best rate with every seed. The tables compare the models over
seeds, and show how wide a range of learning rates works for each.

An interrupted experiment continues when the same command is given again.`

func (a *app) experimentCommand() *cobra.Command {
	var out string
	var planOnly bool
	c := &cobra.Command{
		Use: "experiment FILE", Short: "Train models alike and compare what they learn", Long: experimentLong,
		Example: "  archbench experiment recall.yaml --out results/recall --plan\n  archbench experiment recall.yaml --out results/recall",
		Args:    count(1, 1, "one FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				return usage("name a folder for the trainings with --out")
			}
			e, err := a.openExperiment(args[0], out)
			if err != nil {
				return err
			}
			return e.run(c.Context(), planOnly)
		},
	}
	c.Flags().StringVar(&out, "out", "", "`DIR` for the trainings; an experiment that is there already is continued")
	c.Flags().BoolVar(&planOnly, "plan", false, "print the plan and train nothing")
	a.output(c)
	return c
}

// trial is an experiment in its folder.
type trial struct {
	*app
	spec    *experiment.Spec
	base    string // folder of the experiment's file, which paths are relative to
	dir     string
	journal *experiment.Journal
}

func (a *app) openExperiment(file, dir string) (*trial, error) {
	data, err := regularfile.Read(file, experiment.MostSize)
	if err != nil {
		return nil, usage("%w", err)
	}
	spec, err := experiment.Parse(file, data)
	if err != nil {
		return nil, usageError{err}
	}
	if _, err := loadSuites(spec.Suites, nil, nil); err != nil { // before anything is trained
		return nil, err
	}
	journal, err := experiment.OpenJournal(dir, data)
	if errors.Is(err, experiment.ErrOtherSpec) || errors.Is(err, experiment.ErrDamaged) {
		err = usageError{err}
	}
	return &trial{a, spec, filepath.Dir(file), dir, journal}, err
}

// run carries out what is missing of the experiment.
func (e *trial) run(ctx context.Context, planOnly bool) error {
	if !planOnly {
		lock, err := e.journal.Lock()
		if err != nil {
			return usageError{err}
		}
		defer lock.Close()
	}
	sizes, err := e.sizes(ctx)
	if err != nil {
		return err
	}
	plan, err := e.plan(sizes)
	if err != nil {
		return err
	}
	if planOnly {
		return e.print(plan)
	}
	if err := errors.Join(e.journal.Save(), table.Write(e.err, "table", e.width, plan)); err != nil {
		return err
	}
	db, err := e.create(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	grid := e.spec.Grid()
	err = e.journal.Run(ctx, grid, func(ctx context.Context, j experiment.Job) (experiment.Outcome, error) { return e.train(ctx, db, j) })
	if errors.Is(err, train.ErrInterrupted) || ctx.Err() != nil {
		fmt.Fprintf(e.err, "interrupted after %d trainings; continue with: %s\n", len(e.journal.Outcomes), e.command())
		return errors.Join(err, errReported)
	}
	if err != nil {
		return err
	}
	if err := e.print(e.journal.Tables(grid)...); err != nil {
		return err
	}
	return e.suites(ctx)
}

// model returns a declared model.
func (e *trial) model(name string) *experiment.Model {
	i := slices.IndexFunc(e.spec.Models, func(m experiment.Model) bool { return m.Name == name })
	return &e.spec.Models[i]
}

// flags are those of archbench train that carry out a job.
func (e *trial) flags(j experiment.Job) *trainFlags {
	m, t := e.model(j.Model), e.spec.Train
	f := &trainFlags{
		plugin: m.Plugin, budget: t.Budget, out: e.folder(j), rate: j.Rate, schedule: t.Schedule, warmup: t.Warmup, clip: t.Clip,
		optimizer: t.Optimizer, precision: t.Precision, seed: j.Seed,
		source: trainSource{Task: e.spec.Data.Task, Batch: t.Batch, Length: e.spec.Data.Length, EvalTokens: e.spec.Data.EvalTokens},
	}
	f.models.variant, f.models.tokenizer = m.Variant, e.spec.Data.Tokenizer
	for _, words := range e.spec.Data.Corpus {
		if words != goTree && !filepath.IsAbs(words) {
			words = filepath.Join(e.base, words)
		}
		f.source.Corpora = append(f.source.Corpora, words)
	}
	options := m.At(e.journal.Widths[j.Model])
	for _, key := range slices.Sorted(maps.Keys(options)) {
		f.models.options = append(f.models.options, key+"="+options[key])
	}
	return f
}

// folder is that of a job's training.
func (e *trial) folder(j experiment.Job) string {
	return filepath.Join(e.dir, table.Slug(j.Model)+fmt.Sprintf("-lr%g-seed%d", j.Rate, j.Seed))
}

// train carries out a job, or what is missing of it.
func (e *trial) train(ctx context.Context, db *store.DB, j experiment.Job) (experiment.Outcome, error) {
	fmt.Fprintf(e.err, "training  %d: %s, rate %.4g, seed %d\n", len(e.journal.Outcomes)+1, j.Model, j.Rate, j.Seed)
	o, how, err := e.start(ctx, j)
	if err != nil {
		return experiment.Outcome{}, err
	}
	o.Schedule.Floor = e.spec.Train.Floor
	o.Planned = func(*record.Training, *train.Plan) {}
	r, err := e.carryOut(ctx, db, o, how)
	outcome := experiment.Outcome{Job: j, Folder: filepath.Base(o.Folder), Value: record.Real(math.NaN())}
	if r != nil && len(r.First) > 0 {
		first := r.First[0]
		outcome.Measure, outcome.Unit, outcome.Better = first.Name, first.Unit, first.Better
		outcome.Tokens, outcome.OrderSHA, outcome.Parameters = r.Training.Tokens, r.Training.OrderSHA, r.Training.Model.Parameters
	}
	switch {
	case diverged(err):
		outcome.Diverged = err.Error()
		return outcome, nil
	case err != nil:
		return outcome, ofTraining(ctx, err)
	}
	outcome.Value = r.Last[0].Value
	return outcome, nil
}

// diverged reports whether a training ended because its numbers are no longer finite.
func diverged(err error) bool {
	reply, ok := errors.AsType[*lm.ReplyError](err)
	return errors.Is(err, train.ErrDiverged) || ok && reply.Fault == lm.NonFinite
}

// start returns how to begin a job, or to continue it. A folder without a plan is what is left of a process that was killed before
// the first update.
func (e *trial) start(ctx context.Context, j experiment.Job) (o train.Options, how func(context.Context, train.Options) (*train.Result, error), err error) {
	f := e.flags(j)
	if o, err = e.trainOptions(ctx, f); err != nil {
		return o, nil, err
	}
	if !train.Began(f.out) {
		return o, train.Start, os.RemoveAll(f.out)
	}
	o.Data = f.source.resumed(f.out)
	return o, train.Resume, nil
}

// suites runs the experiment's suites on the model of the median seed of each architecture.
func (e *trial) suites(ctx context.Context) error {
	if len(e.spec.Suites) == 0 {
		return nil
	}
	var f runFlags
	f.seed, f.maxCells, f.maxRepeats = 1, run.MostCells, run.MostRepeats
	grid := e.spec.Grid()
	for _, m := range e.spec.Models {
		if o := e.journal.Typical(grid, m.Name); o != nil {
			f.models.models = append(f.models.models, m.Name+"="+m.Plugin+":"+filepath.Join(e.dir, o.Folder, "last"))
		}
	}
	if len(f.models.models) == 0 {
		return errors.New("no model was trained with all seeds: there is nothing to run the suites on")
	}
	fmt.Fprintf(e.err, "suites    %s on the median seed of each model\n", strings.Join(e.spec.Suites, ", "))
	return e.app.run(ctx, e.spec.Suites, f)
}
