package main

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// recorded is a cell of n blocks of k calls with noise of blocks and of calls, slower by a share.
func recorded(model string, n, k int, share float64, seed uint64) cell {
	random := rand.New(rand.NewPCG(seed, 0))
	c := cell{model: model, probe: "prefill", calls: map[int][]float64{}}
	for block := range n {
		luck := 1 + 0.01*random.NormFloat64()
		for range k {
			c.calls[block] = append(c.calls[block], (1+share)*luck*(1+0.02*random.ExpFloat64()))
		}
	}
	return c
}

// TestTable checks that planted differences are found and shown, and that equal models are told apart seldom.
func TestTable(t *testing.T) {
	base, same, slow := recorded("a", 60, 20, 0, 1), recorded("b", 60, 20, 0, 2), recorded("c", 60, 20, 0.1, 3)
	text := table([]cell{base, same, slow}, 10)
	if lines := strings.Count(text, "\n| "); lines != len(estimators)+1 {
		t.Errorf("%d rows:\n%s", lines, text)
	}
	for _, e := range estimators {
		if share := found(e.logs(base, slow), 10); e.name != "first call" && share < 0.9 {
			t.Errorf("%s: 10 %% slower is found in %.2f of the stretches", e.name, share)
		}
		if share := found(e.logs(base, same), 10); share > 0.15 {
			t.Errorf("%s: equal models differ in %.2f of the stretches", e.name, share)
		}
		if shown := quantile(0.5)(e.logs(base, slow)); math.Abs(shown-math.Log(1.1)) > 0.02 {
			t.Errorf("%s: 10 %% slower is shown as %+.1f %%", e.name, 100*shown)
		}
		if effect := detectable(e.logs(base, same), 10); effect <= 0 || effect > 0.1 {
			t.Errorf("%s: detects %v", e.name, effect)
		}
	}
}
