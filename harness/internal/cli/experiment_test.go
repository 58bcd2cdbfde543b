package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/archbench/archbench/lm/lmplugin"
)

// twins is an experiment with one model under two names.
const twins = `
name: twins
models:
  - {name: one, plugin: learner}
  - {name: two, plugin: learner}
data: {task: prefix-parity, eval_tokens: 200}
train: {budget: 6updates, batch: 2, optimizer: sgd}
tuning: {rates: [0.1, 0.5], seeds: [0]}
seeds: [1, 2]
`

func writeTwins(d desk) { d.write("twins.yaml", twins) }

// TestExperiment checks that equal models are equal to the last bit, and that the trainings are there for other commands.
func TestExperiment(t *testing.T) {
	d := newTrainingDesk(t)
	writeTwins(d)
	plan, _ := d.must(ExitOK, "experiment", "twins.yaml", "--out", "out", "--plan")
	for _, want := range []string{"each model: 2 learning rates with 1 seed, then 2 seeds at its best rate; 6updates each", "at most 8 trainings, 0 done", "detects differences of"} {
		if !strings.Contains(plan, want) {
			t.Errorf("no %q in\n%s", want, plan)
		}
	}
	out, errs := d.must(ExitOK, "experiment", "twins.yaml", "--out", "out")
	if !strings.Contains(out, "cannot tell two from one") || !strings.Contains(out, "0.000 [0.000, 0.000]") || !strings.Contains(errs, "training  8: two") {
		t.Errorf("%s\n%s", out, errs)
	}
	again, errs := d.must(ExitOK, "experiment", "twins.yaml", "--out", "out")
	if again != out || strings.Contains(errs, "rate 0.") {
		t.Errorf("a complete experiment trains again: %s\n%s", again, errs)
	}
	if found, _ := filepath.Glob("out/one-lr0.*-seed1/curve.svg"); len(found) != 1 {
		t.Errorf("curves %v", found)
	}
	if list, _ := d.must(ExitOK, "trainings", "list", "-o", "csv"); strings.Count(list, ",done,learner,") != 8 {
		t.Error(list)
	}
}

// TestExperimentContinues stops an experiment within a training, and lets the plugin of another die. Both come to the tables of an
// uninterrupted one.
func TestExperimentContinues(t *testing.T) {
	d := newTrainingDesk(t)
	writeTwins(d)
	want, _ := d.must(ExitOK, "experiment", "twins.yaml", "--out", "whole")
	ctx, cancel := context.WithCancel(t.Context())
	var out, errs strings.Builder
	watch := writerFunc(func(b []byte) (int, error) {
		if strings.Contains(errs.String(), "training  3") && strings.Contains(string(b), "update 3/6") {
			cancel()
		}
		return errs.Write(b)
	})
	args := []string{"experiment", "twins.yaml", "--out", "stopped"}
	if code := execute(ctx, args, strings.NewReader(""), &out, watch, "test"); code != ExitInterrupted || !strings.Contains(errs.String(), "interrupted after 2 trainings; continue with: archbench experiment twins.yaml --out stopped") {
		t.Fatalf("code %d\n%s", code, errs.String())
	}
	deadly := filepath.Join(os.Getenv(lmplugin.PathVariable), "dies-at")
	d.write(deadly, "5")
	d.must(ExitCells, "experiment", "twins.yaml", "--out", "dead")
	if err := os.Remove(deadly); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"stopped", "dead"} {
		if got, _ := d.must(ExitOK, "experiment", "twins.yaml", "--out", dir); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", dir, got, want)
		}
	}
}

func TestExperimentMistakes(t *testing.T) {
	d := newTrainingDesk(t)
	writeTwins(d)
	d.write("time.yaml", strings.Replace(twins, "6updates", "10s", 1))
	d.write("flops.yaml", strings.Replace(twins, "6updates", "1e12FLOPs", 1))
	d.write("other.yaml", twins+"summary: x\n")
	d.write("suite.yaml", twins+"suites: [memry]\n")
	for _, c := range []struct {
		code int
		args []string
		want string
	}{
		{ExitUsage, []string{"twins.yaml"}, "--out"},
		{ExitUsage, []string{"missing.yaml", "--out", "x"}, "missing.yaml"},
		{ExitUsage, []string{"suite.yaml", "--out", "suite"}, "did you mean memory?"},
		{ExitUsage, []string{"time.yaml", "--out", "time"}, "a budget of time or FLOPs gives a slower model fewer tokens"},
		{ExitUsage, []string{"flops.yaml", "--out", "flops"}, "a budget of time or FLOPs gives a slower model fewer tokens"},
	} {
		if _, errs := d.must(c.code, append([]string{"experiment"}, c.args...)...); !strings.Contains(errs, c.want) {
			t.Errorf("%v: %s", c.args, errs)
		}
	}
	d.must(ExitOK, "experiment", "twins.yaml", "--out", "out")
	d.write("out/one-lr0.1-seed0/training.json", "{")
	d.write("out/experiment.json", "{")
	if _, errs := d.must(ExitUsage, "experiment", "twins.yaml", "--out", "out"); !strings.Contains(errs, "experiment.json is damaged") {
		t.Error(errs)
	}
	if err := os.Remove("out/experiment.json"); err != nil {
		t.Fatal(err)
	}
	if _, errs := d.must(ExitUsage, "experiment", "twins.yaml", "--out", "out"); !strings.Contains(errs, "training.json") || !exists("out/one-lr0.1-seed0/last") {
		t.Error("a training whose plan is damaged is trained anew: ", errs)
	}
	if _, errs := d.must(ExitUsage, "experiment", "other.yaml", "--out", "out"); !strings.Contains(errs, "holds another experiment") {
		t.Error(errs)
	}
}
