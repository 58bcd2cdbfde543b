// Command train trains one model with archbench and with PyTorch side by side: from the same weights, on the same batches, in turn
// after every update. It shows how far the losses are apart, and how fast each is.
//
//	go run ./bench/train -model DIR [-updates 200] [-batch 16] [-length 256] TEXT
//	go run ./bench/train -variant 124m -updates 20 -batch 4 -length 64 TEXT
//
// TEXT is a file whose bytes are the tokens, so that no tokenizer is needed.
package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/aclements/go-moremath/stats"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

// job is what both train.
type job struct {
	load           lm.LoadRequest
	updates        int
	batch, length  int
	rate           float64
	plugin, script string
	python         string
	text           []byte
}

func run(ctx context.Context) error {
	var j job
	flag.StringVar(&j.load.Checkpoint, "model", "", "folder of a GPT-2 checkpoint in float32")
	flag.StringVar(&j.load.Variant, "variant", "", "variant of the plugin with new weights, instead of -model")
	flag.IntVar(&j.updates, "updates", 200, "number of updates")
	flag.IntVar(&j.batch, "batch", 16, "documents of an update")
	flag.IntVar(&j.length, "length", 256, "tokens of a document")
	flag.Float64Var(&j.rate, "rate", 1e-3, "largest learning rate: 10 updates of warm-up, then cosine to a tenth")
	flag.IntVar(&j.load.Threads, "threads", runtime.NumCPU(), "threads of each")
	flag.StringVar(&j.plugin, "plugin", "bin/archbench-plugin-gpt2", "plugin's executable")
	flag.StringVar(&j.script, "script", "bench/train/torch_train.py", "PyTorch's side")
	flag.StringVar(&j.python, "python", "/usr/bin/python3", "Python with PyTorch")
	flag.Parse()
	if flag.NArg() != 1 {
		return errors.New("give one file of text")
	}
	var err error
	if j.text, err = os.ReadFile(flag.Arg(0)); err != nil {
		return err
	}
	if len(j.text) <= j.length {
		return fmt.Errorf("%s: %d bytes, want more than %d", flag.Arg(0), len(j.text), j.length)
	}
	return j.run(ctx)
}

// run starts both sides and trains them in turn.
func (j *job) run(ctx context.Context) (err error) {
	plugin, err := lmplugin.Launch(ctx, lmplugin.Options{Path: j.plugin})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plugin.Close()) }()
	model, err := plugin.Load(ctx, j.load)
	if err != nil {
		return err
	}
	ours, theirs, err := j.open(ctx, model)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, theirs.close()) }()
	var r comparison
	for update := range j.updates {
		documents := j.documents(update)
		rate := j.rateAt(update)
		a, err := ours.update(ctx, documents, rate)
		if err != nil {
			return err
		}
		b, err := theirs.update(documents, rate)
		if err != nil {
			return err
		}
		r.add(a, b)
		fmt.Printf("%4d  loss %.6f %.6f  norm %.4f %.4f  seconds %.3f %.3f\n", update+1, a.Loss, b.Loss, a.Norm, b.Norm, a.Seconds, b.Seconds)
	}
	r.print(j.batch*j.length, theirs.name)
	return nil
}

// open opens the training, and PyTorch with the weights that it starts from.
func (j *job) open(ctx context.Context, model lm.Model) (side, *torch, error) {
	saver, saves := lm.As[lm.Saver](model)
	trainer, trains := lm.As[lm.Trainer](model)
	if !saves || !trains {
		return side{}, nil, errors.New("the model cannot be saved or trained: it needs float32 weights")
	}
	dir, err := os.MkdirTemp("", "archbench-train")
	if err != nil {
		return side{}, nil, err
	}
	defer os.RemoveAll(dir)
	if err := saver.Save(ctx, dir); err != nil {
		return side{}, nil, err
	}
	training, err := trainer.OpenTraining(ctx, lm.TrainingRequest{Optimizer: lm.Optimizer{Name: "adamw", Options: map[string]float64{
		"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "weight_decay": 0.1,
	}}})
	if err != nil {
		return side{}, nil, err
	}
	theirs, err := startTorch(ctx, j.python, j.script, dir, strconv.Itoa(j.load.Threads))
	return side{training}, theirs, err
}

// documents draws the windows of an update, each of length+1 tokens.
func (j *job) documents(update int) [][]int32 {
	random := rand.New(rand.NewPCG(1, uint64(update)))
	all := make([][]int32, j.batch)
	for i := range all {
		first := random.IntN(len(j.text) - j.length)
		for _, b := range j.text[first : first+j.length+1] {
			all[i] = append(all[i], int32(b))
		}
	}
	return all
}

// rateAt is the learning rate of an update.
func (j *job) rateAt(update int) float64 {
	const warmup = 10
	if update < warmup {
		return j.rate * float64(update+1) / warmup
	}
	done := float64(update-warmup) / float64(max(1, j.updates-warmup))
	return j.rate * (0.1 + 0.9*(1+math.Cos(math.Pi*done))/2)
}

// outcome is what one update gave.
type outcome struct {
	Loss    float64 `json:"loss"` // nats per token, before the update
	Norm    float64 `json:"norm"` // of the gradient, before clipping
	Seconds float64 `json:"seconds"`
}

// side is archbench's.
type side struct{ training lm.Training }

func (s side) update(ctx context.Context, documents [][]int32, rate float64) (outcome, error) {
	step := lm.TrainStep{Update: true, LearningRate: rate, ClipNorm: 1}
	for _, d := range documents {
		last := len(d) - 1
		step.Documents = append(step.Documents, lm.TrainDocument{Tokens: d[:last], Targets: d[1:]})
	}
	start := time.Now()
	reply, err := s.training.Step(ctx, step)
	return outcome{reply.Loss, reply.GradientNorm, time.Since(start).Seconds()}, err
}

// torch is a PyTorch process.
type torch struct {
	name    string
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
}

func startTorch(ctx context.Context, python string, args ...string) (*torch, error) {
	t := &torch{command: exec.CommandContext(ctx, python, args...)}
	t.command.Stderr = os.Stderr
	var err error
	if t.in, err = t.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := t.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	t.out = bufio.NewScanner(out)
	if err := t.command.Start(); err != nil {
		return nil, err
	}
	var ready struct{ Ready string }
	if err := t.answer(&ready); err != nil {
		return nil, errors.Join(err, t.close())
	}
	t.name = ready.Ready
	return t, nil
}

// answer reads one line of output.
func (t *torch) answer(v any) error {
	if !t.out.Scan() {
		return fmt.Errorf("PyTorch ended: %w", cmp.Or(t.out.Err(), io.ErrUnexpectedEOF))
	}
	return json.Unmarshal(t.out.Bytes(), v)
}

func (t *torch) update(documents [][]int32, rate float64) (o outcome, err error) {
	err = json.NewEncoder(t.in).Encode(map[string]any{"tokens": documents, "rate": rate})
	if err == nil {
		err = t.answer(&o)
	}
	return o, err
}

func (t *torch) close() error {
	return errors.Join(t.in.Close(), t.command.Wait())
}

// comparison gathers the outcomes of both sides.
type comparison struct {
	apart         float64 // largest relative difference of the losses
	ratios        []float64
	first, second []float64
}

func (c *comparison) add(a, b outcome) {
	c.apart = max(c.apart, math.Abs(a.Loss/b.Loss-1))
	c.first, c.second = append(c.first, a.Seconds), append(c.second, b.Seconds)
	c.ratios = append(c.ratios, b.Seconds/a.Seconds)
}

// print sums up. The first update of each is a warm-up.
func (c *comparison) print(tokens int, name string) {
	fmt.Printf("losses at most %.2g %% apart in %d updates\n", 100*c.apart, len(c.ratios))
	if len(c.ratios) < 2 {
		return
	}
	speed := func(seconds []float64) float64 { return float64(tokens) / median(seconds[1:]) }
	fmt.Printf("archbench %.0f token/s, %s %.0f token/s\n", speed(c.first), name, speed(c.second))
	ratios := c.ratios[1:]
	fmt.Printf("archbench is %.2fx as fast, %.2fx to %.2fx\n", median(ratios), slices.Min(ratios), slices.Max(ratios))
}

func median(values []float64) float64 {
	return stats.Sample{Xs: slices.Clone(values)}.Quantile(0.5)
}
