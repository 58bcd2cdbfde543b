package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/report"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/run"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/harness/internal/shell"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/suite"
	"github.com/archbench/archbench/lm"
)

// runFlags are the flags of archbench run.
type runFlags struct {
	models  modelFlags
	set     []string
	probes  []string
	budget  time.Duration
	until   string
	corpus  string
	seed    uint64
	reports string

	maxCells, maxRepeats int
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use: "run SUITE...", Short: "Measure models, store the samples and print which model is ahead",
		Long: `Run measures models with suites. The plan is fixed before the first sample, and timings run in randomised, interleaved
blocks. A run that ends early, by Ctrl-C or because its --budget is over, keeps what it has measured: continue with
archbench resume.`,
		Example: `  archbench run quickstart --reports reports
  archbench run speed --plugins gpt2,mamba --set len=128,512 --set repeats=20
  archbench run quantization --model mine=mistral:checkpoints/mine --model old=mistral:checkpoints/old@int8
  archbench run flops --plugins bk --init 1 --variant 3m`,
		Args: count(1, -1, "at least one SUITE (archbench suites list)"),
		RunE: func(c *cobra.Command, args []string) error { return a.run(c.Context(), args, f) },
	}
	f.add(c)
	a.output(c, "bench")
	return c
}

func (f *runFlags) add(c *cobra.Command) {
	f.models.add(c)
	fl := c.Flags()
	fl.StringArrayVar(&f.set, "set", nil, "grid axis or setting `KEY=VALUES`, for example len=128,512 or decode.batch=1; repeatable")
	fl.StringSliceVar(&f.probes, "probe", nil, "run only these probes of the suites")
	fl.DurationVar(&f.budget, "budget", 0, "time limit, for example 5m: the plan is made to fit, as it is to the suite's by default, and the run ends after the block in flight")
	fl.StringVar(&f.until, "until", "", "add blocks until each comparison is decided (`RULE` decided), or its interval is also narrow enough (±2%); the budget, 15m by default, still applies")
	fl.StringVar(&f.corpus, "corpus", "", "text `FILE|DIR` (default: the Go source tree)")
	fl.Uint64Var(&f.seed, "seed", 1, "seed of the measurement order and of random inputs")
	fl.IntVar(&f.maxCells, "max-cells", run.MostCells, "most cells in a plan")
	fl.IntVar(&f.maxRepeats, "max-repeats", run.MostRepeats, "most repeats of a cell")
	fl.StringVar(&f.reports, "reports", "", "write a report to this `DIR` when the run is done")
}

// run carries out archbench run.
func (a *app) run(ctx context.Context, names []string, f runFlags) error {
	o, err := a.options(ctx, names, f)
	if err != nil {
		return err
	}
	db, err := a.create(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	id, err := a.measure(ctx, db, o)
	if id == "" {
		return err
	}
	return a.finish(ctx, db, id, f.reports, err)
}

// options checks the flags of a run.
func (a *app) options(ctx context.Context, names []string, f runFlags) (o run.Options, err error) {
	suites, err := loadSuites(names, f.set, f.probes)
	if err != nil {
		return o, err
	}
	if err := checkBudget(f.budget); err != nil {
		return o, err
	}
	if f.maxCells < 1 || f.maxRepeats < 1 {
		return o, usage("--max-cells %d --max-repeats %d: both must be at least 1", f.maxCells, f.maxRepeats)
	}
	if f.until, err = result.ParseUntil(f.until); err != nil {
		return o, usage("--until: %w", err)
	}
	if err := checkReports(f.reports); err != nil {
		return o, err
	}
	models, err := f.models.specs(ctx, a.warn, precisionsOf(f.set))
	if err != nil {
		return o, err
	}
	if f.corpus != "" {
		f.corpus = absolute(f.corpus) // to resume from another folder
	}
	return run.Options{
		Suites: suites, Models: models, Plugins: session.Installed{Paths: f.models.pluginPaths()}, Seed: f.seed,
		Threads: f.models.threads, Budget: f.budget, Until: f.until, Corpus: f.corpus, Version: a.revision, Command: a.command(),
		MaxCells: f.maxCells, MaxRepeats: f.maxRepeats,
		Calibrator: func(ctx context.Context) (string, error) {
			return newCatalog(f.models.candidates(), a.warn).able(ctx, lm.AbilityCalibrate)
		},
	}, nil
}

// checkBudget rejects a negative time limit.
func checkBudget(budget time.Duration) error {
	if budget < 0 {
		return usage("--budget %s: must be at least 0", budget)
	}
	return nil
}

// prepare loads the models, fixes the plan and prints what a user must know of it.
func (a *app) prepare(ctx context.Context, o run.Options, line *progress) (*run.Plan, error) {
	line.say("preparing: loading " + result.Describe(len(o.Models), "model") + " once")
	plan, err := run.Prepare(ctx, o)
	line.clear()
	if err != nil {
		return nil, asUsageUnlessDone(ctx, err)
	}
	a.warnOfPlan(plan)
	return plan, nil
}

// measure carries out a run and returns its ID, "" if it did not start.
func (a *app) measure(ctx context.Context, db *store.DB, o run.Options) (id string, err error) {
	line := newProgress(a.screen, a.terminal)
	defer line.clear()
	o.Observe = line.event
	plan, err := a.prepare(ctx, o, line)
	if err != nil {
		return "", err
	}
	a.warn(tooFewBlocks(plan))
	fmt.Fprintf(a.err, "plan  %s on %s, about %s", result.Describe(len(plan.Run.Cells), "cell"), result.Describe(len(plan.Run.Models), "model"), plan.Estimate.Round(time.Second))
	if o.Until != "" {
		fmt.Fprintf(a.err, ", then more blocks until %s", o.Until)
	}
	fmt.Fprintln(a.err)
	return plan.Run.ID, run.Execute(ctx, db, plan)
}

// checkReports rejects a folder in which no report can be written, before anything is measured.
func checkReports(dir string) error {
	if dir == "" {
		return nil
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return usage("--reports: %s is not a folder", dir)
	}
	if err := writable(dir); err != nil {
		return fmt.Errorf("--reports %s: %w; name a writable folder", dir, err)
	}
	return nil
}

// asUsageUnlessDone turns an error into a mistake of the command line, or into an interruption if the context has ended.
func asUsageUnlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.Join(run.ErrInterrupted, err)
	}
	return usageError{err}
}

// loadSuites reads suites and applies --set and --probe.
func loadSuites(names, set, probes []string) ([]*suite.Suite, error) {
	var suites []*suite.Suite
	for _, name := range names {
		s, err := suite.Load(name)
		if err != nil {
			return nil, usage("%w%s", err, didYouMean(name, suite.Names()))
		}
		if len(probes) > 0 {
			if err := s.Only(probes...); err != nil {
				return nil, usage("--probe: %w", err)
			}
		}
		suites = append(suites, s)
	}
	for _, text := range set {
		key, values, ok := strings.Cut(text, "=")
		if !ok || key == "" || values == "" {
			return nil, usage("--set %q: want KEY=VALUES, for example --set len=128,512", text)
		}
		if err := setAll(suites, key, values); err != nil {
			return nil, usage("--%w", err)
		}
	}
	return suites, nil
}

// warnOfPlan prints what loading texts and models found, once for a model in several precisions.
func (a *app) warnOfPlan(p *run.Plan) {
	a.note(p.LeftOut)
	shown := map[string]bool{}
	for i := range p.Run.Models {
		m := &p.Run.Models[i]
		for _, w := range m.Warnings {
			if key := strings.Join([]string{m.Architecture, m.Checkpoint, m.Variant, w}, "\x00"); !shown[key] {
				shown[key] = true
				a.warn(m.Name + ": " + w)
			}
		}
	}
}

// precisionsOf lists the precisions that --set asks for.
func precisionsOf(set []string) (list []string) {
	for _, text := range set {
		if key, values, _ := strings.Cut(text, "="); key == "precision" || strings.HasSuffix(key, ".precision") {
			list = append(list, strings.Split(values, ",")...)
		}
	}
	return list
}

// setAll sets a key in every suite that has it; at least one must.
func setAll(suites []*suite.Suite, key, values string) error {
	var failures []error
	for _, s := range suites {
		if err := s.Set(key, values); err != nil {
			failures = append(failures, err)
		}
	}
	if len(failures) < len(suites) {
		return nil
	}
	return failures[0]
}

// finish prints the results of a run, writes its report and returns the error that selects the exit code.
func (a *app) finish(ctx context.Context, db *store.DB, id, reports string, failure error) error {
	ctx = context.WithoutCancel(ctx) // print the results of an interrupted run too
	if failure != nil {
		if errors.Is(failure, run.ErrInterrupted) {
			why := "interrupted"
			if errors.Is(failure, run.ErrBudget) {
				why = "the budget is over"
			}
			fmt.Fprintf(a.err, "%s; continue with: archbench resume %s%s\n", why, shell.Quote(id), a.dbFlag())
			return errors.Join(failure, errReported)
		}
		return failure
	}
	r, err := db.LoadRun(ctx, id)
	if err != nil {
		return err
	}
	built := report.Build(r)
	if err := a.printRun(r, built, report.Summary(r)...); err != nil {
		return err
	}
	if reports != "" {
		index, err := built.In(a.dbFlag()).Write(reports)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.err, "report  %s\n", absolute(index))
	}
	fmt.Fprintf(a.err, "run  %s, %s\n", r.ID, report.Counts(r))
	fmt.Fprintf(a.err, "validity: %s\n", result.New(r).Validities())
	for _, command := range []string{"report", "compare", "show"} {
		fmt.Fprintf(a.err, "     archbench %s %s%s\n", command, r.ID, a.dbFlag())
	}
	if r.Count(record.Failed) > 0 {
		return errCells
	}
	return nil
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
