package exchange

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/unit"
)

// writeBenchFile writes runs that have times.
func writeBenchFile(w io.Writer, runs []*record.Run) ([]string, error) {
	if !slices.ContainsFunc(runs, func(r *record.Run) bool {
		return slices.ContainsFunc(r.All(), func(c *record.Cell) bool { return len(times(c)) > 0 })
	}) {
		return nil, nothing("the Go benchmark format", runs)
	}
	return untimed(runs), WriteBench(w, runs...)
}

// WriteBench writes the timed samples of runs in the Go benchmark format, one line per block, for benchstat:
// BenchmarkPrefill/model=gpt2/len=512-2 1 0.0101 sec/op 50693 tokens/sec. The keys before the lines of a run hold for it alone.
func WriteBench(w io.Writer, runs ...*record.Run) error {
	var b bytes.Buffer
	var before []string
	for _, run := range runs {
		var keys []string
		for _, f := range run.Host.Facts {
			keys = append(keys, strings.ReplaceAll(f.Name, " ", "-"))
			fmt.Fprintf(&b, "%s: %s\n", keys[len(keys)-1], oneLine(f.Words()))
		}
		for _, key := range before {
			if !slices.Contains(keys, key) {
				fmt.Fprintf(&b, "%s:\n", key)
			}
		}
		before = keys
		fmt.Fprintf(&b, "%s: %s\n\n", runKey, run.ID)
		for _, c := range run.All() {
			benchCell(&b, run, c)
		}
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("Go benchmark format: %w", err)
	}
	return nil
}

// runKey is the key of the run that lines come from.
const runKey = "archbench-run"

func benchCell(b *bytes.Buffer, run *record.Run, c *record.Cell) {
	name := "/model=" + benchWord(c.Model)
	for _, p := range c.Point {
		name += "/" + benchWord(p.Name) + "=" + benchWord(p.Value)
	}
	for _, s := range times(c) {
		fmt.Fprintf(b, "Benchmark%s%s-%d\t1\t%s sec/op", probe.Lookup(s.Metric).Bench, name, max(model(run, c).Threads, 1), plain(s.Value))
		for _, q := range result.QuantitiesOf(c.Probe) {
			if q.Metric == s.Metric && q.Unit == unit.TokensPerSec {
				fmt.Fprintf(b, "\t%.9g tokens/sec", q.Of(c.Point, s.Value))
			}
		}
		b.WriteByte('\n')
	}
}

// benchWord replaces the characters that separate words and name parts in the format.
func benchWord(s string) string {
	return strings.NewReplacer(" ", "_", "/", "_", "=", "_", "\t", "_", "\n", "_").Replace(s)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// plain writes a number with all its digits.
func plain(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
