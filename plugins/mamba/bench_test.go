package main

import (
	"fmt"
	"testing"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/nn"
)

// BenchmarkForward measures tokens through new models without logits: many at a time, and one.
func BenchmarkForward(b *testing.B) {
	for _, name := range []string{"3m", "130m", "mamba2-3m", "mamba2-130m"} {
		for _, rows := range []int{512, 1} {
			b.Run(fmt.Sprintf("%s/%d", name, rows), func(b *testing.B) { benchmarkForward(b, name, rows) })
		}
	}
}

func benchmarkForward(b *testing.B, variant string, rows int) {
	b.Helper()
	var config string
	for _, v := range (Family{}).Describe().Variants {
		if v.Name == variant {
			config = v.Config
		}
	}
	net, _, err := Family{}.New([]byte(config), nil, nn.NewParams(nil, 1, nn.Precision{}))
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
