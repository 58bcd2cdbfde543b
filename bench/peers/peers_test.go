package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/bench/gguf"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == productsArg { // started by startSelf
		main()
		return
	}
	os.Exit(m.Run())
}

// llama.cpp's files have the parameter counts of the models they represent.
func TestLlamaShapes(t *testing.T) {
	for _, c := range []struct {
		shape llamaShape
		want  int
	}{{llamaGPT2, 124_439_808}, {llamaMamba, 129_135_360}, {llamaMistral, 1_213_302_784}} {
		got := 0
		for _, tensor := range c.shape.file(gguf.F32).tensors {
			got += max(1, tensor.Rows) * tensor.Cols
		}
		if got != c.want {
			t.Errorf("%s has %d parameters, want %d", c.shape.name, got, c.want)
		}
	}
}

// A row that is not whole blocks is stored as F16, all others as requested.
func TestLlamaFallback(t *testing.T) {
	for _, tensor := range llamaMamba.file(gguf.Q4_0).tensors {
		want := gguf.F32
		switch name := tensor.Name[strings.LastIndex(tensor.Name, ".ssm_")+1:]; name {
		case "token_embd.weight", "ssm_in.weight", "ssm_x.weight", "ssm_out.weight":
			want = gguf.Q4_0
		case "ssm_dt.weight":
			want = gguf.F16
		}
		if tensor.Type != want {
			t.Errorf("%s is %s, want %s", tensor.Name, tensor.Type, want)
		}
	}
}

func TestTaskRoundTrip(t *testing.T) {
	for _, want := range []task{{"gemm", []int{1, 2, 3, 4}}, {"prefill", []int{512}}, {op: "start"}} {
		got, err := parseTask(want.String())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(task{})); diff != "" {
			t.Error(diff)
		}
	}
	for _, line := range []string{"", "gemm 1 x"} {
		if _, err := parseTask(line); err == nil {
			t.Errorf("%q was read", line)
		}
	}
}

// A contender in another process answers tasks with times, and says what is wrong with bad ones.
func TestProductChild(t *testing.T) {
	c, err := startSelf(t.Context(), "int8a8", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if !strings.Contains(c.version(), "int8a8") {
		t.Errorf("version %q does not name the format", c.version())
	}
	for range 2 {
		took, err := c.run(t.Context(), task{"gemm", []int{8, 64, 64, 10}})
		if err != nil {
			t.Fatal(err)
		}
		if took.own <= 0 || took.host < took.own {
			t.Errorf("took %v by its clock and %v by ours", took.own, took.host)
		}
	}
	if _, err := c.run(t.Context(), task{"prefill", []int{512}}); err == nil || !strings.Contains(err.Error(), "no product") {
		t.Errorf("error %v, want one that names the task", err)
	}
	if _, err := startSelf(t.Context(), "int3", 1); err == nil {
		t.Error("a child of an unknown format started")
	}
}

// Really measured products of two contenders end up in a table and in a file with every sample.
func TestMeasureReportPublish(t *testing.T) {
	var w workshop
	g := group{
		name: "g", threads: 1,
		entrants: []entrant{w.product("f32", 1), w.product("int8a8", 1), w.product("int3", 1)},
		tasks:    []task{{"gemv", []int{64, 64, 50}}},
	}
	g.entrants[1].goals = map[string]float64{"gemv": 1e-9}
	s := session{rounds: 3, random: rand.New(rand.NewPCG(1, 1)), progress: io.Discard}
	samples, err := s.measure(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	if err := report(&table, g, samples); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"archbench f32", "x as fast", "≥ 0.00x met", `n/a (unknown precision "int3"`} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in the table:\n%s", want, &table)
		}
	}
	path := filepath.Join(t.TempDir(), "s.jsonl")
	if err := publish(path, thisMachine(3), samples); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	if want := 1 + 1 + 2*4; len(lines) != want { // the machine, the missing contender, two with a warm-up and 3 rounds
		t.Fatalf("%d lines, want %d:\n%s", len(lines), want, data)
	}
	var last sample
	if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil {
		t.Fatal(err)
	}
	if last.Round != 3 || last.Seconds <= 0 || last.Amount != 2*64*64*50 || last.Unit != "FLOP" {
		t.Errorf("last sample is %+v", last)
	}
}

// fading is a contender that works a number of times, then fails.
type fading struct{ left int }

func (f *fading) version() string { return "fading" }
func (f *fading) close()          {}

func (f *fading) run(context.Context, task) (timing, error) {
	if f.left--; f.left < 0 {
		return timing{}, errors.New("it has died")
	}
	return timing{own: time.Second, host: time.Second}, nil
}

// A contender that fails in a later round is not tabulated as if it had run all rounds.
func TestReportTellsLateFailures(t *testing.T) {
	entrants := func(times map[string]int) (list []entrant) {
		for _, name := range []string{"steady", "early", "late"} {
			list = append(list, entrant{name: name, start: func(context.Context, contender) (contender, error) {
				return &fading{times[name]}, nil
			}})
		}
		return list
	}
	g := group{
		name: "g", threads: 1, tasks: []task{{"prefill", []int{1}}},
		entrants: entrants(map[string]int{"steady": 9, "early": 0, "late": 3}), // a warm-up, rounds 1 and 2
	}
	s := session{rounds: 4, random: rand.New(rand.NewPCG(1, 1)), progress: io.Discard}
	samples, err := s.measure(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	if err := report(&got, g, samples); err != nil {
		t.Fatal(err)
	}
	want := "\ng, 1 threads\n" +
		"work       contender             median             range            rate       first is       goal\n" +
		"prefill 1  steady                1.000 s            1.000 s–1.000 s  1 token/s                 \n" +
		"prefill 1  early                 n/a (it has died)                                             \n" +
		"prefill 1  late (until round 3)  1.000 s            1.000 s–1.000 s  1 token/s  1.00x as fast  \n" +
		"late failed in round 3: it has died\n"
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("the table differs (-want +got):\n%s", diff)
	}
}

// A child that answers endlessly is abandoned, not waited for.
func TestChildOfTooLongAnswers(t *testing.T) {
	c, err := startChild(t.Context(), environment(), "sh", "-c", "echo ready sh; read task; head -c 70000 /dev/zero; read task")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.run(t.Context(), task{op: "start"}); err == nil || !strings.Contains(err.Error(), "65536 bytes") {
		t.Errorf("error %v, want one that tells how long an answer may be", err)
	}
}

func TestRatioIsTakenWithinRounds(t *testing.T) {
	// The machine halves its speed in round 3; the peer takes twice as long throughout and misses round 4.
	first := map[int]float64{1: 1, 2: 1, 3: 2, 4: 1}
	peer := map[int]float64{1: 2, 2: 2, 3: 4}
	if got, ok := ratioOf(peer, first); !ok || got != 2 {
		t.Errorf("ratio %g, %v, want 2", got, ok)
	}
	if _, ok := ratioOf(peer, nil); ok {
		t.Error("a ratio without a common round")
	}
	if got := median([]float64{3, 1, 2, 10}); math.Abs(got-2.5) > 1e-15 {
		t.Errorf("median %g, want 2.5", got)
	}
}

func TestVerdict(t *testing.T) {
	work := task{"prefill", []int{512}}
	peer := func(goals map[string]float64) group { return group{entrants: []entrant{{}, {goals: goals}}} }
	limited := group{limit: time.Second, entrants: []entrant{{}, {}, {goals: map[string]float64{"prefill": 2}}}}
	second, half := map[int]float64{1: 1}, map[int]float64{1: .5}
	for _, c := range []struct {
		name           string
		group          group
		i              int
		first, seconds map[int]float64
		ratio, goal    string
	}{
		{"the first", peer(nil), 0, second, second, "", ""},
		{"no goal", peer(nil), 1, half, second, "2.00x as fast", ""},
		{"goal of another operation", peer(map[string]float64{"decode": 3}), 1, half, second, "2.00x as fast", ""},
		{"missed", peer(map[string]float64{"prefill": 3}), 1, half, second, "2.00x as fast", "≥ 3.00x missed"},
		{"the task's goes first", peer(map[string]float64{"prefill": 3, "prefill 512": 2}), 1, half, second, "2.00x as fast", "≥ 2.00x met"},
		{"no round in common", peer(map[string]float64{"prefill": 3}), 1, nil, second, "n/a", ""},
		{"the first within a limit", limited, 0, second, second, "", "≤ 1s met"},
		{"another of ours beyond it", limited, 1, second, map[int]float64{1: 2}, "", "≤ 1s missed"},
		{"a peer beside a limit", limited, 2, half, second, "2.00x as fast", "≥ 2.00x met"},
	} {
		if ratio, goal := verdict(c.group, work, c.i, c.first, c.seconds); ratio != c.ratio || goal != c.goal {
			t.Errorf("%s: %q, %q, want %q, %q", c.name, ratio, goal, c.ratio, c.goal)
		}
	}
}

func TestGroups(t *testing.T) {
	all := new(workshop).groups(2)
	seen := map[string]bool{}
	for _, g := range all {
		if seen[g.name] {
			t.Errorf("two groups are called %s", g.name)
		}
		seen[g.name] = true
		names := map[string]bool{}
		for _, e := range g.entrants {
			if names[e.name] {
				t.Errorf("%s has two contenders %s", g.name, e.name)
			}
			names[e.name] = true
			for key := range e.goals {
				if !g.has(key) {
					t.Errorf("%s: the goal against %s is for %q, which is not measured", g.name, e.name, key)
				}
			}
		}
	}
	if kept := chosen(all, "gemm,start"); len(kept) != 3 {
		t.Errorf("gemm,start chooses %d groups, want 3: %s", len(kept), strconv.Itoa(len(all)))
	}
}

// has reports whether a group has a task, or a task with that operation.
func (g group) has(key string) bool {
	for _, t := range g.tasks {
		if t.op == key || t.String() == key {
			return true
		}
	}
	return false
}
