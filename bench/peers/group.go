package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/archbench/archbench/bench/gguf"
	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/lm"
)

// group is a set of contenders that are loaded together and take turns at the same tasks. The first is archbench; the
// others are compared with it.
type group struct {
	name     string
	threads  int
	entrants []entrant
	tasks    []task
	limit    time.Duration // time limit for archbench; 0: none
	rounds   int           // maximum, where one round takes minutes; 0: as requested
}

// entrant is a contender before it is started.
type entrant struct {
	name string
	// start loads it; first is the group's first contender, or nil if this is it.
	start func(ctx context.Context, first contender) (contender, error)
	// goals say how many times as fast as this peer archbench should be, by operation or by whole task; 0: no goal.
	goals map[string]float64
}

// groups lists all comparisons, with the project's goals.
func (w *workshop) groups(threads int) []group {
	var all []group
	for t := 1; t <= threads; t *= 2 {
		all = append(all, w.products(t))
	}
	for _, precision := range []string{"f32", "bf16", "int8", "int8a8", "int4", "int4a8"} {
		all = append(all, w.vectors(precision, threads))
	}
	for _, m := range w.models() {
		for _, p := range m.pairs {
			all = append(all, w.pair(m, p, threads))
		}
	}
	if threads > 1 {
		for _, architecture := range []string{"bk", "gpt2", "mamba", "mistral"} {
			for _, precision := range []string{"f32", "bf16", "int8a8", "int4a8"} {
				all = append(all, w.cores(architecture, precision, threads))
			}
		}
	}
	return append(all, w.lengths(threads), w.depths(threads), w.million(threads), w.start(threads))
}

// cores compares decoding of a small model on all threads with decoding on one.
func (w *workshop) cores(architecture, precision string, threads int) group {
	one := w.model(architecture, seeded("3m", precision, "", 1))
	one.name += ", 1 thread"
	one.goals = map[string]float64{"decode": 1}
	return group{
		name: "cores-" + architecture + "-" + precision, threads: threads,
		entrants: []entrant{w.model(architecture, seeded("3m", precision, "", threads)), one},
		tasks:    []task{{"decode", []int{64, 256}}},
	}
}

// products compares the matrix products of a prefill of 512 tokens, and a square product.
func (w *workshop) products(threads int) group {
	return group{
		name: fmt.Sprintf("gemm-t%d", threads), threads: threads,
		entrants: []entrant{
			w.product("f32", threads),
			w.product("bf16", threads),
			w.product("int8a8", threads),
			w.openBLASEntrant(threads, map[string]float64{"gemm": 1}),
			w.ceilingEntrant(threads, map[string]float64{"gemm": 0.75}),
		},
		tasks: []task{{"gemm", []int{512, 2304, 768, 20}}, {"gemm", []int{512, 768, 3072, 16}}, {"gemm", []int{1024, 1024, 1024, 16}}},
	}
}

// vectors are products with a single row, as in decoding.
func (w *workshop) vectors(precision string, threads int) group {
	g := group{
		name: "gemv-" + precision, threads: threads,
		entrants: []entrant{w.product(precision, threads), w.ceilingEntrant(threads, map[string]float64{"gemv": 0.9})},
		tasks:    []task{{"gemv", []int{4096, 4096, 64}}, {"gemv", []int{11008, 4096, 24}}},
	}
	if precision == "f32" {
		g.entrants = append(g.entrants, w.openBLASEntrant(threads, nil))
	}
	return g
}

// compared is a model that archbench and the peers have, with the goals against llama.cpp by precision.
type compared struct {
	architecture, variant string
	llama                 llamaShape
	decode                task
	share                 float64 // bandwidth fraction that decoding should reach; 0: no goal
	torch                 float64 // goal as a multiple of PyTorch's prefill speed; 0: no goal
	pairs                 []pair
}

// pair is an archbench precision beside a llama.cpp type, with the goals for the ratio of their speeds.
type pair struct {
	precision string
	kind      gguf.Type
	prefill   float64
	decode    float64
}

func (w *workshop) models() []compared {
	return []compared{
		{
			"gpt2", "124m", llamaGPT2, task{"decode", []int{64, 192}}, 0.85, 1.3,
			[]pair{{"f32", gguf.F32, 2, 1.2}, {"bf16", gguf.F16, 4, 1.5}, {"int8", gguf.Q8_0, 2, 1.4}, {"int4", gguf.Q4_0, 2, 1.3}},
		},
		{
			"mamba", "130m", llamaMamba, task{"decode", []int{64, 64}}, 0, 0,
			[]pair{{"f32", gguf.F32, 3, 1.3}, {"bf16", gguf.F16, 4, 1.5}, {"int8", gguf.Q8_0, 4, 1.5}, {"int4", gguf.Q4_0, 0, 1.4}},
		},
		{
			"mistral", "1.2b", llamaMistral, task{"decode", []int{96, 32}}, 0.92, 0,
			[]pair{{"f32", gguf.F32, 2, 0}, {"bf16", gguf.F16, 4, 1.05}, {"int8", gguf.Q8_0, 2, 1.1}, {"int4", gguf.Q4_0, 0, 1}},
		},
	}
}

// pair compares one precision of a model. Where llama.cpp quantises the head, archbench's first contender does so, too,
// and quantises activations like llama.cpp.
func (w *workshop) pair(m compared, p pair, threads int) group {
	own := w.model(m.architecture, seeded(m.variant, p.precision, "", threads))
	g := group{name: m.architecture + "-" + p.precision, threads: threads, entrants: []entrant{own}}
	if p.kind == gguf.Q8_0 || p.kind == gguf.Q4_0 {
		a8 := w.model(m.architecture, seeded(m.variant, p.precision+"a8", "int8", threads))
		g.entrants = []entrant{a8, own}
	}
	g.entrants = append(g.entrants, entrant{
		name:  "llama.cpp " + p.kind.String(),
		goals: map[string]float64{"prefill": p.prefill, "decode": p.decode},
		start: func(ctx context.Context, _ contender) (contender, error) {
			return started(w.llama(ctx, m.llama, p.kind, threads))
		},
	})
	if p.precision == "f32" {
		g.entrants = append(g.entrants, entrant{
			name: "PyTorch f32", goals: map[string]float64{"prefill": m.torch},
			start: func(ctx context.Context, _ contender) (contender, error) {
				return started(w.torch(ctx, m.architecture, threads))
			},
		})
	}
	g.entrants = append(g.entrants, w.ceilingEntrant(threads, map[string]float64{"decode": m.share}))
	g.tasks = []task{{"prefill", []int{512}}, m.decode}
	return g
}

// lengths compares prefill of bk with that of a gpt2 with the same number of blocks and enough positions.
func (w *workshop) lengths(threads int) group {
	long := seeded("3m", "f32", "", threads)
	long.Options = map[string]string{"n_positions": "16384"}
	gpt2 := w.model("gpt2", long)
	gpt2.goals = map[string]float64{"prefill 512": 1 / 1.5, "prefill 2048": 1, "prefill 8192": 1}
	return group{
		name: "bk-length", threads: threads,
		entrants: []entrant{w.model("bk", seeded("3m", "f32", "", threads)), gpt2},
		tasks:    []task{{"prefill", []int{512}}, {"prefill", []int{2048}}, {"prefill", []int{8192}}},
	}
}

// depths times decoding after ever longer documents.
func (w *workshop) depths(threads int) group {
	g := group{
		name: "bk-depth", threads: threads,
		entrants: []entrant{w.model("bk", seeded("3m", "f32", "", threads)), w.model("mamba", seeded("3m", "f32", "", threads))},
	}
	for depth := 1 << 10; depth <= 1<<20; depth <<= 5 {
		g.tasks = append(g.tasks, task{"decode", []int{depth, 256}})
	}
	return g
}

// million scores a long document in chunks of 2,048 tokens.
func (w *workshop) million(threads int) group {
	return group{
		name: "million", threads: threads, limit: time.Minute, rounds: 2,
		entrants: []entrant{w.model("bk", seeded("3m", "f32", "", threads)), w.model("mamba", seeded("3m", "f32", "", threads))},
		tasks:    []task{{"stream", []int{1 << 20}}},
	}
}

// start times a new plugin up to its first token.
func (w *workshop) start(threads int) group {
	return group{
		name: "start", threads: threads, limit: 300 * time.Millisecond,
		entrants: []entrant{{
			name: "archbench gpt2 124m checkpoint",
			start: func(ctx context.Context, _ contender) (contender, error) {
				dir, err := w.checkpoint(ctx, "gpt2", "124m")
				return starter{w.bin, "gpt2", dir, threads}, err
			},
		}},
		tasks: []task{{op: "start"}},
	}
}

// seeded requests a model with random weights.
func seeded(variant, precision, head string, threads int) lm.LoadRequest {
	return lm.LoadRequest{Variant: variant, Seed: 1, Precision: precision, Head: head, Threads: threads}
}

// model is archbench behind its plugin boundary.
func (w *workshop) model(architecture string, req lm.LoadRequest) entrant {
	name := []string{"archbench", architecture, req.Precision}
	if req.Head != "" {
		name = append(name, "head", req.Head)
	}
	return entrant{
		name: strings.Join(name, " "),
		start: func(ctx context.Context, _ contender) (contender, error) {
			return started(load(ctx, w.bin, architecture, req))
		},
	}
}

// product is archbench's kernels, in a child process of this program.
func (w *workshop) product(precision string, threads int) entrant {
	return entrant{
		name: "archbench " + precision,
		start: func(ctx context.Context, _ contender) (contender, error) {
			format, err := kernel.ParseFormat(precision)
			if err != nil {
				return nil, err
			}
			c, err := startSelf(ctx, precision, threads)
			if err != nil {
				return nil, err
			}
			return product{c, format}, nil
		},
	}
}

func (w *workshop) openBLASEntrant(threads int, goals map[string]float64) entrant {
	return entrant{
		name: "OpenBLAS f32", goals: goals,
		start: func(ctx context.Context, _ contender) (contender, error) { return started(w.openBLAS(ctx, threads)) },
	}
}

func (w *workshop) ceilingEntrant(threads int, goals map[string]float64) entrant {
	return entrant{
		name: "ceiling (f32 or reads)", goals: goals,
		start: func(ctx context.Context, first contender) (contender, error) {
			c, err := w.openBLAS(ctx, threads)
			if err != nil {
				return nil, err
			}
			of, ok := first.(priced)
			if !ok {
				return nil, errors.New("no contender knows what the work costs")
			}
			return ceiling{c, of}, nil
		},
	}
}

// started returns c as a contender, or nil, which is not an interface that holds a nil pointer, if c did not start.
func started[C contender](c C, err error) (contender, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}
