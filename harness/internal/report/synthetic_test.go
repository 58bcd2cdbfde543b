package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
)

// architecture describes a synthetic model whose costs follow those of the real one.
type architecture struct {
	name                string
	limit, trained      int
	perToken, quadratic float64 // seconds of prefill per token, and per token and token before it
	decode, deeper      float64 // seconds per step, and per token of context
	window              float64 // tokens that attention looks back, 0: all
	stateBase, perState float64 // bytes of state, fixed and per token
	bits                float64 // per byte
	kind                string
}

var zoo = []architecture{
	{name: "bk", trained: 512, perToken: 21e-6, decode: 410e-6, stateBase: 98304, bits: 1.402, kind: "constant"},
	{name: "gpt2", limit: 512, trained: 512, perToken: 15e-6, quadratic: 9e-9, decode: 350e-6, deeper: 0.30e-6, perState: 6144, bits: 1.371, kind: "kv"},
	{name: "mamba", trained: 512, perToken: 26e-6, decode: 395e-6, stateBase: 221184, bits: 1.318, kind: "constant"},
	{name: "mistral", trained: 512, perToken: 17e-6, quadratic: 7e-9, window: 256, decode: 365e-6, deeper: 0.12e-6, perState: 3072, bits: 1.353, kind: "kv ring 256"},
}

// synthetic makes a run of four models, one leaking model, all six suites and every status, from a seed.
type synthetic struct {
	run *record.Run
	rng *rand.Rand
}

const syntheticBlocks = 10

func syntheticRun() *record.Run {
	s := synthetic{rng: rand.New(rand.NewPCG(20, 26)), run: &record.Run{
		ID: "r-7f3a2c", Status: "done", Version: "v0.1.0", Command: "archbench run quickstart --seed 1", Seed: 1,
		Started: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC), Ended: time.Date(2026, 11, 22, 3, 4, 41, 0, time.UTC),
		Suites: []string{"quickstart 1"},
		Facts: []record.Fact{
			{Name: "speed text", Value: "Go source tree go1.26.8, sha256 3fa1c2…"}, {Name: "held-out text", Value: "17 packages, 65536 bytes, sha256 f6ee34…"},
			{Name: "GOMAXPROCS of plugins", Value: "2"},
		},
		Host: record.Host{ID: "h", Fingerprint: "f", Facts: []record.Fact{
			{Name: "platform", Value: "linux/amd64"}, {Name: "cpu", Value: "Example CPU @ 2.0 GHz"}, {Name: "frequency", Reason: "no cpufreq"},
		}},
	}}
	for _, a := range zoo {
		s.models(a)
	}
	s.run.Models = append(s.run.Models, record.Model{
		Name: "bk-original", Architecture: "bk", Mode: "bidirectional", Checkpoint: "models/bk-original", Precision: "f32", Device: "cpu", Threads: 2,
		Parameters: 2_600_000, WeightBytes: 10_400_000, LeaksFuture: true, Kernels: "avx512", StateKind: "none", PluginSHA: digest("bk"),
	})
	for _, a := range zoo {
		s.measureAll(a)
	}
	s.leaking()
	return s.run
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

var precisions = []struct {
	name        string
	bits, loses float64 // bits per weight, bits per byte above f32
}{{"f32", 32, 0}, {"bf16", 16, 0.0001}, {"int8", 9.1, 0.0011}, {"int4", 5.6, 0.031}}

func (s *synthetic) models(a architecture) {
	for _, p := range precisions {
		name := a.name
		if p.name != "f32" {
			name += "@" + p.name
		}
		s.run.Models = append(s.run.Models, record.Model{
			Name: name, Architecture: a.name, Mode: "", Checkpoint: "models/" + a.name + "-3m", Precision: p.name, Threads: 2,
			Tokenizer: record.Tokenizer{Name: "tokenizer.json BPE", SHA256: digest("tokenizer")}, WeightsSHA: digest(a.name + "weights"), PluginSHA: digest(a.name), Kernels: "avx512", Parameters: 2_600_000,
			WeightBytes: int64(2_600_000 * p.bits / 8), ContextLimit: a.limit, TrainedTo: a.trained, Causal: true, StateKind: a.kind,
		})
	}
}

// cell adds a measured cell, or the n/a cell of a point beyond the model's limit.
func (s *synthetic) cell(suite, kind, model string, a architecture, context int, point ...string) *record.Cell {
	c := record.Cell{Suite: suite, Probe: kind, Model: model, Status: record.OK, Repeats: 1}
	for i := 0; i < len(point); i += 2 {
		c.Point = append(c.Point, record.Coordinate{Name: point[i], Value: point[i+1]})
	}
	c.ID = digest(suite + kind + model + c.Point.String())
	if a.limit > 0 && context > a.limit {
		c.Status, c.Reason = record.Unavailable, fmt.Sprintf("context limit %d", a.limit)
	}
	s.run.Cells = append(s.run.Cells, c)
	return &s.run.Cells[len(s.run.Cells)-1]
}

func add(c *record.Cell, metric, label string, value float64) {
	if c.Status == record.OK {
		c.Samples = append(c.Samples, record.Sample{Metric: metric, Label: label, Value: value})
	}
}

// timed adds one noisy sample per block.
func (s *synthetic) timed(c *record.Cell, metric string, seconds float64) {
	if c.Status != record.OK {
		return
	}
	c.Repeats = syntheticBlocks
	for block := range syntheticBlocks {
		v := seconds * (1 + 0.01*s.rng.ExpFloat64() + 0.003*float64(block%3))
		took := time.Duration(v * float64(time.Second))
		c.Samples = append(c.Samples, record.Sample{Metric: metric, Value: v, Unit: "s", Block: block, Plugin: took, Host: took + 90*time.Microsecond})
	}
}

var lengths = []int{128, 512, 2048, 8192}

func (s *synthetic) measureAll(a architecture) {
	c := s.cell("causality", "causality", a.name, a, 128, "len", "128")
	for _, m := range []string{probe.SuffixDiff, probe.PrefixDiff, probe.BatchDiff} {
		add(c, m, "", 1e-7*(1+s.rng.Float64()))
	}
	add(c, probe.CausalVerdict, "", 1)
	for _, phase := range []string{"prefill", "decode"} {
		for _, n := range lengths {
			s.cost(a, phase, n)
		}
	}
	for _, n := range lengths {
		s.memory(a, n)
		s.timed(s.cell("speed", "prefill", a.name, a, n, "len", strconv.Itoa(n), "batch", "1"), probe.PrefillSeconds, a.prefill(n))
	}
	for _, n := range lengths[:3] {
		s.timed(s.cell("speed", "ttft", a.name, a, n, "len", strconv.Itoa(n)), probe.TTFTSeconds, a.prefill(n)+a.decode)
		for _, batch := range []int{1, 4} {
			c := s.cell("speed", "decode", a.name, a, n+65, "depth", strconv.Itoa(n), "batch", strconv.Itoa(batch))
			s.timed(c, probe.DecodeSeconds, (a.decode+a.deeper*float64(n))*(0.7+0.3*float64(batch)))
		}
	}
	s.stream(a)
	s.quantization(a)
}

func (a architecture) reach(n int) float64 {
	if a.window > 0 {
		return math.Min(a.window, float64(n))
	}
	return float64(n)
}

func (a architecture) prefill(n int) float64 {
	return float64(n) * (a.perToken + a.quadratic*a.reach(n))
}

func (s *synthetic) cost(a architecture, phase string, n int) {
	c := s.cell("flops", "cost", a.name, a, n, "phase", phase, "len", strconv.Itoa(n), "batch", "1")
	tokens := float64(n)
	if phase == "decode" {
		tokens = 1
	}
	parts := map[string]float64{"embedding": 0, "mixer": tokens * 1.3e6, "mlp": tokens * 2.4e6, "head": 2 * 256 * 4096}
	if a.perState > 0 {
		parts["attention"] = tokens * 1024 * a.reach(n)
	}
	for _, name := range []string{"embedding", "mixer", "attention", "mlp", "head"} {
		if v, ok := parts[name]; ok {
			add(c, probe.AnalyticFLOPs, name, v)
			add(c, probe.AnalyticBytes, name, v/2)
			add(c, probe.CountedFLOPs, name, v)
		}
	}
	if a.name == "bk" {
		add(c, probe.ReferenceFLOPs, "", tokens*2.9e6)
	}
}

func (s *synthetic) memory(a architecture, n int) {
	c := s.cell("memory", "memory", a.name, a, n, "len", strconv.Itoa(n))
	add(c, probe.WeightBytes, "linear", 9.4e6)
	add(c, probe.WeightBytes, "embedding", 1.0e6)
	add(c, probe.StateBytes, "", a.stateBase+a.perState*a.reach(n))
	add(c, probe.StateBytesFormula, "", a.stateBase+a.perState*a.reach(n))
	if a.name == "mistral" {
		c.Missing = []record.Missing{{Metric: probe.ActivationPeakBytes, Reason: "no ability memory"}}
	} else {
		add(c, probe.ActivationPeakBytes, "", 4096*float64(min(n, 2048)))
	}
	add(c, probe.ProcessPeakBytes, "", 31e6+a.perState*a.reach(n)+4096*float64(min(n, 2048)))
}

func (s *synthetic) stream(a architecture) {
	const n = 65536
	c := s.cell("long-context", "stream", a.name, a, n, "len", strconv.Itoa(n))
	if c.Status == record.OK {
		c.Warnings = []string{"beyond the trained context of 512"}
	}
	for at := 1024; at <= n; at *= 2 {
		label := strconv.Itoa(at)
		add(c, probe.StreamSeconds, label, a.prefill(at)*(1+0.02*s.rng.Float64()))
		add(c, probe.StreamStateBytes, label, a.stateBase+a.perState*a.reach(at))
		add(c, probe.StreamNLL, label, 2.9+0.05*math.Log2(float64(at)/1024)*s.rng.Float64())
	}
	add(c, probe.StreamFinite, "", 1)
	add(c, probe.StreamChunkDiff, "", 3e-6)
	add(c, probe.StreamPeakBytes, "", 44e6)
}

func (s *synthetic) quantization(a architecture) {
	for i, p := range precisions {
		name := s.run.Models[0].Name
		for _, m := range s.run.Models {
			if m.Architecture == a.name && m.Precision == p.name && !m.LeaksFuture {
				name = m.Name
			}
		}
		c := s.cell("quantization", "quality", name, a, 256, "context", "256", "stride", "256")
		difficulty := rand.New(rand.NewPCG(9, 9))
		for d := range 17 {
			label := fmt.Sprintf("package %02d", d)
			bytes := 2000 + 3000*difficulty.Float64()
			own := difficulty.NormFloat64() * 0.15
			bits := a.bits + own + p.loses*(0.7+0.6*s.rng.Float64())
			add(c, probe.DocumentNats, label, bits*bytes*math.Ln2)
			add(c, probe.DocumentBytes, label, math.Round(bytes))
			add(c, probe.DocumentTokens, label, math.Round(bytes/2.5))
			if p.name != "f32" {
				add(c, probe.DocumentKL, label, p.loses*(0.5+s.rng.Float64()))
				add(c, probe.DocumentTop1, label, 1-p.loses*(1+s.rng.Float64()))
			}
		}
		s.timed(s.cell("quantization", "prefill", name, a, 512, "len", "512", "batch", "1"), probe.PrefillSeconds, a.prefill(512)/(1+0.1*float64(i)))
		speed := s.cell("quantization", "decode", name, a, 193, "depth", "128", "batch", "1")
		if a.name == "mistral" && p.name == "int4" {
			speed.Status = record.Failed
			speed.Failure = &record.Failure{
				Class: "time-out", Message: "no answer within 60 s", Stderr: "goroutine 1 [running]:\nmain.main()\n",
				Reproduce: "archbench run quantization --model 'mistral=mistral:models/mistral-3m@int4' --set depth=128",
			}
			continue
		}
		s.timed(speed, probe.DecodeSeconds, a.decode/(1+0.25*float64(i)))
	}
}

// leaking adds the samples of a model that sees the future.
func (s *synthetic) leaking() {
	a := architecture{name: "bk-original"}
	c := s.cell("causality", "causality", a.name, a, 128, "len", "128")
	add(c, probe.SuffixDiff, "", 0.83)
	add(c, probe.PrefixDiff, "", 0.79)
	add(c, probe.BatchDiff, "", 1e-7)
	add(c, probe.CausalVerdict, "", 0)
	q := s.cell("quantization", "quality", a.name, a, 256, "context", "256", "stride", "256")
	q.Status, q.Reason = record.Unavailable, "sees the future"
}
