package cli

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

// dieAt ends the process of a plugin at a step of training; "": never.
func dieAt(number string) func(context.Context, string) error {
	n, err := strconv.Atoi(number)
	if err != nil {
		return nil
	}
	var steps atomic.Int64
	return func(_ context.Context, call string) error {
		if call == "trainstep" && steps.Add(1) == int64(n) {
			os.Exit(7)
		}
		return nil
	}
}

// newTrainingDesk is a desk with a plugin that can train.
func newTrainingDesk(t *testing.T) desk {
	t.Helper()
	d := newDesk(t)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(program, filepath.Join(os.Getenv(lmplugin.PathVariable), lmplugin.Prefix+"learner")); err != nil {
		t.Fatal(err)
	}
	return d
}

// small are the flags of a training that takes a moment.
var small = []string{"train", "--plugin", "learner", "--budget", "12updates", "--batch", "2", "--length", "16", "--eval-tokens", "200", "--lr", "0.5", "--out"}

func TestTrain(t *testing.T) {
	d := newTrainingDesk(t)
	out, errs := d.must(ExitOK, append(small, "out")...)
	for _, want := range []string{"bits per byte", "loss"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	for _, want := range []string{"on archbench's own documentation", "tokens    bytes", "12 updates of 32 tokens, evaluated every 2", "update 12/12", "archbench generate out/best"} {
		if !strings.Contains(errs, want) {
			t.Errorf("no %q in\n%s", want, errs)
		}
	}
	for _, pattern := range []string{"out/best/model.safetensors", "out/last/card.json", "out/rows.jsonl", "out/events.out.tfevents.*", "out/curve.svg", "out/training.json"} {
		if found, _ := filepath.Glob(pattern); len(found) != 1 {
			t.Errorf("%s: %v", pattern, found)
		}
	}
	if out, _ := d.must(ExitOK, "generate", "out/best", "--prompt", "a", "--max-new-tokens", "3", "--greedy"); len(out) < 3 {
		t.Errorf("generated %q", out)
	}
	if out, _ := d.must(ExitOK, "trainings", "list", "-o", "csv"); !strings.Contains(out, ",done,learner,") {
		t.Error(out)
	}
	if out, _ := d.must(ExitOK, "export", "t-", "-o", "rows"); strings.Count(out, "\n") != 12+14 {
		t.Errorf("%d rows", strings.Count(out, "\n"))
	}
	d.must(ExitOK, "export", "t-", "-o", "tensorboard", "--to", "events.out.tfevents.1")
	if data, err := os.ReadFile("events.out.tfevents.1"); err != nil || !strings.Contains(string(data), "valid/bits_per_byte") {
		t.Error("no curve", err)
	}
	d.must(ExitUsage, "export", "t-none", "-o", "rows")
	d.must(ExitOK, "train", "--resume", "out")
}

func TestTrainOnTextAndTasks(t *testing.T) {
	d := newTrainingDesk(t)
	for i := range 40 {
		d.write(filepath.Join("texts", strconv.Itoa(i)+".txt"), strings.Repeat("word "+strconv.Itoa(i)+"\n", 30))
	}
	if _, errs := d.must(ExitOK, append(small, "a", "--corpus", "texts=3", "--corpus", "texts/1.txt=1", "--schedule", "wsd", "--micro-batch", "1")...); !strings.Contains(errs, "texts + ") {
		t.Error(errs)
	}
	out, errs := d.must(ExitOK, append(small, "b", "--task", "parity", "--optimizer", "sgd:momentum=0.5", "--recover", "1")...)
	if !strings.Contains(out, "accuracy above chance") || !strings.Contains(errs, "on task parity") || strings.Contains(errs, "archbench generate") {
		t.Error(out, errs)
	}
	d.must(ExitOK, append(small, "c", "--model", "a/best", "--corpus", "texts")...)
}

// TestTrainResumes interrupts a training, and lets the plugin of another die: both continue to the weights of an uninterrupted one.
func TestTrainResumes(t *testing.T) {
	d := newTrainingDesk(t)
	d.must(ExitOK, append(small, "whole")...)
	var out, errs strings.Builder
	ctx, cancel := context.WithCancel(t.Context())
	watch := writerFunc(func(b []byte) (int, error) {
		if strings.Contains(string(b), "update 6/12") {
			cancel()
		}
		return errs.Write(b)
	})
	if code := execute(ctx, append(small, "stopped"), strings.NewReader(""), &out, watch, "test"); code != ExitInterrupted || !strings.Contains(errs.String(), "interrupted after update 6; continue with: archbench train --resume stopped\n") {
		t.Fatalf("code %d, %s", code, errs.String())
	}
	deadly := filepath.Join(os.Getenv(lmplugin.PathVariable), "dies-at")
	d.write(deadly, "9")
	_, died := d.must(ExitCells, append(small, "dead")...)
	if !strings.Contains(died, "crash: ") || !strings.Contains(died, "continue with: archbench train --resume dead") {
		t.Error(died)
	}
	if err := os.Remove(deadly); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("whole/last/model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"stopped", "dead"} {
		d.must(ExitOK, "train", "--resume", folder)
		if got, err := os.ReadFile(folder + "/last/model.safetensors"); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s: other weights, %v", folder, err)
		}
	}
}

// writerFunc is a writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestTrainMistakes(t *testing.T) {
	d := newTrainingDesk(t)
	d.write("empty/none.bin", "\x00")
	d.write("short.txt", "one line\n")
	d.write("full/photo", "x")
	d.must(ExitOK, append(small, "there")...)
	for words, want := range map[string]string{
		"":                                           "name a new folder with --out",
		"--out x":                                    "name what to train with --plugin (installed: broken, fake, learner)",
		"--out x --plugin lerner":                    `no plugin "lerner" is installed; there are broken, fake, learner; did you mean learner?`,
		"--out x --plugin ./none":                    "--plugin ./none",
		"--out x --plugin fake":                      "the plugin fake cannot train: n/a (no ability train)",
		"--out there --plugin learner":               "holds a training: continue it with archbench train --resume",
		"--out full --plugin learner":                "is not empty, and holds no training",
		"--out x --plugin learner --budget 5":        `--budget "5": want a time`,
		"--out x --plugin learner --schedule flat":   "no schedule \"flat\"",
		"--out x --plugin learner --optimizer sgd:a": "is not OPTION=NUMBER",
		"--out x --plugin learner --optimizer adam --budget 1updates":     "not adam",
		"--out x --plugin learner --task mqr":                             "did you mean mqar?",
		"--out x --plugin learner --task mqar --corpus y":                 "use only one of them",
		"--out x --plugin learner --corpus short.txt=0":                   `"0" is no weight, want a number above 0`,
		"--out x --plugin learner --corpus none":                          "no such file",
		"--out x --plugin learner --corpus empty":                         "no UTF-8 text",
		"--out x --plugin learner --corpus short.txt":                     "name more text",
		"--out x --plugin learner --batch 0":                              "must be positive",
		"--out x --plugin learner --clip -1":                              "--clip -1",
		"--out x --plugin learner --budget 1ms":                           "is too short",
		"--out x --plugin learner --length 16 --batch 2 --budget 9tokens": "less than one update",
		"--out x --plugin learner --variant huge":                         `no variant "huge"`,
		"--resume none":                  "holds no training to resume",
		"--resume there --lr 3 --seed 4": "leave out --lr, --seed",
		"--resume there --plugin fake":   "is of learner",
	} {
		code, _, errs := d.call(append([]string{"train"}, strings.Fields(words)...)...)
		if code != ExitUsage || !strings.Contains(errs, want) {
			t.Errorf("train %s: code %d, %s", words, code, errs)
		}
		if exists("x") {
			t.Fatalf("train %s left a folder", words)
		}
	}
}

func TestParseOptimizer(t *testing.T) {
	got, err := parseOptimizer("adamw:beta2=0.95,weight_decay=1e-1")
	if diff := cmp.Diff(lm.Optimizer{Name: "adamw", Options: map[string]float64{"beta2": 0.95, "weight_decay": 0.1}}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, text := range []string{"a:b", "a:=1", "a:b=x", "a:b=NaN", "a:b=1,"} {
		if _, err := parseOptimizer(text); err == nil {
			t.Errorf("%s is read", text)
		}
	}
}
