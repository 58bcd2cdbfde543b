package exchange

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/stat"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	ours "github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/internal/strictjson"
)

// hyperfineFile is what hyperfine --export-json writes.
type hyperfineFile struct {
	Results []hyperfineResult `json:"results"`
}

// hyperfineResult is one command. User and system time are those of the average run.
type hyperfineResult struct {
	Command    string            `json:"command"`
	Mean       float64           `json:"mean"`
	Stddev     *float64          `json:"stddev"` // of at least two runs
	Median     float64           `json:"median"`
	User       *float64          `json:"user"`
	System     *float64          `json:"system"`
	Min        float64           `json:"min"`
	Max        float64           `json:"max"`
	Times      []float64         `json:"times"`
	Memory     []float64         `json:"memory_usage_byte,omitempty"`
	ExitCodes  []*int            `json:"exit_codes"` // null: ended by a signal
	Parameters map[string]string `json:"parameters,omitempty"`
}

// writeHyperfine writes one command per cell, with one time per block: both tools start a fresh process for each. Calls have
// no exit code of their own; those with a time succeeded.
func writeHyperfine(w io.Writer, runs []*record.Run) ([]string, error) {
	var f hyperfineFile
	timed(runs, func(run *record.Run, c *record.Cell, samples []record.Sample) {
		r := hyperfineResult{Command: c.Probe + " " + c.Model + " " + c.Point.String(), Parameters: parameters(run, c, samples[0].Metric)}
		for _, s := range samples {
			for _, v := range numbers(run, s) {
				r.Times = append(r.Times, v)
				r.ExitCodes = append(r.ExitCodes, new(int))
			}
		}
		r.summarise()
		f.Results = append(f.Results, r)
	})
	if f.Results == nil {
		return nil, nothing("hyperfine's JSON", runs)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return untold(runs), e.Encode(f)
}

// summarise fills in what follows from the times.
func (r *hyperfineResult) summarise() {
	r.Mean, r.Median = stat.Mean(r.Times, nil), ours.MedianOf(r.Times)
	r.Min, r.Max = slices.Min(r.Times), slices.Max(r.Times)
	if len(r.Times) > 1 {
		deviation := stat.StdDev(r.Times, nil)
		r.Stddev = &deviation
	}
}

// parameters tell a cell from others.
func parameters(run *record.Run, c *record.Cell, metric string) map[string]string {
	m := model(run, c)
	all := map[string]string{
		"run": run.ID, "cell": c.ID, "probe": c.Probe, "metric": metric, "model": c.Model, "precision": m.Precision,
		"threads": strconv.Itoa(m.Threads), "host": run.Host.Fingerprint, "plugin_sha256": m.PluginSHA,
	}
	for _, p := range slices.Concat(c.Params, c.Point) {
		all[p.Name] = p.Value
	}
	return all
}

// isHyperfine reports whether JSON looks like that of hyperfine.
func isHyperfine(text []byte) bool {
	return text[0] == '{' && bytes.HasPrefix(bytes.TrimSpace(text[1:]), []byte(`"results"`))
}

// hyperfine reads commands with their times, each of a process of its own. Means and other summaries follow from the times;
// user and system time are not kept, because the file has only their means.
func (r *reading) hyperfine(data []byte) error {
	if err := strictjson.Explain(data); err != nil {
		return fmt.Errorf("%s: %w", r.file, err)
	}
	var f hyperfineFile
	if err := json.Unmarshal(data, &f); err != nil {
		return r.errorf("results", "%s", explain(err))
	}
	if len(f.Results) == 0 {
		return r.errorf("results", "no command")
	}
	r.tell("tool", "hyperfine", "")
	r.tell("tool version", "", "hyperfine does not write it")
	r.run.Host.Facts = []record.Fact{fact("cpu", "", "hyperfine does not write it")}
	models := map[string]string{} // names by command and parameters
	for i := range f.Results {
		if err := r.command(models, fmt.Sprintf("results[%d]", i), &f.Results[i]); err != nil {
			return err
		}
	}
	return nil
}

// command reads one result. A command that archbench exported is a cell again; any other is a model of its own.
func (r *reading) command(models map[string]string, place string, h *hyperfineResult) error {
	if err := r.check(place, h); err != nil {
		return err
	}
	metric, m := probe.TaskSeconds, record.Model{Options: h.Parameters}
	key := h.Command + "\x00" + spelled(h.Parameters)
	names := []string{h.Command, h.Command + " " + spelled(h.Parameters)}
	p, point, params, ours := own(h.Parameters["metric"], func(name string) string { return h.Parameters[name] })
	if ours = ours && h.Parameters["model"] != ""; ours {
		metric = h.Parameters["metric"]
		threads, _ := strconv.Atoi(h.Parameters["threads"]) // 0: not known
		m = record.Model{Precision: h.Parameters["precision"], Threads: threads}
		key = h.Parameters["run"] + "\x00" + h.Parameters["model"]
		names = []string{h.Parameters["model"], h.Parameters["model"] + " of " + h.Parameters["run"]}
	} else {
		p = probe.Imported[0]
	}
	if models[key] == "" {
		name, err := r.model(m, names...)
		if err != nil {
			return err
		}
		models[key] = name
	}
	c, err := r.cell(models[key], p.Name, point, params)
	if err != nil {
		return err
	}
	return r.processes(c, metric, h)
}

// processes adds a block for each time.
func (r *reading) processes(c *record.Cell, metric string, h *hyperfineResult) error {
	first := blocks(c)
	if metric == probe.TaskSeconds && h.Memory == nil && c.Missing == nil {
		c.Missing = []record.Missing{{Metric: probe.TaskPeakBytes, Reason: "the file has no memory_usage_byte"}}
	}
	for i, t := range h.Times {
		if err := r.add(c, first+i, metric, unit.Second, t); err != nil {
			return err
		}
		if h.Memory != nil {
			if err := r.add(c, first+i, probe.TaskPeakBytes, unit.Byte, h.Memory[i]); err != nil {
				return err
			}
		}
	}
	if failed := slices.DeleteFunc(slices.Clone(h.ExitCodes), func(code *int) bool { return code != nil && *code == 0 }); len(failed) > 0 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%d of %d processes failed", len(failed), len(h.Times)))
	}
	return nil
}

// check rejects a result whose numbers cannot be.
func (r *reading) check(place string, h *hyperfineResult) error {
	switch {
	case h.Command == "":
		return r.errorf(place+".command", "blank")
	case len(h.Times) == 0:
		return r.errorf(place+".times", "no times; hyperfine writes them with --export-json")
	case h.Memory != nil && len(h.Memory) != len(h.Times):
		return r.errorf(place+".memory_usage_byte", "%d values for %d times", len(h.Memory), len(h.Times))
	case h.ExitCodes != nil && len(h.ExitCodes) != len(h.Times):
		return r.errorf(place+".exit_codes", "%d values for %d times", len(h.ExitCodes), len(h.Times))
	}
	for i, t := range h.Times {
		if err := checkSeconds(t); err != nil {
			return r.errorf(fmt.Sprintf("%s.times[%d]", place, i), "%w", err)
		}
	}
	for i, bytes := range h.Memory {
		if bytes < 0 {
			return r.errorf(fmt.Sprintf("%s.memory_usage_byte[%d]", place, i), "negative: %g", bytes)
		}
	}
	return nil
}

// spelled writes parameters in order: "threads=2 size=8".
func spelled(parameters map[string]string) string {
	var p record.Point
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		p = append(p, record.Coordinate{Name: name, Value: parameters[name]})
	}
	return p.String()
}
