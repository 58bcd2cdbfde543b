package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/archbench/archbench/harness/internal/exchange"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/report"
	"github.com/archbench/archbench/harness/internal/shell"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/train"
	"github.com/archbench/archbench/harness/internal/unit"
)

// trainRunning is what concerns this process.
func (a *app) trainRunning(architecture string) train.Running {
	return train.Running{Version: a.revision, Command: a.command(), Planned: func(r *record.Training, p *train.Plan) {
		fmt.Fprintf(a.err, "training  %s, %s of %d parameters, on %s\n", r.ID, architecture, r.Model.Parameters, r.Data)
		if r.Model.Tokenizer.Name != "" {
			fmt.Fprintf(a.err, "tokens    %s, sha256 %s\n", r.Model.Tokenizer.Name, table.Short(r.Model.Tokenizer.SHA256))
		}
		fmt.Fprintf(a.err, "plan      %s, evaluated every %d\n", describeBudget(p), p.EvalEvery)
		a.warnOf(r.Model.Name, r.Model.Warnings)
	}}
}

// trainWith starts or resumes a training, shows its progress and prints its results.
func (a *app) trainWith(ctx context.Context, o train.Options, how func(context.Context, train.Options) (*train.Result, error)) error {
	db, err := a.create(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	result, err := a.carryOut(ctx, db, o, how)
	return a.finishTraining(ctx, db, result, ofTraining(ctx, err))
}

// carryOut starts or resumes a training, shows its progress, keeps its rows and draws its curve.
func (a *app) carryOut(ctx context.Context, db *store.DB, o train.Options, how func(context.Context, train.Options) (*train.Result, error)) (*train.Result, error) {
	line := newProgress(a.screen, a.terminal)
	defer line.clear()
	o.Sinks = func(r *record.Training, p *train.Plan) []train.Sink {
		return []train.Sink{&trainingTable{db, r.ID}, exchange.NewTrainingLines(filepath.Join(r.Folder, "rows.jsonl")), exchange.NewTensorBoard(r.Folder, p.Updates)}
	}
	planned := o.Planned
	o.Planned = func(r *record.Training, p *train.Plan) { line.clear(); planned(r, p) }
	o.Observe = func(p train.Progress) { a.showTraining(line, p) }
	line.say("preparing: loading the model and trying an update")
	r, err := how(ctx, o)
	if err != nil {
		return r, err
	}
	return r, drawCurve(ctx, db, r.Training)
}

// drawCurve draws the curve of a training into its folder.
func drawCurve(ctx context.Context, db *store.DB, t *record.Training) error {
	whole, err := db.LoadTraining(context.WithoutCancel(ctx), t.ID)
	if err != nil {
		return err
	}
	return report.WriteTrainingCurve(t.Folder, whole)
}

// showTraining shows an evaluation or event as a line of its own, and the last update in the line of progress.
func (a *app) showTraining(line *progress, p train.Progress) {
	switch {
	case p.Event != nil:
		line.clear()
		said := p.Event.Detail
		if p.Event.Action != "" {
			said += "; " + p.Event.Action
		}
		fmt.Fprintf(a.err, "update %d  %s: %s\n", p.Update, p.Event.Kind, said)
	case p.Measures != nil:
		line.clear()
		fmt.Fprintln(a.err, strings.Join(append(trainingWords(p), measureWords(p.Measures)...), "  "))
	default:
		if now := line.now(); now.Sub(line.drawn) >= progressPeriod {
			line.drawn = now
			line.say(trainingWords(p)...)
		}
	}
}

// trainingWords are "update 120/1200", "loss 3.214", "12.3 ktoken/s", "4m10s left".
func trainingWords(p train.Progress) []string {
	words := []string{fmt.Sprintf("update %d/%d", p.Update, p.Updates)}
	if p.Speed > 0 {
		words = append(words, fmt.Sprintf("loss %.4f", p.Loss), unit.Format(p.Speed, unit.TokensPerSec), p.Left.Round(time.Second).String()+" left")
	}
	return words
}

func measureWords(measures []train.Measure) (words []string) {
	for _, m := range measures {
		words = append(words, fmt.Sprintf("%s %.4f", strings.ReplaceAll(m.Name, "_", " "), float64(m.Value)))
	}
	return words
}

// finishTraining prints the results of a training and returns the error that selects the exit code.
func (a *app) finishTraining(ctx context.Context, db *store.DB, r *train.Result, failure error) error {
	if r == nil {
		return failure
	}
	again := "archbench train --resume " + shell.Quote(trainFolder(r.Training.Folder)) + a.dbFlag()
	if failure != nil {
		if errors.Is(failure, train.ErrInterrupted) {
			fmt.Fprintf(a.err, "interrupted after update %d; continue with: %s\n", r.Training.Updates, again)
			return errors.Join(failure, errReported)
		}
		if errors.Is(failure, train.ErrDiverged) { // again would diverge again
			fmt.Fprintf(a.err, "the last checkpoint stays: %s\n", shell.Quote(filepath.Join(trainFolder(r.Training.Folder), "last")))
			return modelError{failure}
		}
		fmt.Fprintf(a.err, "the last checkpoint stays; continue with: %s\n", again)
		return failure
	}
	if err := a.print(trainingTableOf(r)); err != nil {
		return err
	}
	best := shell.Quote(filepath.Join(trainFolder(r.Training.Folder), "best"))
	fmt.Fprintf(a.err, "folder  %s\n", trainFolder(r.Training.Folder))
	if r.Training.Model.Tokenizer.Name != "" { // a task has none
		fmt.Fprintf(a.err, "        archbench generate %s --prompt TEXT\n", best)
	}
	fmt.Fprintf(a.err, "        archbench run speed --model %s\n", best)
	return nil
}

// trainingTableOf shows what the evaluations say.
func trainingTableOf(r *train.Result) table.Table {
	t := table.Table{ID: "training", Title: "Training " + r.Training.ID, Columns: append(table.Keys("measure"),
		table.Column{Name: "before"}, table.Column{Name: "last"}, table.Column{Name: "best"})}
	for i, m := range r.Last {
		row := []any{strings.ReplaceAll(m.Name, "_", " ")}
		for _, all := range [][]train.Measure{r.First, r.Last, r.Best} {
			if i >= len(all) {
				row = append(row, table.Unavailable("not evaluated"))
				continue
			}
			row = append(row, table.Figure(fmt.Sprintf("%.4f", float64(all[i].Value)), float64(all[i].Value)))
		}
		t.Add(row...)
	}
	t.Notes = append(t.Notes, fmt.Sprintf("last is update %d of %d, best is update %d", r.Training.Updates, r.Plan.Updates, r.BestAt),
		fmt.Sprintf("%d tokens, %s", r.Training.Tokens, flopsWords(r)),
		"order of the data: sha256 "+table.Short(r.Training.OrderSHA))
	return t
}

// flopsWords says what a training has cost.
func flopsWords(r *train.Result) string {
	if r.Training.FLOPs == 0 {
		return "FLOPs " + r.Plan.FLOPsBy
	}
	return unit.Format(r.Training.FLOPs, unit.FLOP) + " by " + r.Plan.FLOPsBy
}

// trainingTable gives the rows of a training to the database.
type trainingTable struct {
	db *store.DB
	id string
}

// Begin implements [train.Sink].
func (t *trainingTable) Begin(ctx context.Context, r *record.Training) error {
	return t.db.BeginTraining(ctx, r)
}

// Rewind implements [train.Sink].
func (t *trainingTable) Rewind(ctx context.Context, attempt int, update int64) error {
	return t.db.RewindTraining(ctx, t.id, attempt, update)
}

// Write implements [train.Sink].
func (t *trainingTable) Write(ctx context.Context, rows record.TrainingRows) error {
	return t.db.AddTrainingRows(ctx, t.id, rows)
}

// End implements [train.Sink].
func (t *trainingTable) End(ctx context.Context, r *record.Training) error {
	return t.db.EndTraining(ctx, r)
}
