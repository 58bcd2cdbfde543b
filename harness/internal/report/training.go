package report

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/internal/atomicfile"
)

// TrainingCurve draws the losses of a training over its tokens: of every update, and of the evaluations. Where a recovery went
// back, only what came of it is drawn.
func TrainingCurve(t *record.Training) chart.Figure {
	f := chart.Figure{
		Name: "curve", Title: "Loss of " + t.Model.Name, Foot: fmt.Sprintf("training %s: %d updates", t.ID, t.Updates),
		X: chart.Axis{Label: "tokens in training", Unit: unit.Token}, Y: chart.Axis{Label: "loss, nats per target", Unit: unit.Nat},
		Empty: "no update was made",
	}
	steps := chart.Series{Name: "training", Style: 0, Joined: true, Light: true}
	for _, s := range standing(t.Steps) {
		if s.Loss.Finite() {
			steps.Points = append(steps.Points, plain(float64(s.Tokens), float64(s.Loss)))
		}
	}
	valid := chart.Series{Name: "validation", Style: 1, Joined: true}
	for _, e := range t.Evaluations {
		if e.Metric == "loss" && e.Value.Finite() {
			valid.Points = append(valid.Points, plain(float64(e.Tokens), float64(e.Value)))
		}
	}
	f.Series = []chart.Series{steps, valid}
	if f.HasData() {
		f.Empty = ""
	}
	return f
}

// mostDrawn is the number of updates that a figure has room for.
const mostDrawn = 400

// standing returns the updates that no recovery went back behind, at most mostDrawn of them.
func standing(steps []record.TrainingStep) (all []record.TrainingStep) {
	for _, s := range steps { // in order of attempts
		for len(all) > 0 && all[len(all)-1].Update >= s.Update {
			all = all[:len(all)-1]
		}
		all = append(all, s)
	}
	every := max(1, (len(all)+mostDrawn-1)/mostDrawn)
	some := all[:0]
	for i := range all {
		if i%every == 0 || i == len(all)-1 {
			some = append(some, all[i])
		}
	}
	return some
}

func plain(x, y float64) chart.Point { return chart.Point{X: x, Y: y, Lo: y, Hi: y} }

// WriteTrainingCurve writes the curve as SVG into a folder.
func WriteTrainingCurve(dir string, t *record.Training) error {
	return atomicfile.WriteDerived(filepath.Join(dir, "curve.svg"), func(w io.Writer) error { return TrainingCurve(t).SVG(w) })
}

// Trainings lists trainings.
func Trainings(all []record.Training) table.Table {
	t := table.Table{ID: "trainings", Title: "Trainings", Columns: append(table.Keys("training"),
		table.Column{Name: "started"}, table.Column{Name: "status"}, table.Column{Name: "architecture"}, table.Column{Name: "data"},
		table.Column{Name: "updates"}, table.Column{Name: "tokens"}, table.Column{Name: "folder"})}
	for _, r := range all {
		t.Add(r.ID, r.Started.Format("2006-01-02 15:04"), r.Status, r.Model.Architecture, r.Data, r.Updates, r.Tokens, r.Folder)
	}
	return t
}
