package exchange

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
)

// llamaTest is one line of llama-bench -o jsonl, as far as its fields are known here. Others depend on its version.
type llamaTest struct {
	Build      string    `json:"build_commit"`
	CPU        string    `json:"cpu_info"`
	Backends   string    `json:"backends"`
	File       string    `json:"model_filename"`
	Type       string    `json:"model_type"`
	Size       int64     `json:"model_size"`
	Parameters int64     `json:"model_n_params"`
	Threads    int       `json:"n_threads"`
	Prompt     int       `json:"n_prompt"`
	Generated  int       `json:"n_gen"`
	Depth      int       `json:"n_depth"`
	Time       string    `json:"test_time"`
	AvgNS      int64     `json:"avg_ns"`
	StddevNS   int64     `json:"stddev_ns"`
	AvgTS      float64   `json:"avg_ts"`
	StddevTS   float64   `json:"stddev_ts"`
	SamplesNS  []int64   `json:"samples_ns"`
	SamplesTS  []float64 `json:"samples_ts"`
}

// writeLlamaBench writes one line per cell, with every call of all blocks as a repetition.
func writeLlamaBench(w io.Writer, runs []*record.Run) (leftOut []string, err error) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	written, foreign := 0, 0
	timed(runs, func(run *record.Run, c *record.Cell, samples []record.Sample) {
		t, ok := llamaShape(c)
		if !ok {
			foreign++
			return
		}
		written++
		t.describe(run, model(run, c))
		t.fill(samples)
		if err == nil {
			err = e.Encode(t)
		}
	})
	if written == 0 {
		return nil, nothing("llama-bench's JSON", runs)
	}
	if foreign > 0 {
		leftOut = append(leftOut, result.Describe(foreign, "cell")+" that llama-bench has no test for: it reads a prompt (prefill) or generates tokens (decode) of one document")
	}
	return append(leftOut, untimed(runs)...), err
}

// llamaShape returns the test that a cell corresponds to. llama-bench has none for several documents at once.
func llamaShape(c *record.Cell) (t llamaTest, ok bool) {
	number := func(name string) int {
		n, _ := strconv.Atoi(c.Point.Get(name) + c.Params.Get(name)) // one of them has it
		return n
	}
	t.Depth = number("depth")
	switch c.Probe {
	case "prefill":
		t.Prompt = number("len")
	case "decode":
		t.Generated = number("tokens")
	}
	return t, number("batch") == 1 && t.tokens() > 0
}

// tokens are those that a sample's time covers.
func (t *llamaTest) tokens() int { return t.Prompt + t.Generated }

// describe adds what was measured, and where.
func (t *llamaTest) describe(run *record.Run, m *record.Model) {
	t.Build, t.Time = run.Version, run.Started.UTC().Format(time.RFC3339)
	for _, f := range run.Host.Facts {
		if f.Name == "cpu" {
			t.CPU = f.Value
		}
	}
	t.Backends, t.File, t.Threads, t.Size, t.Parameters = m.Device, m.Name, m.Threads, m.WeightBytes, m.Parameters
	t.Type = fmt.Sprintf("%s %.4gM %s", m.Architecture, float64(m.Parameters)/1e6, result.PrecisionOf(m))
}

// fill adds the samples. The time of a decoding step is that of one of the generated tokens.
func (t *llamaTest) fill(samples []record.Sample) {
	var ns []float64
	for _, s := range samples {
		for _, seconds := range s.Values() {
			if s.Metric == probe.DecodeSeconds {
				seconds *= float64(t.Generated)
			}
			ns = append(ns, max(1, math.Round(seconds*1e9)))
		}
	}
	for _, x := range ns {
		t.SamplesNS = append(t.SamplesNS, int64(x))
		t.SamplesTS = append(t.SamplesTS, float64(t.tokens())/x*1e9)
	}
	t.AvgNS, t.AvgTS = int64(stat.Mean(ns, nil)), stat.Mean(t.SamplesTS, nil)
	if len(ns) > 1 {
		t.StddevNS, t.StddevTS = int64(stat.StdDev(ns, nil)), stat.StdDev(t.SamplesTS, nil)
	}
}
