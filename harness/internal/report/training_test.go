package report

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/archbench/archbench/harness/internal/record"
)

// fallingTraining is a training of n updates whose loss falls; a recovery went back from update 60 to 50.
func fallingTraining(n int64) *record.Training {
	t := &record.Training{ID: "t-1", Updates: n, Model: record.Model{Name: "a"}}
	loss := func(u int64) record.Real { return record.Real(2 + 4*math.Exp(-float64(u)/40)) }
	add := func(attempt int, from, to int64) {
		for u := from; u <= to; u++ {
			t.Steps = append(t.Steps, record.TrainingStep{Attempt: attempt, Update: u, Tokens: 1000 * u, Loss: loss(u)})
		}
	}
	add(0, 1, 60)
	t.Steps[59].Loss = record.Real(math.NaN())
	add(1, 51, n)
	for u := int64(0); u <= n; u += 20 {
		t.Evaluations = append(t.Evaluations, record.TrainingEvaluation{Update: u, Tokens: 1000 * u, Metric: "loss", Value: loss(u) + 0.1}, record.TrainingEvaluation{Update: u, Metric: "bits_per_byte", Value: 1})
	}
	return t
}

// TestTrainingCurve draws what stands: each update once, without those that a recovery went back behind.
func TestTrainingCurve(t *testing.T) {
	f := TrainingCurve(fallingTraining(100))
	if n := len(f.Series[0].Points); n != 100 || f.Series[0].Points[59].Y != float64(2+4*math.Exp(-60./40)) || len(f.Series[1].Points) != 6 || f.Empty != "" {
		t.Errorf("%d updates, %+v", n, f.Series[1].Points)
	}
	if n := len(TrainingCurve(fallingTraining(5000)).Series[0].Points); n > mostDrawn+1 {
		t.Errorf("%d points of 5000 updates", n)
	}
	if f := TrainingCurve(&record.Training{}); f.Empty == "" {
		t.Error("a figure of nothing has no reason")
	}
	dir := t.TempDir()
	if err := WriteTrainingCurve(dir, fallingTraining(100)); err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(filepath.Join(dir, "curve.svg"))
	if err != nil || !strings.Contains(string(svg), "validation") || !strings.Contains(string(svg), "tokens in training") {
		t.Errorf("%.100s, %v", svg, err)
	}
}
