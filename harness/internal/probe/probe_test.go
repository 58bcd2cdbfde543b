package probe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/archbench/archbench/harness/internal/lmfake"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/text"
	"github.com/archbench/archbench/lm"
)

// bytesTokenizer has one token per byte.
type bytesTokenizer struct{}

func (bytesTokenizer) Encode(s string) ([]int32, error) {
	ids := make([]int32, len(s))
	for i := range ids {
		ids[i] = int32(s[i])
	}
	return ids, nil
}

func (bytesTokenizer) Decode(ids []int32) (string, error) {
	text := make([]byte, len(ids))
	for i, id := range ids {
		text[i] = byte(id)
	}
	return string(text), nil
}

func (bytesTokenizer) Token(id int32) string { return string(id) }

// corpus returns a deterministic text of two documents.
func corpus(t *testing.T) *text.Corpus {
	t.Helper()
	var a, b strings.Builder
	for i := range 4000 {
		a.WriteString(strings.Repeat(string(rune('a'+i*i%26)), 1+i%3) + " ")
		b.WriteByte(byte('A' + i*7%26))
	}
	dir := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "a"), []byte(a.String()), 0o644), os.WriteFile(filepath.Join(dir, "b"), []byte(b.String()), 0o644)); err != nil {
		t.Fatal(err)
	}
	c, err := text.Load(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// subject loads a fake for a probe at a point. Other settings have their defaults.
func subject(t *testing.T, a *lmfake.Architecture, p *Probe, settings ...string) *Subject {
	t.Helper()
	ctx := context.Background()
	m, err := a.Load(ctx, lm.LoadRequest{Variant: "tiny"})
	if err != nil {
		t.Fatal(err)
	}
	s := &Subject{Model: m, Info: m.Info(), Seed: 1}
	s.Stream = text.NewTokens(corpus(t), bytesTokenizer{}, s.Info.BOS, s.Info.Vocab)
	s.HeldOut = s.Stream
	for _, known := range slices.Concat(p.Axes, p.Params) {
		value := known.Default
		for i := 0; i < len(settings); i += 2 {
			if settings[i] == known.Name {
				value = settings[i+1]
			}
		}
		s.Settings = append(s.Settings, record.Coordinate{Name: known.Name, Value: value})
	}
	return s
}

// measure runs a probe and indexes its samples by metric and label.
func measure(t *testing.T, p *Probe, s *Subject) (map[string]record.Sample, Result) {
	t.Helper()
	r, err := p.Measure(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]record.Sample{}
	for _, x := range r.Samples {
		if !slices.ContainsFunc(p.Metrics, func(m Metric) bool { return m.Name == x.Metric && m.Unit == x.Unit }) {
			t.Errorf("sample %+v of an undeclared metric", x)
		}
		all[strings.TrimSpace(x.Metric+" "+x.Label)] = x
	}
	return all, r
}

func TestTables(t *testing.T) {
	seen := map[string]Metric{}
	for _, p := range Table {
		if Find(p.Name) != p || p.Version < 1 || p.Summary == "" || p.context == nil || p.work == nil || p.measure == nil {
			t.Errorf("probe %q is incomplete", p.Name)
		}
		for _, m := range p.Metrics {
			if other, ok := seen[m.Name]; ok && other != m || m.Title == "" || m.Unit == "" {
				t.Errorf("metric %+v is ambiguous or incomplete", m)
			}
			seen[m.Name] = m
		}
		for _, q := range p.Quantities {
			if Lookup(q.Metric).Name == "" && !q.Documents || q.Name == "" || q.Title == "" ||
				!slices.ContainsFunc(p.Axes, func(s Setting) bool { return s.Name == q.Main }) {
				t.Errorf("probe %s: quantity %q is incomplete", p.Name, q.Name)
			}
		}
		for _, s := range slices.Concat(p.Axes, p.Params) {
			if err := s.Check(s.Default); err != nil || s.Doc == "" {
				t.Errorf("probe %s: default of %s: %v", p.Name, s.Name, err)
			}
		}
	}
}

// TestBounds checks that points are rejected whose tokens do not fit into memory, or whose arithmetic would overflow.
func TestBounds(t *testing.T) {
	most := strconv.Itoa(mostOfAll)
	for _, tc := range []struct {
		probe    *Probe
		settings []string
		want     string
	}{
		{prefillProbe, []string{"len", "134217728"}, ""},
		{prefillProbe, []string{"len", "65536", "batch", "2048"}, ""},
		{prefillProbe, []string{"len", "65536", "batch", "2049"}, "probe prefill: batch 2049 with a context of 65536 has more than 134217728 tokens"},
		{prefillProbe, []string{"len", most, "batch", most}, "more than 134217728 tokens"},
		{prefillProbe, []string{"len", "9223372036854775807"}, "len is at most 1073741824"},
		{decodeProbe, []string{"depth", most, "tokens", most}, "more than 134217728 tokens"},
		{qualityProbe, []string{"text_bytes", "1073741825"}, "text_bytes is at most 1073741824"},
	} {
		err := tc.probe.Check(subject(t, &lmfake.Architecture{}, tc.probe, tc.settings...).Settings)
		if got := fmt.Sprint(err); tc.want == "" && err != nil || tc.want != "" && !strings.Contains(got, tc.want) {
			t.Errorf("%s %v: %v, want %q", tc.probe.Name, tc.settings, err, tc.want)
		}
	}
}

func TestCost(t *testing.T) {
	got, _ := measure(t, costProbe, subject(t, &lmfake.Architecture{}, costProbe, "len", "8", "batch", "2"))
	if got["flops_analytic hash"].Value != 128 || got["flops_counted head"].Value != 32 || got["bytes_analytic hash"].Value != 48 {
		t.Errorf("got %v", got)
	}
	a := &lmfake.Architecture{Abilities: []lm.Ability{lm.AbilityCost}}
	got, r := measure(t, costProbe, subject(t, a, costProbe))
	if _, ok := got["flops_counted hash"]; ok || len(r.Missing) != 1 {
		t.Errorf("without the ability to count: %v, missing %q", got, r.Missing)
	}
	if work := costProbe.Work(subject(t, a, costProbe, "phase", "train").Settings); work != nil {
		t.Errorf("a formula is said to cost %v", work)
	}
	a = &lmfake.Architecture{Tell: func(reply any) {
		if r, ok := reply.(*lm.CostReply); ok && r.Counted != nil {
			r.Counted = []lm.CostItem{{Component: "hash", FLOPs: 7}}
		}
	}}
	_, r = measure(t, costProbe, subject(t, a, costProbe, "len", "8"))
	if want := []string{"counted 7 FLOPs, but the formula gives 80: one of them is wrong"}; !slices.Equal(r.Warnings, want) {
		t.Errorf("warnings %q, want %q", r.Warnings, want)
	}
}

func TestMemory(t *testing.T) {
	got, r := measure(t, memoryProbe, subject(t, &lmfake.Architecture{}, memoryProbe))
	if got[WeightBytes+" blocks"].Value != 4000 || got[StateBytes].Value != 64 || got[StateBytesFormula].Value != 64 || got[ActivationPeakBytes].Value != 1028 {
		t.Errorf("got %v", got)
	}
	if want := []record.Missing{{Metric: ProcessPeakBytes, Reason: "the model runs in this process"}}; !slices.Equal(r.Missing, want) {
		t.Errorf("missing %q, want %q", r.Missing, want)
	}
	if c := (&record.Cell{Missing: r.Missing, Warnings: []string{"beyond"}}); Lacking(c, ProcessRSSBytes) == "" || Lacking(c, StateBytes) != "" ||
		!slices.Equal(Caveats(c), []string{"beyond", "process memory n/a (the model runs in this process)"}) {
		t.Errorf("caveats %q", Caveats(c))
	}
	a := &lmfake.Architecture{Abilities: []lm.Ability{}}
	got, r = measure(t, memoryProbe, subject(t, a, memoryProbe))
	if _, ok := got[StateBytes]; ok || len(r.Missing) != 3 {
		t.Errorf("without abilities: %v, missing %q", got, r.Missing)
	}
}

func TestSpeed(t *testing.T) {
	a := &lmfake.Architecture{PerToken: time.Microsecond, Sleep: 0}
	roof := lm.Roofline{Ceilings: []lm.Ceiling{{Name: "any", Operation: lm.Arithmetic, Value: 1e8}, {Name: "memory", Operation: lm.Reading, Footprint: 16 << 20, Value: 1e8}}}
	for _, c := range []struct {
		probe  *Probe
		metric string
		plugin time.Duration // reported by the fake
		per    float64
		least  float64 // seconds at the ceiling
	}{
		{prefillProbe, PrefillSeconds, 512 * time.Microsecond, 1, 512 * 10 / 1e8},
		{ttftProbe, TTFTSeconds, 512 * time.Microsecond, 1, 0},
		{decodeProbe, DecodeSeconds, 64 * time.Microsecond, 64, 64 * 10 / 1e8},
	} {
		s := subject(t, a, c.probe)
		s.Roofline, s.Block = roof, 3
		got, _ := measure(t, c.probe, s)
		x := got[c.metric]
		took, _ := s.Boundary.time(Clocks{x.Host, x.Plugin})
		if x.Value != took.Seconds()/c.per || x.Block != 3 || x.Host <= 0 || x.Plugin != c.plugin {
			t.Errorf("%s: %+v, want %v in %g parts", c.probe.Name, x, took, c.per)
		}
		if math.Abs(got[RooflineShare+" any"].Value-c.least/took.Seconds()) > 1e-9 {
			t.Errorf("%s: share %+v, want %g in %v", c.probe.Name, got[RooflineShare+" any"], c.least, took)
		}
	}
	for took, want := range map[time.Duration]int{4 * time.Millisecond: 4, 5 * time.Millisecond: 4, 6 * time.Millisecond: 0} {
		var r Result
		(&generation{steps: slices.Repeat([]time.Duration{time.Millisecond}, 4)}).addSteps(&r, 4, took.Seconds())
		if len(r.Samples) != want || len(r.Missing) != min(1, 4-want) {
			t.Errorf("4 steps of 1ms in %v: %d samples, missing %q", took, len(r.Samples), r.Missing)
		}
	}
	silent := &lmfake.Architecture{Tell: func(reply any) {
		if c, ok := reply.(*lm.GenerateChunk); ok {
			c.Steps = nil
		}
	}}
	if _, r := measure(t, decodeProbe, subject(t, silent, decodeProbe)); Lacking(&record.Cell{Missing: r.Missing}, StepSeconds) == "" {
		t.Errorf("missing %q", r.Missing)
	}
	noStep := &lmfake.Architecture{Abilities: []lm.Ability{}, PerToken: time.Microsecond}
	if got, _ := measure(t, prefillProbe, subject(t, noStep, prefillProbe)); got[PrefillSeconds].Plugin != 512*time.Microsecond {
		t.Errorf("prefill without state: %v", got)
	}
}

func TestBandwidth(t *testing.T) {
	roof := lm.Roofline{Ceilings: []lm.Ceiling{
		{Operation: lm.Reading, Footprint: 16 << 20, Value: 2}, {Operation: lm.Arithmetic, Value: 9}, {Footprint: 1 << 21, Value: 7},
		{Operation: lm.Reading, Footprint: 256 << 20, Value: 1}, {Operation: lm.Reading, Footprint: 1 << 20, Value: 3},
	}}
	for bytes, want := range map[float64]float64{1: 3, 1 << 20: 3, 2 << 20: 2, 17 << 20: 1, 1 << 40: 1} {
		if c := bandwidth(roof, bytes); c.Value != want {
			t.Errorf("%g bytes: %+v, want %g", bytes, c, want)
		}
	}
	if name, _ := binding(lm.Roofline{}, "f32", nil); name != "" {
		t.Errorf("no ceiling, but %q binds", name)
	}
}

// TestArithmeticCeiling checks that a precision gets the fastest ceiling that names it, whatever the ceiling's own name,
// or else the fastest that names no precision.
func TestArithmeticCeiling(t *testing.T) {
	limit := func(name string, value float64, precisions ...string) lm.Ceiling {
		return lm.Ceiling{Name: name, Operation: lm.Arithmetic, Precisions: precisions, Value: value}
	}
	fma, bf16, dot8 := limit("any", 1), limit("bf16", 2, "bf16"), limit("a8", 4, "int8a8", "int4a8")
	tiles, fixed := limit("tiles", 8, "bf16"), limit("codes", 1.3, "int8", "int4")
	untyped := lm.Ceiling{Name: "of an older plugin", Value: 99}
	for _, c := range []struct {
		precision string
		ceilings  []lm.Ceiling
		want      string
	}{
		{"f32", []lm.Ceiling{fma, bf16, dot8}, "any"},
		{"int4-g32", []lm.Ceiling{bf16, fma, dot8}, "any"},
		{"bf16", []lm.Ceiling{fma, bf16, dot8}, "bf16"},
		{"bf16", []lm.Ceiling{bf16, fma}, "bf16"},
		{"bf16", []lm.Ceiling{fma}, "any"},
		{"int4a8-row", []lm.Ceiling{dot8, fma}, "a8"},
		{"f32", []lm.Ceiling{bf16}, ""},
		{"bf16", []lm.Ceiling{fma, bf16, dot8, tiles}, "tiles"},
		{"int8a8", []lm.Ceiling{fma, bf16, dot8, tiles}, "a8"},
		{"int8", []lm.Ceiling{tiles, fma}, "any"},
		{"int8", []lm.Ceiling{fma, fixed}, "codes"},
		{"int4-g32", []lm.Ceiling{dot8, fixed, fma}, "codes"},
		{"nf4", []lm.Ceiling{fma, fixed}, "any"},
		{"f32", []lm.Ceiling{untyped, fma}, "any"},
		{"bf16", []lm.Ceiling{fma, limit("slow", 0.5, "bf16")}, "slow"},
		{"nf4+ffn.bf16", []lm.Ceiling{fma, limit("slow", 0.5, "bf16")}, "any"},
		{"int8+ffn.int4-g32", []lm.Ceiling{fma, fixed, bf16}, "codes"},
		{"int8+output_proj.bf16", []lm.Ceiling{fma, fixed, bf16}, "bf16"}, // the fastest part
		{"nf4+ffn.f32", []lm.Ceiling{fma, fixed, bf16}, "any"},
	} {
		if got := arithmetic(lm.Roofline{Ceilings: c.ceilings}, c.precision); got.Name != c.want {
			t.Errorf("%s of %v: %q, want %q", c.precision, c.ceilings, got.Name, c.want)
		}
	}
}

// TestBlocksReadDifferentText checks that a cache cannot answer a repeat.
func TestBlocksReadDifferentText(t *testing.T) {
	s := subject(t, &lmfake.Architecture{}, prefillProbe)
	seen := map[string]int{}
	for block := range 10 {
		for i := range 2 {
			s.Block = block
			tokens, err := s.input(300, i)
			if err != nil || len(tokens) != 300 {
				t.Fatal(len(tokens), err)
			}
			key := string(tokens)
			if at, ok := seen[key]; ok {
				t.Errorf("blocks %d and %d read the same text", at, block)
			}
			seen[key] = block
		}
	}
}

func TestCausality(t *testing.T) {
	for _, c := range []struct {
		name    string
		fake    lmfake.Architecture
		causal  float64
		warning string
	}{
		{"honest", lmfake.Architecture{}, 1, ""},
		{"next token", lmfake.Architecture{Leak: true}, 0, ""},
		{"length", lmfake.Architecture{LeakLength: true}, 0, ""},
		{"batch", lmfake.Architecture{BatchLeak: true}, 1, "other documents of the batch"},
		{"short and honest", lmfake.Architecture{Limit: 64}, 1, "documents of 64 tokens: context limit"},
		{"short and leaking", lmfake.Architecture{Limit: 64, Leak: true}, 0, "documents of 64 tokens: context limit"},
	} {
		got, r := measure(t, causalityProbe, subject(t, &c.fake, causalityProbe))
		if got[CausalVerdict].Value != c.causal {
			t.Errorf("%s: %v", c.name, got)
		}
		if w := strings.Join(r.Warnings, ""); !strings.Contains(w, c.warning) || (w == "") != (c.warning == "") {
			t.Errorf("%s: warnings %q, want %q", c.name, w, c.warning)
		}
	}
}

// TestQuality compares the sums with losses computed token by token, for two strides.
func TestQuality(t *testing.T) {
	for _, stride := range []string{"64", "16"} {
		s := subject(t, &lmfake.Architecture{}, qualityProbe, "context", "64", "stride", stride, "text_bytes", "2000")
		got, _ := measure(t, qualityProbe, s)
		documents, err := s.HeldOut.Excerpt(2000)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range documents {
			want := 0.0
			n := number(s.Settings, "stride")
			var tokens []int32
			for ids, err := range d.Tokens {
				if err != nil {
					t.Fatal(err)
				}
				tokens = append(tokens, ids...)
			}
			for p := range tokens {
				start := 0 // of the window that scores p
				if p >= 64 {
					start = (p-64)/n*n + n
				}
				reply, err := s.Model.Score(context.Background(), lm.ScoreRequest{Sequences: []lm.Sequence{{
					Tokens: append([]int32{lmfake.BOS}, tokens[start:p+1]...), From: p + 1 - start}}})
				if err != nil {
					t.Fatal(err)
				}
				want += reply.Scores[0].NLL[0]
			}
			if math.Abs(got[DocumentNats+" "+d.Name].Value-want) > 1e-9 || got[DocumentBytes+" "+d.Name].Value != float64(d.Bytes) {
				t.Errorf("stride %s, document %s: %v, want %g nats", stride, d.Name, got[DocumentNats+" "+d.Name], want)
			}
		}
	}
}

func TestQualityVersus(t *testing.T) {
	a := &lmfake.Architecture{Noise: 0.2}
	s := subject(t, a, qualityProbe, "text_bytes", "2000")
	s.Reference = s.Model
	if got, _ := measure(t, qualityProbe, s); math.Abs(got[DocumentKL+" a"].Value) > 1e-12 || got[DocumentTop1+" a"].Value != 1 {
		t.Errorf("a model diverges from itself: %v", got)
	}
	low, err := a.Load(context.Background(), lm.LoadRequest{Variant: "tiny", Precision: "int4"})
	if err != nil {
		t.Fatal(err)
	}
	s.Model = low
	if got, _ := measure(t, qualityProbe, s); got[DocumentKL+" a"].Value <= 0 || got[DocumentTop1+" a"].Value >= 1 {
		t.Errorf("noise makes no divergence: %v", got)
	}
}

// TestDivergence compares a fake of low precision with f32 on equal ids: a model does not diverge from itself, noise makes it, and
// neither a tokenizer nor a causal model is needed. What it reports is verified.
func TestDivergence(t *testing.T) {
	a := &lmfake.Architecture{Noise: 0.2, Limit: 64}
	load := func(precision string) lm.Model {
		m, err := a.Load(t.Context(), lm.LoadRequest{Variant: "tiny", Precision: precision})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	s := subject(t, a, divergenceProbe, "documents", "3")
	s.Stream = text.RandomTokens(1, s.Info.Vocab, s.Info.BOS)
	s.Reference = load("f32")
	for _, unfit := range []string{"", "sees the future"} {
		for precision, apart := range map[string]bool{"f32": false, "int4": true} {
			s.Model, s.Unfit = load(precision), unfit
			got, r := measure(t, divergenceProbe, s)
			if len(r.Samples) != 9 || r.Warnings != nil {
				t.Errorf("%s: %d samples of 3 documents, warnings %q", precision, len(r.Samples), r.Warnings)
			}
			for _, document := range []string{" 0", " 1", " 2"} {
				kl, same, tokens := got[DocumentKL+document].Value, got[DocumentTop1+document].Value, got[DocumentTokens+document].Value
				if kl > 1e-12 != apart || same < 1 != apart || tokens != 63 {
					t.Errorf("%s, document%s: divergence %v, first choice %v, %v tokens", precision, document, kl, same, tokens)
				}
			}
		}
	}
	a.Tell = func(reply any) {
		if r, ok := reply.(*lm.ScoreReply); ok {
			for _, s := range r.Scores {
				clear(s.KL)
			}
		}
	}
	s.Model, s.Unfit = load("int4"), ""
	if _, err := divergenceProbe.Measure(t.Context(), s); err == nil || !strings.Contains(err.Error(), "divergence") {
		t.Errorf("a model that hides its divergence: %v", err)
	}
}

// allWindows splits a document whose tokens arrive in pieces of seven.
func allWindows(t *testing.T, tokens []int32, bos int32, context, stride int) []lm.Sequence {
	t.Helper()
	w := newWindows(func(yield func([]int32, error) bool) {
		for piece := range slices.Chunk(tokens, 7) {
			if !yield(piece, nil) {
				return
			}
		}
	}, bos, context, stride)
	defer w.close()
	all, err := w.next(math.MaxInt)
	if err != nil || w.read() != len(tokens) {
		t.Fatalf("%d of %d tokens were read, %v", w.read(), len(tokens), err)
	}
	return all
}

// TestWindows checks that each token is scored once, with the given context.
func TestWindows(t *testing.T) {
	for _, bos := range []int32{lmfake.BOS, -1} {
		for _, c := range [][2]int{{1, 1}, {4, 4}, {8, 3}, {100, 50}} {
			for n := range 40 {
				tokens := make([]int32, n)
				for i := range tokens {
					tokens[i] = int32(i)
				}
				var scored []int32
				for _, w := range allWindows(t, tokens, bos, c[0], c[1]) {
					scored = append(scored, w.Tokens[w.From:]...)
					if w.From < 1 || len(w.Tokens) > c[0]+1 {
						t.Fatalf("window %+v of context %d", w, c[0])
					}
				}
				want := tokens
				if bos < 0 && n > 0 {
					want = tokens[1:]
				}
				if string(scored) != string(want) {
					t.Fatalf("start token %d, context %v: scored %v of %d tokens", bos, c, scored, n)
				}
			}
		}
	}
}

func TestStream(t *testing.T) {
	a := &lmfake.Architecture{PerToken: time.Millisecond} // more than it takes on any machine
	s := subject(t, a, streamProbe, "len", "5000", "chunk", "300")
	got, _ := measure(t, streamProbe, s)
	for label, position := range map[string]float64{"1024": 1024, "2048": 2048, "4096": 4096, "5000": 5000} {
		if x := got[StreamSeconds+" "+label]; math.Abs(x.Value-position*1e-3) > 1e-12 {
			t.Errorf("time at %s: %+v", label, x)
		}
		if got[StreamStateBytes+" "+label].Value != 64 || got[StreamNLL+" "+label].Value <= 0 {
			t.Errorf("readings at %s: %v", label, got)
		}
	}
	if got[StreamChunkDiff].Value != 0 || got[StreamFinite].Value != 1 {
		t.Errorf("honest stream: %v", got)
	}
	for fault, fake := range map[lm.Fault]*lmfake.Architecture{lm.Contradiction: {StateLeak: true}, lm.NonFinite: {NaN: true}} {
		_, err := streamProbe.Measure(context.Background(), subject(t, fake, streamProbe, "len", "2000"))
		if bad, ok := errors.AsType[*lm.ReplyError](err); !ok || bad.Fault != fault {
			t.Errorf("%v, want fault %s", err, fault)
		}
	}
	s.Unfit = "sees the future"
	got, r := measure(t, streamProbe, s)
	if _, ok := got[StreamNLL+" 1024"]; ok || !slices.Contains(r.Missing, record.Missing{Metric: StreamNLL, Reason: s.Unfit}) {
		t.Errorf("a model that sees the future has a loss: %v, %q", got, r.Missing)
	}
}

func TestUnavailable(t *testing.T) {
	limited := &lmfake.Architecture{Limit: 512}
	blind := &lmfake.Architecture{Abilities: []lm.Ability{}}
	leaky := subject(t, &lmfake.Architecture{}, qualityProbe)
	leaky.Unfit = "sees the future"
	for _, c := range []struct {
		probe *Probe
		s     *Subject
		want  string
	}{
		{prefillProbe, subject(t, limited, prefillProbe, "len", "513"), "context limit 512"},
		{decodeProbe, subject(t, limited, decodeProbe, "depth", "480"), "context limit 512"},
		{streamProbe, subject(t, limited, streamProbe), "context limit 512"},
		{decodeProbe, subject(t, blind, decodeProbe), "no ability step"},
		{costProbe, subject(t, blind, costProbe), "no ability cost"},
		{streamProbe, subject(t, &lmfake.Architecture{}, streamProbe, "len", "1000000"), "tokens, 1000000 are needed"},
		{qualityProbe, leaky, "sees the future"},
		{divergenceProbe, subject(t, blind, divergenceProbe), "no ability versus"},
		{divergenceProbe, subject(t, &lmfake.Architecture{}, divergenceProbe), "there is no f32 model to compare with"},
		{divergenceProbe, subject(t, &lmfake.Architecture{Limit: 2}, divergenceProbe), "context limit 2"},
	} {
		_, err := c.probe.Measure(context.Background(), c.s)
		var u *Unavailable
		if !errors.As(err, &u) || !strings.Contains(u.Reason, c.want) {
			t.Errorf("%s: %v, want n/a (%s)", c.probe.Name, err, c.want)
		}
	}
	if _, err := prefillProbe.Measure(context.Background(), subject(t, limited, prefillProbe, "len", "512")); err != nil {
		t.Errorf("at the limit: %v", err)
	}
}

// TestBadOutput checks that non-finite outputs fail the cell, and settings out of range the call.
func TestBadOutput(t *testing.T) {
	var bad *lm.ReplyError
	_, err := qualityProbe.Measure(context.Background(), subject(t, &lmfake.Architecture{NaN: true}, qualityProbe))
	if !errors.As(err, &bad) || bad.Fault != lm.NonFinite {
		t.Errorf("quality: %v", err)
	}
	_, err = prefillProbe.Measure(context.Background(), subject(t, &lmfake.Architecture{NaN: true, Abilities: []lm.Ability{}}, prefillProbe))
	if !errors.As(err, &bad) || bad.Fault != lm.NonFinite {
		t.Errorf("prefill: %v", err)
	}
	for _, c := range [][2]string{{"len", "x"}, {"len", "1"}, {"len", "0128"}, {"batch", "0"}, {"batch", ""}} {
		if _, err := prefillProbe.Measure(context.Background(), subject(t, &lmfake.Architecture{}, prefillProbe, c[0], c[1])); err == nil {
			t.Errorf("%s=%q was accepted", c[0], c[1])
		}
	}
	if got := prefillProbe.Warnings(10, subject(t, &lmfake.Architecture{}, prefillProbe).Settings); got != nil {
		t.Errorf("speed beyond the trained context warns: %q", got)
	}
	if got := streamProbe.Warnings(512, subject(t, &lmfake.Architecture{}, streamProbe).Settings); len(got) != 1 {
		t.Errorf("loss beyond the trained context does not warn: %q", got)
	}
}
