package exchange

import (
	"encoding/json"
	"io"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/stat"

	"github.com/archbench/archbench/harness/internal/record"
	own "github.com/archbench/archbench/harness/internal/stat"
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
			r.Times = append(r.Times, s.Value)
			r.ExitCodes = append(r.ExitCodes, new(int))
		}
		r.summarise()
		f.Results = append(f.Results, r)
	})
	if f.Results == nil {
		return nil, nothing("hyperfine's JSON", runs)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return untimed(runs), e.Encode(f)
}

// summarise fills in what follows from the times.
func (r *hyperfineResult) summarise() {
	r.Mean, r.Median = stat.Mean(r.Times, nil), own.MedianOf(r.Times)
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
