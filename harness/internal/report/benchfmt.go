package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/unit"
)

// WriteBench writes the timed samples of a run in the Go benchmark format, one line per block, for benchstat:
// BenchmarkPrefill/model=gpt2/len=512-2 1 0.0101 sec/op 50693 tokens/sec.
func WriteBench(w io.Writer, run *record.Run) error {
	var b bytes.Buffer
	for _, f := range run.Host.Facts {
		fmt.Fprintf(&b, "%s: %s\n", strings.ReplaceAll(f.Name, " ", "-"), oneLine(f.Words()))
	}
	fmt.Fprintf(&b, "archbench-run: %s\n\n", run.ID)
	for i := range run.Cells {
		benchCell(&b, run, &run.Cells[i])
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("run %s in Go benchmark format: %w", run.ID, err)
	}
	return nil
}

func benchCell(b *bytes.Buffer, run *record.Run, c *record.Cell) {
	threads := 1
	for i := range run.Models {
		if run.Models[i].Name == c.Model {
			threads = max(run.Models[i].Threads, 1)
		}
	}
	name := "/model=" + benchWord(c.Model)
	for _, p := range c.Point {
		name += "/" + benchWord(p.Name) + "=" + benchWord(p.Value)
	}
	for _, s := range c.Samples {
		kind := probe.Lookup(s.Metric).Bench
		if kind == "" {
			continue
		}
		fmt.Fprintf(b, "Benchmark%s%s-%d\t1\t%.9g sec/op", kind, name, threads, s.Value)
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
