package main

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// recorded is pieces of two minutes with noise of blocks and of calls, in which the copies are slower by what they say.
func recorded(n int) (pieces []*piece) {
	random := rand.New(rand.NewPCG(1, 0))
	call := func(percent, luck float64) int64 {
		return int64(1e4 * (1 + percent/100) * luck * (1 + 0.02*random.ExpFloat64()))
	}
	start := time.Unix(0, 0).UTC()
	for range n {
		for _, method := range []string{alternating, sequential, hyperfine} {
			p := &piece{Condition: "synthetic", Method: method, Start: start, Seconds: 120}
			blocks, calls := 1, 120*100/len(copies)
			if method == alternating {
				blocks, calls = 60, 40
			}
			for block := range blocks {
				for _, c := range copies {
					luck := 1 + 0.005*random.NormFloat64()
					all := chunk{Model: c.name, Block: block}
					for range calls {
						all.Calls = append(all.Calls, call(c.percent, luck))
					}
					p.Chunks = append(p.Chunks, all)
				}
			}
			if method == alternating {
				p.Decided = []decided{{Model: "same", Time: 1, Verdict: "undecided"}, {Model: "slow10", Time: 1.1, Verdict: "worse"}}
			}
			pieces = append(pieces, p)
		}
		start = start.Add(121 * time.Second)
	}
	return pieces
}

// TestRecordingsKeepTheirPieces checks that pieces added one by one are read back.
func TestRecordingsKeepTheirPieces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.jsonl.gz")
	pieces := recorded(1)
	for _, p := range pieces {
		if err := add(path, p); err != nil {
			t.Fatal(err)
		}
	}
	back, err := read([]string{path})
	if err != nil || report("synthetic", back) != report("synthetic", pieces) {
		t.Errorf("%d pieces are read as %d, %v", len(pieces), len(back), err)
	}
}

// TestEstimators checks that planted differences are found and shown, and that equal copies are told apart seldom.
func TestEstimators(t *testing.T) {
	all := timelines(recorded(3))
	if len(all) != 1 || len(all[0]) != 180 {
		t.Fatalf("%d timelines, want one of 180 blocks", len(all))
	}
	for _, test := range tests {
		for _, e := range estimators[1:] {
			logs, o := map[string][]float64{}, newOutcome()
			for _, b := range all[0] {
				for _, c := range copies[1:] {
					logs[c.name] = append(logs[c.name], e.of(b.calls["base"], b.calls[c.name]))
				}
			}
			for _, s := range stretches(all[0], 60) {
				o.judge(logs, s, test)
			}
			share := func(name string) float64 { return float64(o.copies[name].found) / float64(o.draws[name]) }
			if share("same") > 0.25 || share("slow5") < 0.9 || share("slow10") < 1 {
				t.Errorf("%s, %s: %s", e.name, test.name, o.row())
			}
			if shown := quantile(0.5)(o.copies["slow10"].shown); math.Abs(shown-1.1) > 0.01 {
				t.Errorf("%s: 10 %% slower is shown as %.3f", e.name, shown)
			}
		}
	}
}

// TestThinning checks that calls left out take their time with them.
func TestThinning(t *testing.T) {
	b := block{calls: map[string][]float64{"a": {1e6, 2e6, 3e6}, "b": {1e6}}, seconds: 10}
	if thin := b.thin(1); thin.seconds != 5 || len(thin.calls["a"]) != 1 || len(thin.calls["b"]) != 1 {
		t.Errorf("%+v", thin)
	}
}

// TestRules checks that every rule finds what is far apart, and that windows have the time asked for.
func TestRules(t *testing.T) {
	pieces := recorded(2)
	for _, r := range rules {
		o := r.outcome(pieces, 12)
		if o.draws["slow10"] == 0 || o.copies["slow10"].found < o.draws["slow10"]/2 {
			t.Errorf("%s: %s", r.name, o.row())
		}
	}
	for _, w := range windows(pieces, sequential, "base", 12) {
		if seconds := total(w.calls) / 1e6; math.Abs(seconds-12) > 0.1 {
			t.Errorf("a window of %v s", seconds)
		}
	}
	if text := report("synthetic", pieces); !strings.Contains(text, "recording too short") || strings.Contains(text, "NaN (") {
		t.Error(text)
	}
}

// TestSignedRank checks the exact test against tables: ten differences with a rank sum of 8 have p = 0.0488 (Wilcoxon 1945).
func TestSignedRank(t *testing.T) {
	logs := []float64{1, 2, 3, 4, 5, 6, -7, -1e-9, 9, 10} // ranks 1 and 8 are negative; the smallest is the tiny one
	if p := signedRank(logs); math.Abs(p-0.064453125) > 1e-12 {
		t.Errorf("rank sum 9: p = %v, want 0.0645", p)
	}
	if p := signedRank([]float64{1, 2, 3, 4, 5, 6, -6.5, 8, 9, 10}); math.Abs(p-0.037109375) > 1e-12 {
		t.Errorf("rank sum 7: p = %v, want 0.0371", p)
	}
	if p := signedRank([]float64{1, 2, 3, 4, 5}); p != 0.0625 {
		t.Errorf("five positive: p = %v", p)
	}
}
