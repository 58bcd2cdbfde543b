package modeltest

import (
	"testing"

	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/sharedtest"
)

// NoAllocations checks, in several precisions, that decoding a token after some others allocates nothing, and that a second
// prompt of the same length allocates no more objects than the model has tensors.
func NoAllocations(t *testing.T, family engine.Family, dir string, after int) {
	for _, precision := range []string{"f32", "bf16", "int8", "int4", "int8a8", "int4a8"} {
		t.Run(precision, func(t *testing.T) { noAllocations(t, family, dir, precision, after) })
	}
}

func noAllocations(t *testing.T, family engine.Family, dir, precision string, after int) {
	net, _, folder := network(t, family, dir, nil, precision)
	pool := kernel.NewPool(2)
	defer pool.Close()
	p := &nn.Pass{Pool: pool}
	st := net.NewState()
	forward := func(n int) {
		p.Reset()
		b := nn.Batch{Tokens: make([]int32, n), Spans: []nn.Span{{Len: n, State: st}}}
		hidden, err := net.Forward(p, b)
		if err != nil {
			t.Fatal(err)
		}
		b.Advance()
		net.Output().Forward(p, hidden.Slice(n-1, n))
	}
	forward(after)
	forward(1)
	const batch = 2 // allocations of forward itself: the tokens and their span
	if allocs := sharedtest.AllocsPerRun(t, 20, func() { forward(1) }); allocs > batch {
		t.Errorf("a token allocates %v times, want none", allocs-batch)
	}
	most := float64(batch + len(folder.Names()))
	prompt := func() {
		st.Reset()
		forward(after)
	}
	if allocs := sharedtest.AllocsPerRun(t, 5, prompt); allocs > most {
		t.Errorf("a prompt of %d tokens allocates %v times, want at most %v", after, allocs, most)
	}
}

// network loads the network of a checkpoint in a precision. The folder stays open until the test ends.
func network(
	t testing.TB, family engine.Family, dir string, options map[string]string, precision string,
) (engine.Network, *nn.Params, *checkpoint.Folder) {
	t.Helper()
	parsed, err := nn.ParsePrecision(precision, "")
	if err != nil {
		t.Fatal(err)
	}
	folder, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, folder)
	ps := nn.NewParams(folder, 0, parsed)
	net, _, err := family.New(folder.Config(), options, ps)
	if err != nil || ps.Err() != nil {
		t.Fatal(err, ps.Err())
	}
	return net, ps, folder
}
