package stat

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestMedianInterval(t *testing.T) {
	// Order statistics of the binomial distribution: the extremes for n=6, the 2nd and 9th value for n=10.
	for _, tc := range []struct {
		values          []float64
		median, lo, hi  float64
		warningContains string
	}{
		{values: []float64{6, 1, 5, 2, 4, 3}, median: 3.5, lo: 1, hi: 6},
		{values: []float64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, median: 5.5, lo: 2, hi: 9},
		{values: []float64{3, 1, 2}, median: 2, lo: math.Inf(-1), hi: math.Inf(1), warningContains: "needs at least 6"},
		{values: []float64{1, 2, 3, 4, 5, 6, math.NaN()}, median: 3.5, lo: 1, hi: 6, warningContains: "1 of 7"},
	} {
		before := slices.Clone(tc.values)
		got := Median(tc.values)
		if got.Value != tc.median || got.Lo != tc.lo || got.Hi != tc.hi {
			t.Errorf("Median(%v) = %v [%v, %v], want %v [%v, %v]", tc.values, got.Value, got.Lo, got.Hi, tc.median, tc.lo, tc.hi)
		}
		if joined := strings.Join(got.Warnings, "; "); !strings.Contains(joined, tc.warningContains) {
			t.Errorf("Median(%v) warns %q, want %q in it", tc.values, joined, tc.warningContains)
		}
		if !slices.EqualFunc(before, tc.values, func(a, b float64) bool { return a == b || a != a && b != b }) {
			t.Errorf("Median reordered its argument to %v", tc.values)
		}
	}
	if e := Median(nil); e.Valid() || len(e.Warnings) == 0 {
		t.Errorf("Median(nil) = %+v, want an invalid estimate that says why", e)
	}
}

func TestExact(t *testing.T) {
	if e := Exact([]float64{7, 7}); e.Value != 7 || e.Lo != 7 || e.Hi != 7 || e.Warnings != nil {
		t.Errorf("Exact of equal values = %+v", e)
	}
	if e := Exact([]float64{7, 8}); len(e.Warnings) != 1 {
		t.Errorf("Exact of different values warns %v, want one warning", e.Warnings)
	}
}

// TestSignedRank compares the p-value of paired blocks with counts of the subsets of ranks with a small sum: of 10 ranks, 5 have
// a sum of at most 3, and 33 one of at most 9 (Wilcoxon 1945). Ratios of 1 count against every difference.
func TestSignedRank(t *testing.T) {
	for _, tc := range []struct {
		ratios []float64
		want   float64
	}{
		{nil, 1},
		{[]float64{2}, 1},
		{[]float64{2, 3, 4}, 0.25},
		{[]float64{2, 2, 2, 2, 2, 2}, 2.0 / 64},
		{[]float64{2, 0.5}, 1},
		{[]float64{1, 1, 1, 1, 1, 1, 1, 1}, 1},
		{[]float64{2, 3, 0.3, 4, 5, 6, 7, 8, 9, 10}, 2.0 * 5 / 1024},
		{[]float64{2, 3, 0.11, 4, 5, 6, 7, 8, 9, 10}, 2.0 * 33 / 1024},
		{[]float64{2, 0.5, 2, 2, 2, 2, 2, 2, 2, 2}, 2.0 * 43 / 1024}, // ties: the averages of 0 count against the difference
	} {
		base, other := map[int]float64{}, map[int]float64{}
		for block, r := range tc.ratios {
			base[block], other[block] = 4, 4*r
		}
		if got := Paired(base, other).P; math.Abs(got-tc.want) > 1e-12 {
			t.Errorf("ratios %v give p = %v, want %v", tc.ratios, got, tc.want)
		}
	}
}

// comparisons draws comparisons of every kind.
func comparisons(t *rapid.T) []Comparison {
	value := rapid.OneOf(rapid.Float64Range(0.5, 2), rapid.SampledFrom([]float64{0, 1, 2}))
	values := func(label string) []float64 { return rapid.SliceOfN(value, 0, 14).Draw(t, label) }
	base, other := values("base"), values("other")
	byBlock := func(values []float64) map[int]float64 {
		m := map[int]float64{}
		for i, v := range values {
			m[i] = v
		}
		return m
	}
	documents := func(values []float64) (docs []Document) {
		for i, v := range values {
			docs = append(docs, Document{Name: string(rune('a' + i)), Nats: v + 0.1, Bytes: float64(i + 1)})
		}
		return docs
	}
	_, quality := CompareBitsPerByte(documents(base), documents(other))
	all := []Comparison{Paired(byBlock(base), byBlock(other)), Unpaired(base, other), quality}
	if len(base) > 0 && len(other) > 0 {
		all = append(all, ExactRatio(base[0], other[0]))
	}
	return all
}

// TestComparisonsDoNotContradictThemselves checks that the interval holds the ratio, that p-value and interval decide
// alike, that a verdict needs both and has the ratio's direction, and that the inverse comparison says the opposite.
func TestComparisonsDoNotContradictThemselves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := comparisons(t)
		family := make([]*Comparison, len(all))
		for i := range all {
			family[i] = &all[i]
		}
		Holm(family)
		for _, c := range all {
			if !c.Valid() {
				if c.Verdict() != Undecided {
					t.Fatalf("nothing is decided: %+v", c)
				}
				continue
			}
			excludes := c.Lo > 1 || c.Hi < 1
			if !(c.Lo <= c.Value && c.Value <= c.Hi) {
				t.Fatalf("the interval does not hold the ratio: %+v", c)
			}
			if !c.Exact && (c.P < Alpha) != (c.Bounded() && excludes) {
				t.Fatalf("p and interval decide differently: %+v", c)
			}
			decided := c.Exact && c.Value != 1 || !c.Exact && c.Adjusted < Alpha && c.Bounded() && excludes
			want := Undecided
			switch {
			case c.Exact && c.Value == 1:
				want = Equal
			case decided && c.Value > 1:
				want = More
			case decided:
				want = Less
			}
			if got := c.Verdict(); got != want {
				t.Fatalf("verdict %v, want %v: %+v", got, want, c)
			}
			if opposite := map[Verdict]Verdict{Undecided: Undecided, Equal: Equal, Less: More, More: Less}; c.Inverse().Verdict() != opposite[want] && c.Value > 0 {
				t.Fatalf("the other way round it is %v, not %v: %+v", c.Inverse().Verdict(), opposite[want], c)
			}
		}
	})
}

// TestDifferenceAndRatioOfQualityAgree covers two numbers that tables show side by side.
func TestDifferenceAndRatioOfQualityAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "documents")
		var base, other []Document
		for i := range n {
			name, bytes := string(rune('a'+i)), rapid.Float64Range(1, 100).Draw(t, "bytes")
			base = append(base, Document{name, rapid.Float64Range(1, 3).Draw(t, "base") * bytes, bytes})
			other = append(other, Document{name, rapid.Float64Range(1, 3).Draw(t, "other") * bytes, bytes})
		}
		d, c := CompareBitsPerByte(base, other)
		if d.Bounded() != c.Bounded() || (d.Lo > 0) != (c.Lo > 1) || (d.Hi < 0) != (c.Hi < 1) || (d.Value > 0) != (c.Value > 1) {
			t.Fatalf("difference %+v, ratio %+v", d, c)
		}
	})
}

func TestPairedCancelsDrift(t *testing.T) {
	// Every block is slower than the one before; the ratio within each block is 1.10.
	base, other := map[int]float64{}, map[int]float64{}
	for block := range 10 {
		base[block] = 1 + float64(block)
		other[block] = 1.1 * base[block]
	}
	c := Paired(base, other)
	if math.Abs(c.Value-1.1) > 1e-12 || math.Abs(c.Lo-1.1) > 1e-12 || math.Abs(c.P-2.0/1024) > 1e-12 || c.Verdict() != More {
		t.Errorf("Paired = %+v, want 1.1 with p = 2/2^10", c)
	}
	if u := Unpaired(firsts(base), firsts(other)); u.Verdict() != Undecided {
		t.Errorf("the same data unpaired claims a difference: %+v", u)
	}
}

func TestPairedFalsePositives(t *testing.T) {
	// Identical arms under drift and bursts: false claims at nominal 5 % stay within 3 standard errors.
	rng := rand.New(rand.NewPCG(5, 6))
	const trials = 1000
	claims := 0
	for range trials {
		base, other := map[int]float64{}, map[int]float64{}
		for block := range 10 {
			level := 1 + 0.05*float64(block)/10
			b, o := level*(1+0.02*rng.ExpFloat64()), level*(1+0.02*rng.ExpFloat64())
			if rng.IntN(10) == 0 {
				o *= 1.5
			} else if rng.IntN(10) == 0 {
				b *= 1.5
			}
			base[block], other[block] = b, o
		}
		if Paired(base, other).P < 0.05 {
			claims++
		}
	}
	if limit := 0.05 + 3*math.Sqrt(0.05*0.95/trials); float64(claims)/trials > limit {
		t.Errorf("%d of %d identical pairs called different, limit %.3f", claims, trials, limit)
	}
}

func TestPairedSaysWhatItCannot(t *testing.T) {
	c := Paired(map[int]float64{1: 1, 2: 1, 3: 0}, map[int]float64{1: 2, 2: 2, 3: 2, 4: 2})
	if c.Bounded() || c.Verdict() != Undecided || c.N != 2 {
		t.Errorf("two pairs: %+v, want no interval and no decision", c)
	}
	joined := strings.Join(c.Warnings, "; ")
	for _, want := range []string{"without a pair", "too few samples for a 95 % interval"} {
		if !strings.Contains(joined, want) {
			t.Errorf("warnings %q lack %q", joined, want)
		}
	}
	if c := Paired(nil, nil); c.Valid() || c.Verdict() != Undecided || c.P != 1 {
		t.Errorf("Paired of nothing = %+v", c)
	}
}

func TestUnpaired(t *testing.T) {
	// Complete separation of 5 from 5: p = 2/C(10,5).
	c := Unpaired([]float64{1, 2, 3, 4, 5}, []float64{10, 20, 30, 40, 50})
	if math.Abs(c.P-2.0/252) > 1e-12 || c.Value < 9 || c.Value > 11 {
		t.Errorf("Unpaired = %+v, want ratio about 10 and p = 2/252", c)
	}
	if rank := bound(100, func(u int) float64 { return rankSum(10, 10, u) }); rank != 24 {
		t.Errorf("rank of the 95 %% interval for 10 against 10 is %d, tables say 24", rank)
	}
	if c := Unpaired(nil, []float64{1}); c.Valid() || c.P != 1 {
		t.Errorf("Unpaired of nothing = %+v", c)
	}
}

func TestHolm(t *testing.T) {
	family := []*Comparison{{P: 0.01}, {P: 0.04}, {P: 0.03}, {P: 0.005}}
	Holm(family)
	var got []float64
	for _, c := range family {
		got = append(got, math.Round(c.Adjusted*1e9)/1e9)
	}
	if diff := cmp.Diff([]float64{0.03, 0.06, 0.06, 0.02}, got); diff != "" {
		t.Error(diff)
	}
}

func TestHolmProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ps := rapid.SliceOfN(rapid.Float64Range(0, 1), 1, 20).Draw(t, "p")
		family := make([]*Comparison, len(ps))
		for i, p := range ps {
			family[i] = &Comparison{P: p}
		}
		Holm(family)
		for i, a := range family {
			if a.Adjusted < a.P || a.Adjusted > 1 {
				t.Fatalf("p %v adjusted to %v", a.P, a.Adjusted)
			}
			for _, b := range family[:i] {
				if a.P < b.P && a.Adjusted > b.Adjusted {
					t.Fatalf("order reversed: %+v %+v", a, b)
				}
			}
		}
	})
}

func TestFitPowerLaw(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, exponent := range []float64{0, 1, 1.5, 2} {
		blocks := map[int][]Point{}
		for b := range 10 {
			for x := 128.0; x <= 8192; x *= 2 {
				blocks[b] = append(blocks[b], Point{x, 3e-6 * math.Pow(x, exponent) * math.Exp(0.02*rng.NormFloat64())})
			}
		}
		fit := FitPowerLaws(blocks)
		if e := fit.Exponent; math.Abs(e.Value-exponent) > 0.05 || e.Lo > exponent || e.Hi < exponent || len(e.Warnings) > 0 {
			t.Errorf("exponent %v recovered as %+v", exponent, e)
		}
		at1024 := fit.Coefficient * math.Pow(1024, fit.Exponent.Value)
		if math.Abs(at1024/(3e-6*math.Pow(1024, exponent))-1) > 0.05 || math.Round(fit.From) != 128 || math.Round(fit.To) != 8192 {
			t.Errorf("curve of exponent %v recovered as %+v", exponent, fit)
		}
	}
}

func TestFitPowerLawFlagsBends(t *testing.T) {
	var bent []Point
	for x := 16.0; x <= 1<<16; x *= 2 {
		bent = append(bent, Point{x, x + x*x/1000})
	}
	if got := FitPowerLaw(bent).Verdict(); !strings.HasPrefix(got, "no single power law") {
		t.Errorf("a curve from linear to quadratic is %q", got)
	}
	for _, points := range [][]Point{nil, {{1, 1}}, {{0, 1}, {1, 0}}, {{2, 3}, {2, 4}}} {
		if e := FitPowerLaw(points).Exponent; e.Valid() || len(e.Warnings) == 0 {
			t.Errorf("FitPowerLaw(%v) = %+v, want no exponent and a reason", points, e)
		}
	}
}

// TestBendIsDecidedByBlocks checks that a claim either way needs blocks that agree, because noise bends every curve.
func TestBendIsDecidedByBlocks(t *testing.T) {
	blocks := func(rng *rand.Rand, noise, curvature float64) map[int][]Point {
		all := map[int][]Point{}
		for block := range 10 {
			var points []Point
			for x := 32.0; x <= 1024; x *= 2 {
				l := math.Log(x / 181)
				points = append(points, Point{x, math.Exp(l + curvature*l*l + noise*rng.NormFloat64())})
			}
			all[block] = points
		}
		return all
	}
	for _, c := range []struct {
		name             string
		noise, curvature float64
		wrong            string // verdicts that must not occur
		want             string // the verdict on most curves
	}{
		{"a line, quiet", 0.02, 0, "no single", "a power law"},
		{"a line, noisy", 0.4, 0, "no single", "the blocks cannot tell"},
		{"a bend, quiet", 0.02, 0.2, "a power law", "no single power law"},
		{"a bend, noisy", 0.4, 0.1, "a power law", "the blocks cannot tell"},
	} {
		rng := rand.New(rand.NewPCG(3, 4))
		wrong, right := 0, 0
		for range 100 {
			switch got := FitPowerLaws(blocks(rng, c.noise, c.curvature)).Verdict(); {
			case strings.HasPrefix(got, c.wrong):
				wrong++
			case strings.HasPrefix(got, c.want):
				right++
			}
		}
		if wrong > 5 || right < 50 {
			t.Errorf("%s: %d of 100 are called %q, and %d %q", c.name, wrong, c.wrong, right, c.want)
		}
	}
}

// TestVerdictOnCurves checks that two lengths give no exponent, however often measured, and three no power law.
func TestVerdictOnCurves(t *testing.T) {
	curve := func(lengths ...float64) (points []Point) {
		for _, x := range lengths {
			points = append(points, Point{x, x})
		}
		return points
	}
	for _, c := range []struct {
		name   string
		points []Point
		blocks int
		want   string
	}{
		{"a line", curve(128, 512, 2048, 8192), 1, "a power law"},
		{"two lengths", curve(128, 512), 1, "n/a (an exponent needs at least 3 lengths, there are 2)"},
		{"two lengths in ten blocks", curve(128, 512), 10, "n/a (an exponent needs at least 3 lengths, there are 2)"},
		{"two lengths, each twice", curve(128, 512, 128, 512), 1, "n/a (an exponent needs at least 3 lengths, there are 2)"},
		{"three lengths in ten blocks", curve(128, 512, 2048), 10, "3 lengths cannot tell a power law from a bend"},
		{"noise", []Point{{128, 1}, {256, 5}, {512, 3}, {1024, 1}}, 1, "the points do not settle an exponent"},
		{"nothing", nil, 1, "n/a (an exponent needs at least 3 lengths, there are 0)"},
		{"a clear bend", []Point{{1, 1}, {10, 10}, {100, 100}, {1000, 4000}, {10000, 160000}}, 1,
			"no single power law: the exponent goes from 1.00 to 1.60"},
	} {
		blocks := map[int][]Point{}
		for block := range c.blocks {
			blocks[block] = c.points
		}
		if fit := FitPowerLaws(blocks); fit.Verdict() != c.want || fit.Exponent.Valid() == strings.HasPrefix(c.want, "n/a") {
			t.Errorf("%s: %q, want %q", c.name, fit.Verdict(), c.want)
		}
	}
}

func TestBitsPerByte(t *testing.T) {
	docs := func(shift float64) []Document {
		var out []Document
		for i := range 40 {
			bytes := float64(100 * (i + 1))
			hard := 0.5 + 0.05*float64(i%20) // the document's own bits per byte
			out = append(out, Document{Name: string(rune('A' + i)), Nats: (hard + shift) * bytes * math.Ln2, Bytes: bytes})
		}
		return out
	}
	alone := BitsPerByte(docs(0))
	if alone.Lo >= alone.Value || alone.Hi <= alone.Value {
		t.Errorf("BitsPerByte = %+v", alone)
	}
	difference, _ := CompareBitsPerByte(docs(0), docs(0.01))
	if math.Abs(difference.Value-0.01) > 1e-9 || difference.Hi-difference.Lo > 1e-9 {
		t.Errorf("a constant shift of 0.01 between hard and easy documents = %+v", difference)
	}
	if same, ratio := CompareBitsPerByte(docs(0), docs(0)); same.Value != 0 || ratio.Verdict() != Undecided {
		t.Errorf("difference to itself = %+v, %+v", same, ratio)
	}
	few, _ := CompareBitsPerByte(docs(0)[:3], docs(0.01))
	if few.Bounded() || few.N != 3 || len(few.Warnings) != 2 {
		t.Errorf("three common documents: %+v, want no interval and two warnings", few)
	}
	if again := BitsPerByte(docs(0)); !cmp.Equal(alone, again) {
		t.Error("the bootstrap is not reproducible")
	}
}

func TestWeightedMean(t *testing.T) {
	units := []Weighted{{1, 1}, {2, 1}, {3, 2}, {1, 1}, {2, 1}, {3, 2}, {1, 0}}
	e := WeightedMean(units)
	if math.Abs(e.Value-18.0/8) > 1e-12 || e.Lo >= e.Value || e.Hi <= e.Value || e.Hi > 3 {
		t.Errorf("WeightedMean = %+v, want 2.25 inside a proper interval", e)
	}
	if e := WeightedMean(nil); e.Valid() {
		t.Errorf("WeightedMean of nothing = %+v", e)
	}
}

func TestMap(t *testing.T) {
	e := Estimate{Value: 2, Lo: 1, Hi: 4, N: 6}.Map(func(x float64) float64 { return 8 / x })
	if e.Value != 4 || e.Lo != 2 || e.Hi != 8 {
		t.Errorf("falling function: %+v, want 4 [2, 8]", e)
	}
	open := Estimate{Value: 2, Lo: math.Inf(-1), Hi: math.Inf(1), N: 1}.Map(func(x float64) float64 { return 8 / x })
	if open.Value != 4 || open.Bounded() {
		t.Errorf("an unknown bound became known: %+v", open)
	}
}

func firsts(byBlock map[int]float64) []float64 {
	var out []float64
	for block := range 10 {
		out = append(out, byBlock[block])
	}
	return out
}

// TestCrossover draws blocks of two curves: the value lies within its interval, and exchanging the curves changes nothing.
func TestCrossover(t *testing.T) {
	line := func(scale, exponent float64) (points []Point) {
		for _, x := range []float64{128, 512, 2048} {
			points = append(points, Point{x, scale * math.Pow(x, exponent)})
		}
		return points
	}
	rapid.Check(t, func(t *rapid.T) {
		base, other := map[int][]Point{}, map[int][]Point{}
		steeper := rapid.SampledFrom([]float64{-1, -0.1, 0, 0.1, 1}).Draw(t, "steeper")
		for block := range rapid.IntRange(0, 14).Draw(t, "blocks") {
			level, tilt := rapid.Float64Range(-3, 3).Draw(t, "level"), (float64(rapid.IntRange(-200, 200).Draw(t, "tilt"))+0.5)/1000
			base[block], other[block] = line(1, 1), line(math.Exp(level), 1+steeper+tilt)
		}
		e, back := Crossover(base, other), Crossover(other, base)
		if e.Valid() != back.Valid() || e.Bounded() != back.Bounded() {
			t.Fatalf("%+v, the other way round %+v", e, back)
		}
		if !e.Valid() {
			return
		}
		if math.Abs(math.Log(e.Value/back.Value)) > 1e-6 || !(e.Lo <= e.Value && e.Value <= e.Hi) || e.Bounded() != (e.N >= MinSamples) {
			t.Fatalf("%+v, the other way round %+v", e, back)
		}
	})
	if e := Crossover(map[int][]Point{0: line(1, 1)}, map[int][]Point{0: line(100, 0)}); math.Abs(e.Value-100) > 1e-6 || e.Bounded() {
		t.Errorf("one block: %+v, want 100 without an interval", e)
	}
	for _, other := range []map[int][]Point{nil, {0: line(1, 1)}, {1: line(2, 2)}, {0: line(2, 1)[:2]}} {
		if e := Crossover(map[int][]Point{0: line(1, 1)}, other); e.Valid() || len(e.Warnings) != 1 {
			t.Errorf("%v: %+v, want no value and a reason", other, e)
		}
	}
}
