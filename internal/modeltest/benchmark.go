package modeltest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/nn"
)

// BenchmarkForward measures tokens through new models of the given variants without logits: many at a time, and one.
func BenchmarkForward(b *testing.B, family engine.Family, variants ...string) {
	for _, v := range family.Describe().Variants {
		if !slices.Contains(variants, v.Name) {
			continue
		}
		for _, rows := range []int{512, 1} {
			b.Run(fmt.Sprintf("%s/%d", v.Name, rows), func(b *testing.B) { benchmarkForward(b, family, v.Config, rows) })
		}
	}
}

func benchmarkForward(b *testing.B, family engine.Family, config string, rows int) {
	net, _, err := family.New([]byte(config), nil, nn.NewParams(nil, 1, nn.Precision{}))
	if err != nil {
		b.Fatal(err)
	}
	pool := kernel.NewPool(2)
	defer pool.Close()
	p := &nn.Pass{Pool: pool}
	tokens := make([]int32, rows)
	for i := range tokens {
		tokens[i] = int32((i*i*7 + i*3) % 64)
	}
	batch := nn.Batch{Tokens: tokens, Spans: []nn.Span{{Len: rows, State: net.NewState()}}}
	b.ReportAllocs()
	for b.Loop() {
		p.Reset()
		if _, err := net.Forward(p, batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
}
