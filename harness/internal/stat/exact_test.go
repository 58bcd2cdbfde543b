package stat

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/perf/benchmath"
)

// The tests of this file compute p-values and intervals a second time, from whole numbers: every outcome that is equally likely
// if there is no difference is counted. They also hold them against benchmath, and against published examples.

// share is the number of outcomes of which a statistic says that they are as extreme, of all, as a two-sided p-value.
func share(asExtreme, all int64) float64 {
	p, _ := big.NewRat(2*asExtreme, all).Float64()
	return math.Min(1, p)
}

// signP counts the patterns of n signs of which at most k are negative, or at most k positive.
func signP(n, k int) float64 {
	extreme := int64(0)
	for i := range min(k, n) + 1 {
		extreme += new(big.Int).Binomial(int64(n), int64(i)).Int64()
	}
	return share(extreme, 1<<n)
}

// rankSumP counts the ways of choosing the first sample from all values. It returns the p-value of the Mann-Whitney test with the
// statistic U, in which a tie counts half.
func rankSumP(x, y []float64) (p, u float64) {
	all := slices.Concat(x, y)
	twice := func(first uint) (u2 int) { // 2U of the values in the set
		for i, a := range all {
			for j, b := range all {
				if first>>i&1 == 1 && first>>j&1 == 0 {
					switch {
					case a > b:
						u2 += 2
					case a == b:
						u2++
					}
				}
			}
		}
		return u2
	}
	observed := twice(1<<len(x) - 1)
	least := min(observed, 2*len(x)*len(y)-observed)
	extreme, ways := int64(0), int64(0)
	for set := range uint(1) << len(all) {
		if popcount(set) == len(x) {
			ways++
			if twice(set) <= least {
				extreme++
			}
		}
	}
	return share(extreme, ways), float64(observed) / 2
}

func popcount(set uint) (n int) {
	for ; set > 0; set &= set - 1 {
		n++
	}
	return n
}

// notRejected returns the first and the last contrast between which a centre is not rejected, by trying one centre between each
// two neighbours.
func notRejected(contrasts []float64, p func(centre float64) float64) (lo, hi float64) {
	sorted := slices.Sorted(slices.Values(contrasts))
	lo, hi = math.Inf(1), math.Inf(-1)
	for i := range sorted[1:] {
		if p((sorted[i]+sorted[i+1])/2) >= Alpha {
			lo, hi = math.Min(lo, sorted[i]), math.Max(hi, sorted[i+1])
		}
	}
	return lo, hi
}

// asBlocks makes blocks whose log ratios are the given differences.
func asBlocks(differences []float64) (base, other map[int]float64) {
	base, other = map[int]float64{}, map[int]float64{}
	for i, d := range differences {
		base[i], other[i] = 1, math.Exp(d)
	}
	return base, other
}

func exps(values []float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = math.Exp(v)
	}
	return out
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12 }

// signedRankP counts the signs that the differences may have. It returns the p-value of the signed-rank test with Wilcoxon's
// statistic: the number of pairs, of a difference with itself, too, whose sum is positive. A sum of 0 counts half.
func signedRankP(differences []float64) (p, positive float64) {
	n := len(differences)
	twice := func(negative uint) (w2 int) {
		sign := func(i int) float64 { return float64(1 - 2*int(negative>>i&1)) }
		for i, a := range differences {
			for j, b := range differences[:i+1] {
				switch sum := sign(i)*a + sign(j)*b; {
				case sum > 0:
					w2 += 2
				case sum == 0:
					w2++
				}
			}
		}
		return w2
	}
	observed := twice(0)
	least, extreme := min(observed, n*(n+1)-observed), int64(0)
	for negative := range uint(1) << n {
		if twice(negative) <= least {
			extreme++
		}
	}
	return share(extreme, 1<<n), float64(observed) / 2
}

// TestMedianIntervalIsExact finds the interval of medians by trying centres.
func TestMedianIntervalIsExact(t *testing.T) {
	for n := MinSamples; n <= 40; n++ {
		values := make([]float64, n)
		for i := range values {
			values[i] = float64(i * i)
		}
		lo, hi := notRejected(values, func(centre float64) float64 {
			below := 0
			for _, v := range values {
				if v < centre {
					below++
				}
			}
			return signP(n, min(below, n-below))
		})
		if e := Median(values); e.Lo != lo || e.Hi != hi {
			t.Errorf("n=%d: median between %v and %v, by trying centres between %v and %v", n, e.Lo, e.Hi, lo, hi)
		}
	}
}

// TestSignedRankIsExact draws differences of few blocks. Without ties p is that of counting, and the interval that of the centres which
// counting does not reject. With ties p is no smaller: what does not speak for a difference counts against it, so that p decides
// as the interval does.
func TestSignedRankIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 3))
	for n := 1; n <= 10; n++ {
		for range 3 {
			differences, tied := make([]float64, n), make([]float64, n)
			for i := range differences {
				differences[i] = r.NormFloat64() + 0.5
				tied[i] = float64(r.IntN(7) - 2)
			}
			own := Paired(asBlocks(differences))
			if counted, _ := signedRankP(differences); !near(own.P, counted) {
				t.Errorf("%v: p = %v, counted %v", differences, own.P, counted)
			}
			if counted, _ := signedRankP(tied); Paired(asBlocks(tied)).P < counted-1e-12 {
				t.Errorf("%v: p = %v, counted %v", tied, Paired(asBlocks(tied)).P, counted)
			}
			if !own.Bounded() || n > 8 {
				continue
			}
			averages := walshOf(slices.Clone(differences)).between(math.Inf(-1), math.Inf(1))
			lo, hi := notRejected(averages, func(centre float64) float64 {
				moved := slices.Clone(differences)
				for i := range moved {
					moved[i] -= centre
				}
				p, _ := signedRankP(moved)
				return p
			})
			if !near(math.Log(own.Lo), lo) || !near(math.Log(own.Hi), hi) || !near(math.Log(own.Value), MedianOf(averages)) {
				t.Errorf("%v: %v, between %v and %v by trying centres", differences, own, lo, hi)
			}
		}
	}
	for _, n := range []int{20, 50} { // subsets of the ranks with a sum of at most k, in whole numbers
		ways := make([]*big.Int, n*(n+1)/2+1)
		for i := range ways {
			ways[i] = new(big.Int)
		}
		ways[0].SetInt64(1)
		for rank := 1; rank <= n; rank++ {
			for sum := len(ways) - 1; sum >= rank; sum-- {
				ways[sum].Add(ways[sum], ways[sum-rank])
			}
		}
		sum, all := new(big.Int), new(big.Int).Lsh(big.NewInt(1), uint(n))
		for k, w := range ways {
			want, _ := new(big.Rat).SetFrac(sum.Add(sum, w), all).Float64()
			if got := rankTail(n)(k); math.Abs(got-want) > 1e-12 {
				t.Errorf("P(W <= %d) for %d blocks is %v, counted %v", k, n, got, want)
			}
		}
	}
}

// TestMedianIntervalAgainstBenchmath finds the same interval wherever that of benchmath has equal tails. Elsewhere benchmath leaves
// out one more sample at one end, and ours does not.
func TestMedianIntervalAgainstBenchmath(t *testing.T) {
	for n := 1; n <= 30; n++ { // benchmath approximates from 31
		values := make([]float64, n)
		for i := range values {
			values[i] = float64(i + 1)
		}
		own := Median(values)
		theirs := benchmath.AssumeNothing.Summary(benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds), Confidence)
		equalTails := n < MinSamples || theirs.Lo+theirs.Hi == float64(n+1)
		left, right := theirs.Lo-own.Lo, own.Hi-theirs.Hi
		if own.Bounded() && (left < 0 || right < 0 || left+right > 1 || equalTails && left+right > 0) || own.Value != theirs.Center || own.Bounded() != (n >= MinSamples) {
			t.Errorf("n=%d: %v [%v, %v], benchmath %v [%v, %v]", n, own.Value, own.Lo, own.Hi, theirs.Center, theirs.Lo, theirs.Hi)
		}
	}
}

// TestRankSumIsExact checks the distribution of U against the recursion of Mann and Whitney (1947) in whole numbers, and the normal
// approximation for large samples.
func TestRankSumIsExact(t *testing.T) {
	count := func(n, m int) (tails []*big.Rat) { // P(U <= u)
		ways := make([][]map[int]*big.Int, n+1) // by sizes and u
		for i := range ways {
			ways[i] = make([]map[int]*big.Int, m+1)
			for j := range ways[i] {
				ways[i][j] = map[int]*big.Int{}
				if i == 0 || j == 0 {
					ways[i][j][0] = big.NewInt(1)
					continue
				}
				for u := range i*j + 1 { // the largest value is of the first sample, above all j of the second, or of the second
					sum := new(big.Int)
					if w := ways[i-1][j][u-j]; w != nil {
						sum.Add(sum, w)
					}
					if w := ways[i][j-1][u]; w != nil {
						sum.Add(sum, w)
					}
					ways[i][j][u] = sum
				}
			}
		}
		sum, all := new(big.Int), new(big.Int).Binomial(int64(n+m), int64(n))
		for u := range n*m + 1 {
			sum.Add(sum, ways[n][m][u])
			tails = append(tails, new(big.Rat).SetFrac(sum, all))
		}
		return tails
	}
	for _, c := range []struct {
		n, m int
		off  float64
	}{{1, 1, 1e-12}, {3, 3, 1e-12}, {5, 5, 1e-12}, {6, 10, 1e-12}, {10, 10, 1e-12}, {8, 30, 1e-12}, {30, 30, 1e-12}, {51, 20, 2e-3}} {
		for u, tail := range count(c.n, c.m) {
			want, _ := tail.Float64()
			if got := rankSum(c.n, c.m, u); math.Abs(got-want) > c.off {
				t.Errorf("P(U <= %d) for %d and %d values: %v, counted %v", u, c.n, c.m, got, want)
			}
		}
	}
}

// TestMannWhitneyAgainstBenchmath draws small samples. Without ties all three p-values agree, and the interval is that of the
// centres that counting does not reject. With ties benchmath agrees with counting, and ours is no smaller: ties count against a
// difference, so that p decides as the interval does.
func TestMannWhitneyAgainstBenchmath(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	draw := func(n, kinds int) []float64 {
		values := make([]float64, n)
		for i := range values {
			values[i] = r.NormFloat64()
			if kinds > 0 {
				values[i] = float64(r.IntN(kinds))
			}
		}
		return values
	}
	sample := func(values []float64) *benchmath.Sample {
		return benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds)
	}
	for range 40 {
		for _, kinds := range []int{0, 6} {
			x, y := draw(2+r.IntN(5), kinds), draw(2+r.IntN(5), kinds)
			own := Unpaired(exps(x), exps(y))
			theirs := math.Min(1, benchmath.AssumeNothing.Compare(sample(x), sample(y)).P)
			counted, _ := rankSumP(x, y)
			if math.Abs(theirs-counted) > 1e-9 || own.P < counted-1e-12 || kinds == 0 && !near(own.P, counted) {
				t.Errorf("%v and %v: p = %v, benchmath %v, counted %v", x, y, own.P, theirs, counted)
			}
			if kinds > 0 || !own.Bounded() {
				continue
			}
			var contrasts []float64
			for _, a := range x {
				for _, b := range y {
					contrasts = append(contrasts, b-a)
				}
			}
			lo, hi := notRejected(contrasts, func(centre float64) float64 {
				moved := slices.Clone(y)
				for i := range moved {
					moved[i] -= centre
				}
				p, _ := rankSumP(x, moved)
				return p
			})
			if math.Abs(math.Log(own.Lo)-lo) > 1e-9 || math.Abs(math.Log(own.Hi)-hi) > 1e-9 || math.Abs(math.Log(own.Value)-MedianOf(contrasts)) > 1e-9 {
				t.Errorf("%v and %v: %v between %v and %v, by trying centres between %v and %v", x, y, math.Log(own.Value), math.Log(own.Lo), math.Log(own.Hi), lo, hi)
			}
		}
	}
}

// Published examples, with what their sources say of them.
var (
	// Heights of 15 pairs of cross- and self-fertilised plants of Darwin's, in eighths of an inch: Fisher, The Design of
	// Experiments, 1935, section 17.
	darwin = []float64{49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48}

	// Depression of nine patients before and after therapy, and permeability of membranes at term and earlier: Hollander and Wolfe,
	// Nonparametric Statistical Methods, 1973, tables 3.1 and 4.1.
	before      = []float64{1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30}
	after       = []float64{0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29}
	membraneOne = []float64{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46}
	membraneTwo = []float64{1.15, 0.88, 0.90, 0.74, 1.21}

	// Hours of additional sleep of ten patients with two drugs: Student, The Probable Error of a Mean, Biometrika 6, 1908.
	dextro = []float64{0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0}
	laevo  = []float64{1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4}
)

// TestPublishedSignedRanks has the intervals by Hollander and Wolfe, and what wilcox.test of R says: W of 96 and 5, p of 0.0413 and
// 0.0391.
func TestPublishedSignedRanks(t *testing.T) {
	differences := func(x, y []float64) (d []float64) {
		for i := range x {
			d = append(d, y[i]-x[i])
		}
		return d
	}
	for _, c := range []struct {
		name                 string
		differences          []float64
		w, p                 float64
		estimate, lo, hi     float64
		medianLo, medianHigh float64
	}{
		{"Darwin's plants", darwin, 96, 0.0413, 25, 4, 41.5, 8, 49},
		{"depression", differences(before, after), 5, 0.0391, -0.46, -0.786, -0.010, -0.952, 0.080},
	} {
		got := Paired(asBlocks(c.differences))
		counted, w := signedRankP(c.differences)
		if !near(got.P, counted) || w != c.w || math.Round(got.P*1e4) != math.Round(c.p*1e4) {
			t.Errorf("%s: W = %v, p = %v, counted %v", c.name, w, got.P, counted)
		}
		if !near(math.Log(got.Value), c.estimate) || !near(math.Log(got.Lo), c.lo) || !near(math.Log(got.Hi), c.hi) {
			t.Errorf("%s: %v [%v, %v], want %v [%v, %v]", c.name, math.Log(got.Value), math.Log(got.Lo), math.Log(got.Hi), c.estimate, c.lo, c.hi)
		}
		if e := Median(c.differences); !near(e.Lo, c.medianLo) || !near(e.Hi, c.medianHigh) {
			t.Errorf("%s: the median lies between %v and %v", c.name, e.Lo, e.Hi)
		}
	}
}

// TestPublishedMannWhitney takes the first entries of the tables in Mann and Whitney, On a test of whether one of two random variables
// is stochastically larger than the other, Annals of Mathematical Statistics 18, 1947, and two examples that R's documentation has.
func TestPublishedMannWhitney(t *testing.T) {
	for sizes, tails := range map[[2]int][]float64{
		{3, 3}: {0.050, 0.100, 0.200, 0.350, 0.500},
		{5, 5}: {0.004, 0.008, 0.016, 0.028, 0.048, 0.075, 0.111, 0.155, 0.210, 0.274, 0.345, 0.421, 0.500},
	} {
		for u, want := range tails {
			if got := rankSum(sizes[0], sizes[1], u); math.Round(got*1000)/1000 != want {
				t.Errorf("P(U <= %d) of %v is %v, the table says %v", u, sizes, got, want)
			}
		}
	}
	// wilcox.test of R: W = 35, one-sided p = 0.1272, difference 0.305 with the interval from -0.15 to 0.76.
	c := Unpaired(exps(membraneTwo), exps(membraneOne))
	_, u := rankSumP(membraneOne, membraneTwo)
	for what, pair := range map[string][2]float64{
		"U": {u, 35}, "p": {math.Round(c.P / 2 * 10000), 1272}, "difference": {math.Log(c.Value), 0.305}, "lo": {math.Log(c.Lo), -0.15}, "hi": {math.Log(c.Hi), 0.76},
	} {
		if math.Abs(pair[0]-pair[1]) > 1e-9 {
			t.Errorf("membranes: %s is %v, published %v", what, pair[0], pair[1])
		}
	}
	// With ties, R has W = 25.5 and only an approximate p of 0.069. Ours counts the ties against a difference.
	tied := Unpaired(exps(laevo), exps(dextro))
	counted, u := rankSumP(dextro, laevo)
	if u != 25.5 || math.Abs(counted-0.069) > 0.005 || math.Round(tied.P*1000) != 89 {
		t.Errorf("sleep: U = %v, counted p = %v, p = %v", u, counted, tied.P)
	}
}
