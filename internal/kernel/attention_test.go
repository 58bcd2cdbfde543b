package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/half"
	"github.com/archbench/archbench/internal/sharedtest"
)

// attentionCase is one problem in float64 with its solution by definition.
type attentionCase struct {
	Attention
	rows    int
	q, k, v []float64
	spans   []AttentionSpan
	key     string
}

// references caches solutions, which several forms and tiers are compared with.
var references = map[string][]float64{}

// solution is the reference solution. Equal cases share one computation.
func (c *attentionCase) solution() []float64 {
	if references[c.key] == nil {
		references[c.key] = c.reference()
	}
	return references[c.key]
}

func newAttentionCase(a Attention, seed uint64, scale float64, lens ...int) *attentionCase {
	c := &attentionCase{Attention: a}
	a.Naive = false
	c.key = fmt.Sprint(a, seed, scale, lens)
	for _, n := range lens {
		c.spans = append(c.spans, AttentionSpan{Row: c.rows, Len: n})
		c.rows += n
	}
	r := rand.New(rand.NewPCG(seed, 1))
	draw := func(n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = float64(float32(scale * r.NormFloat64()))
			if a.BF16 {
				x[i] = float64(half.FromBF16(half.ToBF16(float32(x[i]))))
			}
		}
		return x
	}
	c.q = draw(c.rows * a.Heads * a.Dim)
	c.k, c.v = draw(c.rows*a.KVHeads*a.Dim), draw(c.rows*a.KVHeads*a.Dim)
	return c
}

// reference evaluates the definition of attention.
func (c *attentionCase) reference() []float64 {
	out := make([]float64, len(c.q))
	for _, s := range c.spans {
		for i := range s.Len {
			for h := range c.Heads {
				c.referenceRow(s, i, h, out[((s.Row+i)*c.Heads+h)*c.Dim:][:c.Dim])
			}
		}
	}
	return out
}

func (c *attentionCase) referenceRow(s AttentionSpan, i, h int, out []float64) {
	kv := h / (c.Heads / c.KVHeads)
	row := func(x []float64, heads, r, h int) []float64 { return x[((s.Row+r)*heads+h)*c.Dim:][:c.Dim] }
	q := row(c.q, c.Heads, i, h)
	var scores []float64
	first := 0
	if c.Window > 0 {
		first = max(0, i-c.Window+1)
	}
	top := math.Inf(-1)
	for j := first; j <= i; j++ {
		var dot float64
		for d, x := range row(c.k, c.KVHeads, j, kv) {
			dot += q[d] * x
		}
		scores = append(scores, float64(c.Scale)*dot)
		top = max(top, scores[len(scores)-1])
	}
	var sum float64
	for j := range scores {
		scores[j] = math.Exp(scores[j] - top)
		sum += scores[j]
	}
	for j, p := range scores {
		for d, x := range row(c.v, c.KVHeads, first+j, kv) {
			out[d] += p / sum * x
		}
	}
}

func narrow(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

// forward runs the kernel under test and returns the outputs and log-sums.
func (c *attentionCase) forward(pool *Pool) (out, lse []float32) {
	out, lse = make([]float32, len(c.q)), make([]float32, c.rows*c.Heads)
	for i := range c.spans {
		c.spans[i].Cache = c.cache(pool, c.spans[i].Row, c.spans[i].Len)
	}
	c.Forward(pool, Rows{out, c.Heads * c.Dim}, c.rowsOf(c.q), c.rowsOf(c.k), c.rowsOf(c.v), lse, c.spans)
	return out, lse
}

// cache returns n keys and values, starting at row, in the form that bf16 attention reads.
func (c *attentionCase) cache(pool *Pool, row, n int) *KeyValues {
	if !c.BF16 {
		return nil
	}
	kv := NewKeyValues(c.KVHeads, c.Dim, n, nil)
	kv.Put(pool, 0, c.rowsOf(c.k).From(row, 0), c.rowsOf(c.v).From(row, 0), n)
	return kv
}

func (c *attentionCase) rowsOf(x []float64) Rows { return Rows{narrow(x), len(x) / c.rows} }

// maxDiff checks the largest difference relative to the largest value or 1, whichever is greater.
func maxDiff(t *testing.T, what string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	worst, largest := 0.0, 1.0
	for i, w := range want {
		d := math.Abs(float64(got[i]) - w)
		if math.IsNaN(d) {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], w)
		}
		worst, largest = max(worst, d), max(largest, math.Abs(w))
	}
	t.Logf("%s: largest difference %.3g of %.3g", what, worst, largest)
	if worst > tolerance*largest {
		t.Errorf("%s: largest difference %.3g exceeds %.3g", what, worst, tolerance*largest)
	}
}

var attentionShapes = []Attention{
	{Heads: 2, KVHeads: 2, Dim: 16, Scale: .25},
	{Heads: 6, KVHeads: 2, Dim: 24, Scale: .2},
	{Heads: 4, KVHeads: 1, Dim: 8, Scale: .35, Window: 5},
	{Heads: 8, KVHeads: 2, Dim: 8, Scale: .35, Window: 100},
	{Heads: 3, KVHeads: 3, Dim: 6, Scale: .4, Window: 1},
	{Heads: 2, KVHeads: 1, Dim: 64, Scale: .125},
}

var attentionShapesBF16 = []Attention{
	{Heads: 2, KVHeads: 2, Dim: 64, Scale: .125, BF16: true},
	{Heads: 6, KVHeads: 2, Dim: 24, Scale: .2, BF16: true},
	{Heads: 8, KVHeads: 2, Dim: 7, Scale: .35, Window: 100, BF16: true},
	{Heads: 16, KVHeads: 2, Dim: 80, Scale: .11, Window: 1, BF16: true},
}

// tolerance widens a float32 tolerance for the precision in use: bf16 exponentials have a rounding error of 2^-9.
func (a Attention) tolerance(f32 float64) float64 {
	if a.BF16 {
		return max(f32, 4e-3)
	}
	return f32
}

func (a Attention) label() string {
	return fmt.Sprintf("h%d-kv%d-d%d-w%d-naive=%v-bf16=%v", a.Heads, a.KVHeads, a.Dim, a.Window, a.Naive, a.BF16)
}

// eachAttention runs a test for every shape, in float32 and in bf16.
func eachAttention(t *testing.T, test func(t *testing.T, a Attention)) {
	eachForm(t, attentionShapes, test)
	eachForm(t, attentionShapesBF16, test)
}

// eachForm runs a test for every shape, in the naive form and in the tiled form on every tier.
func eachForm(t *testing.T, shapes []Attention, test func(t *testing.T, a Attention)) {
	for _, a := range shapes {
		a.Naive = true
		t.Run(a.label(), func(t *testing.T) { test(t, a) })
		a.Naive = false
		for _, tr := range tiers {
			if tr.usable() {
				t.Run(tr.name+"/"+a.label(), func(t *testing.T) { withTier(t, tr, func() { test(t, a) }) })
			}
		}
	}
}

func TestAttentionMatchesDefinition(t *testing.T) {
	pool := NewPool(3)
	defer pool.Close()
	eachAttention(t, func(t *testing.T, a Attention) {
		for _, lens := range [][]int{{1}, {7}, {64}, {65}, {513}, {3, 130, 1, 66}} {
			c := newAttentionCase(a, 7, 1, lens...)
			got, _ := c.forward(pool)
			maxDiff(t, fmt.Sprint(lens), got, c.solution(), a.tolerance(2e-6))
		}
	})
}

func TestAttentionHugeScores(t *testing.T) {
	eachAttention(t, func(t *testing.T, a Attention) {
		a.Scale = 1
		c := newAttentionCase(a, 11, 100/math.Pow(float64(a.Dim), .25), 200)
		got, lse := c.forward(nil)
		maxDiff(t, "out", got, c.solution(), a.tolerance(2e-3))
		for i, v := range lse {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("log-sum %d is %v", i, v)
			}
		}
	})
}

func TestAttentionIndependentOfThreads(t *testing.T) {
	eachAttention(t, func(t *testing.T, a Attention) {
		c := newAttentionCase(a, 3, 1, 70, 1, 33)
		want, _ := c.forward(nil)
		for _, threads := range []int{2, 3, 5} {
			pool := NewPool(threads)
			got, _ := c.forward(pool)
			pool.Close()
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("%d threads: element %d is %v, want %v", threads, i, got[i], want[i])
				}
			}
		}
	})
}

// TestAttentionPast feeds a document in pieces through a ring of exactly Window rows. The result must be bit-identical
// to one piece.
func TestAttentionPast(t *testing.T) {
	const n = 230
	eachAttention(t, func(t *testing.T, a Attention) {
		c := newAttentionCase(a, 5, 1, n)
		whole, _ := c.forward(nil)
		maxDiff(t, "one piece", whole, c.solution(), a.tolerance(3e-6))
		slots, width := a.Window, a.KVHeads*a.Dim
		if slots == 0 {
			slots = n
		}
		for _, step := range []int{1, 3, 7, 64, 99, 100, 101} {
			out := make([]float32, len(whole))
			q, k, v := c.rowsOf(c.q), c.rowsOf(c.k), c.rowsOf(c.v)
			s := AttentionSpan{PastK: make([]float32, slots*width), PastV: make([]float32, slots*width), Slots: slots}
			if a.BF16 {
				s.Cache = NewKeyValues(a.KVHeads, a.Dim, slots-1+step, nil)
			}
			for pos := 0; pos < n; pos += step {
				s.Row, s.Len, s.Pos = pos, min(step, n-pos), pos
				if a.BF16 {
					s.Cache.Put(nil, pos, k.From(pos, 0), v.From(pos, 0), s.Len)
				}
				a.Forward(nil, Rows{out, a.Heads * a.Dim}, q, k, v, nil, []AttentionSpan{s})
				for p := pos; p < pos+s.Len; p++ {
					for head := range a.KVHeads {
						at, from := (head*slots+p%slots)*a.Dim, p*width+head*a.Dim
						copy(s.PastK[at:at+a.Dim], k.Data[from:])
						copy(s.PastV[at:at+a.Dim], v.Data[from:])
					}
				}
			}
			if !slices.Equal(out, whole) {
				t.Errorf("pieces of %d give another result than one", step)
			}
		}
	})
}

// TestAttentionScratch checks that the tiled form's memory does not grow with the keys, and that a second call does not
// allocate.
func TestAttentionScratch(t *testing.T) {
	a := Attention{Heads: 2, KVHeads: 1, Dim: 8, Scale: 1}
	sizes := map[int]int{}
	for _, n := range []int{1024, 8192} {
		k := Rows{make([]float32, n*8), 8}
		span := []AttentionSpan{{Len: 1, Pos: n, PastK: k.Data, PastV: k.Data, Slots: n}}
		q, out := Rows{make([]float32, 16), 16}, Rows{make([]float32, 16), 16}
		run := attentionRun{Attention: a, q: q, k: k, v: k, out: out, spans: span}
		w := &attentionScratch{}
		run.tiled(w, queryTile{span: &span[0], tokens: 1})
		sizes[n] = len(w.floats)
		if allocs := sharedtest.AllocsPerRun(t, 10, func() { a.Forward(nil, out, q, k, k, nil, span) }); allocs > 0 {
			t.Errorf("%d keys: %v allocations a call, want none", n, allocs)
		}
	}
	if sizes[1024] != sizes[8192] || sizes[1024] == 0 {
		t.Errorf("scratch is %d floats at 1024 keys and %d at 8192, want the same", sizes[1024], sizes[8192])
	}
}

// BenchmarkAttention times GPT-2's heads for a prompt and for a decoding step, in float32 and bf16.
func BenchmarkAttention(b *testing.B) {
	for _, bench := range []struct {
		name   string
		a      Attention
		n, pos int
	}{
		{"prefill", Attention{Heads: 12, KVHeads: 12, Dim: 64, Scale: .125}, 512, 0},
		{"prefill-window", Attention{Heads: 6, KVHeads: 2, Dim: 32, Scale: .125, Window: 128}, 512, 512},
		{"decode", Attention{Heads: 12, KVHeads: 12, Dim: 64, Scale: .125}, 1, 256},
		{"decode-grouped", Attention{Heads: 32, KVHeads: 8, Dim: 64, Scale: .125, Window: 4096}, 1, 4096},
	} {
		for _, bf16 := range []bool{false, true} {
			for _, tr := range tiers {
				if tr.usable() {
					bench.a.BF16 = bf16
					b.Run(fmt.Sprintf("%s/%s/bf16=%v", bench.name, tr.name, bf16), func(b *testing.B) {
						withTier(b, tr, func() { benchmarkAttention(b, bench.a, bench.n, bench.pos) })
					})
				}
			}
		}
	}
}

func benchmarkAttention(b *testing.B, a Attention, n, pos int) {
	c := newAttentionCase(a, 1, 1, n)
	q, k, v := c.rowsOf(c.q), c.rowsOf(c.k), c.rowsOf(c.v)
	s := AttentionSpan{Len: n, Pos: pos, Slots: max(pos, 1), Cache: NewKeyValues(a.KVHeads, a.Dim, pos+n, nil)}
	if pos > 0 {
		past := newAttentionCase(a, 2, 1, pos)
		s.PastK, s.PastV = narrow(past.k), narrow(past.v)
		s.Cache.Put(nil, 0, past.rowsOf(past.k), past.rowsOf(past.v), pos)
	}
	out := Rows{make([]float32, len(c.q)), a.Heads * a.Dim}
	var pairs int
	for p := pos; p < pos+n; p++ {
		pairs += p + 1 - a.First(p)
	}
	for b.Loop() {
		if a.BF16 {
			s.Cache.Put(nil, pos, k, v, n)
		}
		a.Forward(nil, out, q, k, v, nil, []AttentionSpan{s})
	}
	b.ReportMetric(float64(4*a.Dim*a.Heads*pairs)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
