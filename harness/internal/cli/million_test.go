package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/store"
)

// BenchmarkMillion times the commands on databases of a million samples (bench/README.md). Each command must take less than a
// second on two cores; the report with its figures is no query and may take longer.
func BenchmarkMillion(b *testing.B) {
	for _, shape := range []struct {
		name string
		runs func() []*record.Run
	}{
		{"suites", func() []*record.Run { return []*record.Run{suites("r-0", 200)} }},
		{"blocks", func() []*record.Run { return []*record.Run{blocks("r-0", 10_000)} }},
		{"runs", func() (runs []*record.Run) {
			for i := range 50 {
				runs = append(runs, suites(fmt.Sprintf("r-%d", i), 4))
			}
			return runs
		}},
	} {
		b.Run(shape.name, func(b *testing.B) {
			b.Chdir(b.TempDir())
			runs := shape.runs()
			cell := runs[0].Cells[0].ID
			b.Run("insert", func(b *testing.B) { insertAll(b, runs) })
			for _, args := range []string{"runs list", "compare r-0", "show r-0", "show r-0 -o json", "show " + cell, "report r-0 -o json", "report r-0"} {
				b.Run(strings.ReplaceAll(args, cell, "CELL"), func(b *testing.B) {
					for b.Loop() {
						var said strings.Builder
						if code := execute(b.Context(), strings.Fields(args), strings.NewReader(""), io.Discard, &said, "bench"); code != ExitOK {
							b.Fatalf("exit code %d: %s", code, &said)
						}
					}
				})
			}
		})
	}
}

// insertAll stores the runs in the default database, where the commands find them.
func insertAll(b *testing.B, runs []*record.Run) {
	n := 0
	for b.Loop() {
		db, err := store.Open(b.Context(), defaultDB)
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range runs {
			_ = db.Remove(b.Context(), r.ID) // of the iteration before
			if err := db.AddRun(b.Context(), r); err != nil {
				b.Fatal(err)
			}
			for _, c := range r.Cells {
				n += len(c.Samples)
			}
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "samples/s")
}

// fakeRun is a run of four models whose samples are noise of one percent.
type fakeRun struct {
	*record.Run
	random *rand.Rand
}

func newFakeRun(id string) fakeRun {
	r := fakeRun{&record.Run{ID: id, Started: time.Unix(1700000000, 0).UTC(), Ended: time.Unix(1700000300, 0).UTC(), Status: record.Done, Seed: 1,
		Version: "bench", Command: "archbench run speed", Suites: []string{"speed 1"}, Host: record.Host{ID: "h", Fingerprint: "h"}}, rand.New(rand.NewPCG(20, 26))}
	for _, name := range []string{"gpt2", "bk", "mamba", "mistral"} {
		r.Models = append(r.Models, record.Model{Name: name, Architecture: name, Checkpoint: name, WeightsSHA: name, PluginSHA: name, Precision: "f32",
			Threads: 2, Parameters: 3e6, WeightBytes: 12e6, Causal: true, StateKind: "kv"})
	}
	return r
}

// cells adds a measured cell for each model.
func (r fakeRun) cells(kind string, repeats int, fill func(c *record.Cell), point ...string) {
	for i := range r.Models {
		c := record.Cell{Suite: "speed", Probe: kind, Model: r.Models[i].Name, Status: record.OK, Repeats: repeats, Rounds: 1}
		for k := 0; k < len(point); k += 2 {
			c.Point = append(c.Point, record.Coordinate{Name: point[k], Value: point[k+1]})
		}
		sum := sha256.Sum256([]byte(kind + c.Model + c.Point.String()))
		c.ID = hex.EncodeToString(sum[:])
		fill(&c)
		r.Cells = append(r.Cells, c)
	}
}

// timed is a sample of a time of about a millisecond with a number of calls.
func (r fakeRun) timed(metric, label string, block, calls int) record.Sample {
	s := record.Sample{Metric: metric, Label: label, Unit: "s", Block: block, Position: block % 40, Value: 1e-3 * (1 + 0.01*r.random.ExpFloat64())}
	s.Plugin = time.Duration(s.Value * 1e9)
	s.Host = s.Plugin + 90*time.Microsecond
	for range calls {
		s.Calls = append(s.Calls, s.Value*(1+0.01*r.random.ExpFloat64()))
	}
	return s
}

// suites is a run as the suites make it, of some 5,000 samples per block.
func suites(id string, blocks int) *record.Run {
	r := newFakeRun(id)
	readings := []record.Reading{{Name: "steal", Value: 0.01}, {Name: "cpu pressure", Value: 0.02}, {Name: "frequency", Reason: "no cpufreq"}}
	for n := 128; n <= 65536; n *= 2 {
		r.cells("prefill", blocks, func(c *record.Cell) {
			for block := range blocks {
				s := r.timed(probe.PrefillSeconds, "", block, 20)
				s.Readings = readings
				c.Samples = append(c.Samples, s)
			}
		}, "len", strconv.Itoa(n), "batch", "1")
	}
	for depth := 64; depth <= 18*64; depth += 64 {
		r.cells("decode", blocks, func(c *record.Cell) {
			for block := range blocks {
				s := r.timed(probe.DecodeSeconds, "", block, 5)
				s.Readings = readings
				c.Samples = append(c.Samples, s)
				for step := range 64 {
					c.Samples = append(c.Samples, r.timed(probe.StepSeconds, strconv.Itoa(step+1), block, 0))
				}
			}
		}, "depth", strconv.Itoa(depth), "batch", "1")
	}
	r.cells("quality", 1, func(c *record.Cell) {
		for d := range 48 {
			name := fmt.Sprintf("document %d", d)
			for metric, v := range map[string]float64{probe.DocumentNats: 500 + 10*r.random.Float64(), probe.DocumentBytes: 600, probe.DocumentTokens: 200} {
				c.Samples = append(c.Samples, record.Sample{Metric: metric, Label: name, Value: v})
			}
		}
	}, "context", "256", "stride", "128")
	return r.Run
}

// blocks is a run with as many blocks as a cell may have, and one sample in each.
func blocks(id string, blocks int) *record.Run {
	r := newFakeRun(id)
	for n := range 25 {
		r.cells("prefill", blocks, func(c *record.Cell) {
			for block := range blocks {
				c.Samples = append(c.Samples, r.timed(probe.PrefillSeconds, "", block, 0))
			}
		}, "len", strconv.Itoa(128*(n+1)), "batch", "1")
	}
	return r.Run
}
