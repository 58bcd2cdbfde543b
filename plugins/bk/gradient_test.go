package main

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/nn"
)

// TestGradients compares the gradient of whole models with the loss's slope: moving a parameter along its gradient g by
// a step s changes the loss by s|g|². ReLU is replaced by the smooth GELU, and every expert is used: kinks and choices
// have no slope to measure.
func TestGradients(t *testing.T) {
	for name, config := range configs {
		t.Run(name, func(t *testing.T) {
			options := map[string]string{"top_k": "9"}
			if !strings.Contains(config, "swiglu") {
				options["ffn_activation"] = "gelu"
			}
			ps := nn.NewParams(nil, 11, nn.Precision{})
			net, _, err := Family{}.New([]byte(config), options, ps)
			if err != nil {
				t.Fatal(err)
			}
			checkGradients(t, net, ps, 0.01)
		})
	}
}

// TestPublishedGradients does the same for the published model, whose ReLU needs a larger tolerance.
func TestPublishedGradients(t *testing.T) {
	net, ps := newNetwork(t, `{"mode": "bidirectional", "vocab_size": 64, "d_model": 16, "n_layers": 2, "n_seq": 64, "top_k": 4}`, 11)
	checkGradients(t, net, ps, 0.05)
}

func checkGradients(t *testing.T, net engine.Network, ps *nn.Params, tolerance float64) {
	t.Helper()
	if err := ps.Train(); err != nil {
		t.Fatal(err)
	}
	backward(t, net)
	modeltest.TapeChangesNothing(t, net, documents...)
	var flat []string
	for _, w := range ps.Trainable() {
		if !checkSlope(t, net, ps, w, tolerance) {
			flat = append(flat, w.Name)
		}
	}
	if t.Logf("too flat to measure: %q", flat); len(flat) > len(ps.Trainable())/4 {
		t.Errorf("%d of %d parameters were too flat to measure", len(flat), len(ps.Trainable()))
	}
}

// documents are the documents that the loss is computed over.
var documents = [][]int32{someTokens(21), someTokens(50)[20:]}

// forward returns the loss.
func forward(t *testing.T, net engine.Network, p *nn.Pass) float64 {
	t.Helper()
	var b nn.Batch
	var targets []int32
	for _, d := range documents {
		b.Spans = append(b.Spans, nn.Span{Start: len(b.Tokens), Len: len(d)})
		b.Tokens = append(b.Tokens, d...)
		targets = append(append(targets, d[1:]...), -1)
	}
	hidden, err := net.Forward(p, b)
	if err != nil {
		t.Fatal(err)
	}
	return nn.CrossEntropy(p, net.Output().Forward(p, hidden), targets)
}

func backward(t *testing.T, net engine.Network) {
	t.Helper()
	pool := kernel.NewPool(2)
	defer pool.Close()
	p := &nn.Pass{Pool: pool, Tape: &nn.Tape{}}
	forward(t, net, p)
	p.Tape.Backward()
}

// checkSlope moves one parameter along its gradient and back. It reports whether the slope exceeds the noise.
func checkSlope(t *testing.T, net engine.Network, ps *nn.Params, w *nn.Param, tolerance float64) bool {
	t.Helper()
	var squares, top, size float64
	for i, g := range w.Grad {
		squares += float64(g) * float64(g)
		top = max(top, math.Abs(float64(g)))
		size = max(size, math.Abs(float64(w.W[i])))
	}
	step := 0.004 * max(size, 0.1) / top
	at := func(s float64) float64 {
		was := slices.Clone(w.W)
		for i, g := range w.Grad {
			w.W[i] += float32(s * float64(g))
		}
		ps.Changed()
		loss := forward(t, net, &nn.Pass{})
		copy(w.W, was)
		ps.Changed()
		return loss
	}
	slope := (8*(at(step)-at(-step)) - (at(2*step) - at(-2*step))) / (12 * step)
	noise := 3e-7 / step // of a float32 forward
	if !(squares > 10*noise) {
		return false
	}
	if math.Abs(slope-squares) > tolerance*squares+noise {
		t.Errorf("%s: the loss changes by %g a step along its gradient, want %g", w.Name, slope, squares)
	}
	return true
}
