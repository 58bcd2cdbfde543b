package kernel

// The ladder's activations: as many rows as in prefill, resident in the third-level cache as they are there.
const (
	ladderTokens = 512
	ladderDim    = 2048
	ladderVocab  = 50257
)

// ladderElementwise are the elementwise kernels, with their FLOPs per element and the matrices they read or write.
var ladderElementwise = []struct {
	name            string
	flops, matrices int
	f               func(tr *tier, dst, x, y, z, u []float32)
}{
	{"add", 1, 3, func(tr *tier, dst, x, y, _, _ []float32) { tr.add(dst, x, y) }},
	{"axpy", 2, 3, func(tr *tier, dst, x, _, _, _ []float32) { tr.axpy(.5, x, dst) }},
	{"exp", 1, 2, func(tr *tier, dst, x, _, _, _ []float32) { tr.exp(dst, x) }},
	{"silu", 4, 2, func(tr *tier, dst, x, _, _, _ []float32) { tr.silu(dst, x) }},
	{"gelu", 5, 2, func(tr *tier, dst, x, _, _, _ []float32) { tr.gelu(dst, x) }},
	{"gelu_new", 9, 2, func(tr *tier, dst, x, _, _, _ []float32) { tr.geluNew(dst, x) }},
	{"softplus", 3, 2, func(tr *tier, dst, x, _, _, _ []float32) { tr.softplus(dst, x) }},
	{"relu", 0, 2, func(tr *tier, dst, x, _, _, _ []float32) { tr.relu(dst, x) }},
	{"swiglu", 5, 3, func(tr *tier, dst, x, y, _, _ []float32) { tr.swiglu(dst, x, y) }},
	{"add-mul", 2, 4, func(tr *tier, dst, x, y, _, _ []float32) { tr.addMul(dst, x, y) }},
	{"silu-grad", 0, 4, func(tr *tier, dst, x, y, _, _ []float32) { tr.grad.silu(dst, y, x) }},
	{"gelu-grad", 0, 4, func(tr *tier, dst, x, y, _, _ []float32) { tr.grad.gelu(dst, y, x) }},
	{"gelu_new-grad", 0, 4, func(tr *tier, dst, x, y, _, _ []float32) { tr.grad.geluNew(dst, y, x) }},
	{"softplus-grad", 0, 4, func(tr *tier, dst, x, y, _, _ []float32) { tr.grad.softplus(dst, y, x) }},
	{"relu-grad", 0, 4, func(tr *tier, dst, x, y, _, _ []float32) { tr.grad.relu(dst, y, x) }},
	{"swiglu-grad", 0, 7, func(tr *tier, dst, x, y, z, u []float32) { tr.grad.swiglu(dst, u, y, x, z) }},
}

// ladderByRow are the kernels that take a row of ladderDim.
var ladderByRow = []struct {
	name            string
	flops, matrices int
	f               func(tr *tier, dst, x, y []float32, w [4][]float32)
}{
	{"rmsnorm", 4, 2, func(tr *tier, dst, x, _ []float32, w [4][]float32) { tr.rmsNorm(dst, x, w[0], 1e-5) }},
	{"layernorm", 8, 2, func(tr *tier, dst, x, _ []float32, w [4][]float32) { tr.layerNorm(dst, x, w[0], w[1], 1e-5) }},
	{"rmsnorm-grad", 0, 4, func(tr *tier, dst, x, y []float32, w [4][]float32) { tr.grad.rmsNorm(dst, w[2], y, x, w[0], 1e-5) }},
	{"layernorm-grad", 0, 4, func(tr *tier, dst, x, y []float32, w [4][]float32) {
		tr.grad.layerNorm(dst, w[2], w[3], y, x, w[0], 1e-5)
	}},
	{"rope", 3, 2, func(_ *tier, dst, _, _ []float32, w [4][]float32) { Rotate(dst, w[0][:64], w[1][:64], false) }},
}

// ladderRows are the operations on activations, the loss and the optimiser step.
func ladderRows() (list []rung) {
	const n = ladderTokens * ladderDim
	for _, op := range ladderElementwise {
		list = append(list, rung{name: "elementwise/" + op.name, flops: op.flops * n, bytes: 4 * n * op.matrices, setup: func(tr *tier) func() {
			dst, x, y, z, u := make([]float32, n), gaussians(1, n), gaussians(2, n), gaussians(3, n), make([]float32, n)
			return func() { op.f(tr, dst, x, y, z, u) }
		}})
	}
	for _, op := range ladderByRow {
		list = append(list, rung{name: "row/" + op.name, flops: op.flops * n, bytes: 4 * n * op.matrices, setup: func(tr *tier) func() {
			dst, x, y := make([]float32, n), gaussians(1, n), gaussians(2, n)
			w := [4][]float32{gaussians(3, ladderDim), gaussians(4, ladderDim), make([]float32, ladderDim), make([]float32, ladderDim)}
			return func() {
				for at := 0; at < n; at += ladderDim {
					op.f(tr, dst[at:][:ladderDim], x[at:][:ladderDim], y[at:][:ladderDim], w)
				}
			}
		}})
	}
	return append(list, ladderLoss(), ladderLossGrad(), ladderAdamW())
}

func ladderLoss() rung {
	const rows = 16
	return rung{name: "row/cross-entropy", flops: rows * (3*ladderVocab + 3), bytes: 4 * rows * ladderVocab, setup: func(*tier) func() {
		logits, targets, nll := gaussians(1, rows*ladderVocab), make([]int32, rows), make([]float64, rows)
		return func() { NLL(nil, nll, logits, targets) }
	}}
}

func ladderLossGrad() rung {
	const rows = 16
	return rung{name: "row/cross-entropy-grad", bytes: 12 * rows * ladderVocab, setup: func(*tier) func() {
		logits, grad := gaussians(1, rows*ladderVocab), make([]float32, rows*ladderVocab)
		return func() {
			for at := 0; at < len(logits); at += ladderVocab {
				NLLGrad(grad[at:][:ladderVocab], logits[at:][:ladderVocab], 11.3, 5, 1./rows)
			}
		}
	}}
}

func ladderAdamW() rung {
	const n = 4 << 20
	return rung{name: "adamw", flops: 12 * n, bytes: 28 * n, setup: func(*tier) func() {
		w, g, m, v := gaussians(1, n), gaussians(2, n), make([]float32, n), make([]float32, n)
		return func() { adamW.Step(nil, w, g, m, v, 5) }
	}}
}
