package dataset

import (
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"

	"github.com/archbench/archbench/lm"
)

// TestRandom pins the numbers, which stored results depend on, and finds other numbers for other arguments.
func TestRandom(t *testing.T) {
	seen := map[uint64]bool{}
	for _, k := range [][3]uint64{{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1 << 63, 0, 0}, {0, epochStream, 0}} {
		first := Random(k[0], k[1], k[2]).Uint64()
		if first != Random(k[0], k[1], k[2]).Uint64() || seen[first] {
			t.Errorf("%v: %d is not repeated, or not new", k, first)
		}
		seen[first] = true
	}
	r := Random(1, 2, 3)
	if got, want := []int{r.IntN(1000), r.IntN(1000), r.IntN(1000)}, []int{179, 10, 451}; !slices.Equal(got, want) {
		t.Errorf("numbers %v, want %v", got, want)
	}
}

// TestEpochs checks that each pass has each item once, from any place and in any order of questions.
func TestEpochs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed, n := rapid.Uint64().Draw(t, "seed"), rapid.IntRange(1, 200).Draw(t, "n")
		e := NewEpochs(seed, 0, n)
		epoch := rapid.Uint64Range(0, 1<<40).Draw(t, "epoch")
		seen := make([]int, n)
		for i := range n {
			place := epoch*uint64(n) + uint64(i)
			item := e.At(place)
			seen[item]++
			e.At(rapid.Uint64Range(0, 1000).Draw(t, "another"))
			if NewEpochs(seed, 0, n).At(place) != item {
				t.Fatalf("place %d has two items", place)
			}
		}
		if slices.Min(seen) != 1 || slices.Max(seen) != 1 {
			t.Fatalf("uses of each item: %v", seen)
		}
	})
}

// TestEpochsAreUniform counts the 24 orders of four items.
func TestEpochsAreUniform(t *testing.T) {
	counts := map[[4]int]int{}
	const n = 24_000
	e := NewEpochs(1, 0, 4)
	for epoch := range uint64(n) {
		order := [4]int{e.At(4 * epoch), e.At(4*epoch + 1), e.At(4*epoch + 2), e.At(4*epoch + 3)}
		counts[order]++
	}
	chi := 0.0
	for _, c := range counts {
		d := float64(c) - n/24
		chi += d * d / (n / 24)
	}
	if p := (distuv.ChiSquared{K: 23}).Survival(chi); len(counts) != 24 || p < 0.001 {
		t.Errorf("%d of 24 orders, chi-square %.1f, p %g", len(counts), chi, p)
	}
}

// TestHash finds every change of a batch or of the order of batches, and continues from a stored hash.
func TestHash(t *testing.T) {
	a := []lm.TrainDocument{{Tokens: []int32{1, 2, 3}}, {Tokens: []int32{4}, Targets: []int32{5}, Weights: []float32{1}}}
	b := []lm.TrainDocument{{Tokens: []int32{1, 2}}, {Tokens: []int32{3, 4}}}
	sum := func(batches ...[]lm.TrainDocument) string {
		var h Hash
		for _, batch := range batches {
			h.Add(batch)
		}
		return h.String()
	}
	all := []string{
		sum(), sum(a), sum(b), sum(a, b), sum(b, a), sum(append(slices.Clone(a), b...)), sum(nil),
		sum([]lm.TrainDocument{{Tokens: []int32{1, 2, 3}}, {Tokens: []int32{4}, Targets: []int32{-1}, Weights: []float32{1}}}),
		sum([]lm.TrainDocument{{Tokens: []int32{1, 2, 3}}, {Tokens: []int32{4}, Targets: []int32{5}, Weights: []float32{2}}}),
		sum([]lm.TrainDocument{{Tokens: []int32{1, 2, 3}}, {Tokens: []int32{4}, Targets: []int32{5}}}),
	}
	slices.Sort(all)
	if len(slices.Compact(all)) != 10 {
		t.Errorf("different orders have one hash: %v", all)
	}
	same := []lm.TrainDocument{{Tokens: []int32{1, 2, 3}, Targets: []int32{2, 3, -1}}, a[1]}
	if sum(same) != sum(a) {
		t.Error("targets that are the next tokens change the hash")
	}
	h, err := ParseHash(sum(a))
	h.Add(b)
	if err != nil || h.String() != sum(a, b) {
		t.Errorf("continued: %v, %v", h, err)
	}
	for _, bad := range []string{"", "12", strings.Repeat("x", 64), sum() + "00"} {
		if _, err := ParseHash(bad); err == nil {
			t.Errorf("%q is parsed", bad)
		}
	}
}
