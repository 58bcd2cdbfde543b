package modeltest

import (
	"testing"

	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/sharedtest"
)

// NoAllocations checks that one more token, after some others, allocates nothing.
func NoAllocations(t *testing.T, family engine.Family, dir string, after int) {
	folder, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	ps := nn.NewParams(folder, 0, kernel.F32, kernel.F32)
	net, _, err := family.New(folder.Config(), nil, ps)
	if err != nil || ps.Err() != nil {
		t.Fatal(err, ps.Err())
	}
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
		net.Output().Forward(p, hidden.Slice(n-1, n))
	}
	forward(after)
	forward(1)
	const batch = 2 // the token and its span, made above
	if allocs := sharedtest.AllocsPerRun(t, 20, func() { forward(1) }); allocs > batch {
		t.Errorf("a token allocates %v times beside its batch, want none", allocs-batch)
	}
}
