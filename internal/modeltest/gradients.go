package modeltest

import (
	"math"
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/nn"
)

// Gradients returns the mean loss of documents over all predicted tokens, and its gradient with respect to every parameter of
// the checkpoint in dir, in the layout of the file.
func Gradients(t testing.TB, family engine.Family, dir string, options map[string]string, docs ...[]int32) (loss float64, grads map[string][]float32) {
	t.Helper()
	net, ps, _ := network(t, family, dir, options, "f32")
	if err := ps.Train(); err != nil {
		t.Fatal(err)
	}
	pool := kernel.NewPool(2)
	defer pool.Close()
	p := &nn.Pass{Pool: pool, Tape: &nn.Tape{}}
	batch, targets := together(docs)
	hidden, err := net.Forward(p, batch)
	if err != nil {
		t.Fatal(err)
	}
	loss = nn.CrossEntropy(p, net.Output().Forward(p, hidden), targets)
	p.Tape.Backward()
	TapeChangesNothing(t, net, docs...)
	grads = map[string][]float32{}
	for _, param := range ps.Trainable() {
		grads[param.Name] = asStored(param)
	}
	return loss, grads
}

// together returns a batch of whole documents and the target of each token, -1 for the last of a document.
func together(docs [][]int32) (b nn.Batch, targets []int32) {
	for _, doc := range docs {
		b.Spans = append(b.Spans, nn.Span{Start: len(b.Tokens), Len: len(doc)})
		b.Tokens = append(b.Tokens, doc...)
		targets = append(append(targets, doc[1:]...), -1)
	}
	return b, targets
}

// asStored returns the gradient in the layout of the file.
func asStored(p *nn.Param) []float32 {
	if !p.Transposed {
		return p.Grad
	}
	out, in := p.Shape[0], p.Shape[1]
	x := make([]float32, len(p.Grad))
	for o := range out {
		for i := range in {
			x[i*out+o] = p.Grad[o*in+i]
		}
	}
	return x
}

// FixtureGradients checks the loss of a fixture folder, and each gradient within 1e-4 of its largest element. A constant, which
// has no gradient in the reference, must have none.
func FixtureGradients(t *testing.T, family engine.Family, dir string, options map[string]string) {
	loss, grads := Gradients(t, family, dir, options, Inputs(t, dir)...)
	f := openReference(t, dir)
	Near(t, "loss", []float64{loss}, widen(t, f, "loss"), 1e-5)
	for name, got := range grads {
		if _, trained := f.Info("grad." + name); !trained {
			Near(t, name, got, make([]float64, len(got)), 0)
			continue
		}
		want := widen(t, f, "grad."+name)
		Near(t, name, got, want, 1e-4*float64(largest(want)))
	}
}

// KnownGradient is the norm and the first element of a parameter's gradient. First is NaN if unknown.
type KnownGradient struct {
	Name        string
	Norm, First float64
}

// KnownGradients checks the gradients of a checkpoint on FormulaTokens within a relative tolerance, and returns the loss.
// Names of tensors begin with prefix; norm is that of all gradients together.
func KnownGradients(
	t *testing.T, family engine.Family, dir, prefix string, norm float64, known []KnownGradient, tolerance float64,
) (loss float64) {
	t.Helper()
	loss, grads := Gradients(t, family, dir, nil, FormulaTokens)
	var all []float32
	for _, g := range grads {
		all = append(all, g...)
	}
	Near(t, "norm of all", []float64{Norm(all)}, []float64{norm}, tolerance*norm)
	for _, want := range known {
		g := grads[prefix+want.Name]
		Near(t, want.Name, []float64{Norm(g)}, []float64{want.Norm}, tolerance*want.Norm)
		if !math.IsNaN(want.First) {
			Near(t, want.Name+" first", g[:1], []float64{want.First}, tolerance*math.Abs(want.First)+1e-8)
		}
	}
	return loss
}

func largest(x []float32) (top float32) {
	for _, v := range x {
		top = max(top, v, -v)
	}
	return top
}

// Norm returns the Euclidean norm.
func Norm(x []float32) float64 {
	_, squares := Sums(x)
	return math.Sqrt(squares)
}
