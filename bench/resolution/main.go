// Command resolution shows how small a difference each way of making a sample from calls finds. It reads a run in which the
// same model is measured several times, slowed by known shares (see slowed), so that the truth is known:
//
//	bench/resolution/record.sh DB BLOCKS
//	go run ./bench/resolution -db DB
//
// Stretches of consecutive blocks stand for runs. In each the models are compared with the first as archbench does it: the
// median of the blocks' log ratios by a sign test at 5 %.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math"
	"os/exec"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

func main() {
	log.SetFlags(0)
	binary := flag.String("archbench", "bin/archbench", "archbench executable")
	db := flag.String("db", "", "database of the run")
	run := flag.String("run", "", "run (default: the latest)")
	blocks := flag.Int("blocks", 10, "blocks of a stretch")
	flag.Parse()
	cells, err := read(*binary, *db, *run)
	if err != nil {
		log.Fatal(err)
	}
	for _, group := range groups(cells) {
		fmt.Println(table(group, *blocks))
	}
}

// cell is what is known of a model at a point: the values of its calls by block.
type cell struct {
	model, probe string
	calls        map[int][]float64
}

// read loads the timed cells of a run through archbench's own output.
func read(binary, db, run string) (cells []cell, err error) {
	show := func(what string, each func(line map[string]any)) error {
		out, err := exec.Command(binary, "show", what, "--db", db, "-o", "jsonl").Output()
		if err != nil {
			return fmt.Errorf("%s show %s: %w", binary, what, err)
		}
		lines := bufio.NewScanner(bytes.NewReader(out))
		lines.Buffer(nil, 1<<24)
		for lines.Scan() {
			var line map[string]any
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				return err
			}
			each(line)
		}
		return lines.Err()
	}
	if run == "" {
		out, err := exec.Command(binary, "runs", "list", "--db", db, "-o", "jsonl").Output()
		if err != nil {
			return nil, fmt.Errorf("%s runs list: %w", binary, err)
		}
		var first struct{ Run string }
		if err := json.NewDecoder(bytes.NewReader(out)).Decode(&first); err != nil {
			return nil, err
		}
		run = first.Run
	}
	var ids []string
	if err := show(run, func(line map[string]any) { ids = append(ids, line["cell"].(string)) }); err != nil {
		return nil, err
	}
	for _, id := range ids {
		c := cell{calls: map[int][]float64{}}
		err := show(id, func(line map[string]any) {
			if line["host_seconds"] == nil {
				return // no timing
			}
			c.model, c.probe = line["model"].(string), line["probe"].(string)
			block := int(line["block"].(float64))
			values, _ := line["calls"].([]any)
			if values == nil {
				values = []any{line["value"]}
			}
			for _, v := range values {
				c.calls[block] = append(c.calls[block], v.(float64))
			}
		})
		if err != nil {
			return nil, err
		}
		if len(c.calls) > 0 {
			cells = append(cells, c)
		}
	}
	return cells, nil
}

// groups puts the cells of a probe together, in their order.
func groups(cells []cell) (all [][]cell) {
	at := map[string]int{}
	for _, c := range cells {
		i, ok := at[c.probe]
		if !ok {
			i = len(all)
			at[c.probe], all = i, append(all, nil)
		}
		all[i] = append(all[i], c)
	}
	return all
}

// estimator makes the log ratio of a block from the calls of two models, in round order.
type estimator struct {
	name string
	of   func(base, other []float64) float64
}

// ofEach compares summaries of the calls of each model.
func ofEach(summary func([]float64) float64) func(base, other []float64) float64 {
	return func(base, other []float64) float64 { return math.Log(summary(other) / summary(base)) }
}

// inRounds summarises the log ratios of the rounds.
func inRounds(summary func([]float64) float64) func(base, other []float64) float64 {
	return func(base, other []float64) float64 {
		logs := make([]float64, min(len(base), len(other)))
		for i := range logs {
			logs[i] = math.Log(other[i] / base[i])
		}
		return summary(logs)
	}
}

func quantile(p float64) func([]float64) float64 {
	return func(values []float64) float64 {
		sorted := slices.Sorted(slices.Values(values))
		at := p * float64(len(sorted)-1)
		low := int(at)
		high := min(low+1, len(sorted)-1)
		return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
	}
}

func first(values []float64) float64 { return values[0] }

func mean(values []float64) float64 { return stat.Mean(values, nil) }

// trimmed is the mean without the lowest and highest fifths.
func trimmed(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	cut := len(sorted) / 5
	return mean(sorted[cut : len(sorted)-cut])
}

var estimators = []estimator{
	{"first call", ofEach(first)},
	{"mean", ofEach(mean)},
	{"median", ofEach(quantile(0.5))},
	{"lower quartile", ofEach(quantile(0.25))},
	{"lower decile", ofEach(quantile(0.1))},
	{"minimum", ofEach(quantile(0))},
	{"median of the rounds' log ratios", inRounds(quantile(0.5))},
	{"trimmed mean of the rounds' log ratios", inRounds(trimmed)},
}

// table compares the estimators over a probe's cells. The second model is the first one again: its share of found
// differences is that of false ones, and the effect found in 80 % of the stretches comes from shifting its log ratios.
func table(cells []cell, blocks int) string {
	var b strings.Builder
	base, same := cells[0], cells[1]
	fmt.Fprintf(&b, "## %s: %d blocks, %d calls\n\n| estimator | sd %s | 80 %% power at |", base.probe, len(base.calls), len(base.calls[0]), same.model)
	for _, c := range cells[1:] {
		fmt.Fprintf(&b, " %s found | shown |", c.model)
	}
	b.WriteString("\n|---|---|---|" + strings.Repeat("---|---|", len(cells)-1) + "\n")
	for _, e := range estimators {
		logs := e.logs(base, same)
		fmt.Fprintf(&b, "| %s | %.1f %% | %.1f %% |", e.name, 100*stat.StdDev(logs, nil), 100*detectable(logs, blocks))
		for _, c := range cells[1:] {
			logs := e.logs(base, c)
			fmt.Fprintf(&b, " %.2f | %+.1f %% |", found(logs, blocks), 100*math.Expm1(quantile(0.5)(logs)))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// logs are the log ratios of the blocks that both have, in order.
func (e estimator) logs(base, other cell) (logs []float64) {
	for block := range len(base.calls) {
		if b, o := base.calls[block], other.calls[block]; len(b) > 0 && len(o) > 0 {
			logs = append(logs, e.of(b, o))
		}
	}
	return logs
}

// found is the share of stretches in which a sign test finds a difference.
func found(logs []float64, blocks int) float64 {
	hits, stretches := 0, max(1, len(logs)-blocks+1)
	for at := range stretches {
		positive := 0
		for _, l := range logs[at:min(at+blocks, len(logs))] {
			if l > 0 {
				positive++
			}
		}
		tail := distuv.Binomial{N: float64(blocks), P: 0.5}.CDF(float64(min(positive, blocks-positive)))
		if 2*tail < 0.05 {
			hits++
		}
	}
	return float64(hits) / float64(stretches)
}

// detectable is the least true effect that is found in 80 % of the stretches, the median of the log ratios taken out.
func detectable(logs []float64, blocks int) float64 {
	centre := quantile(0.5)(logs)
	for effect := 0.0; effect < 1; effect += 0.001 {
		shifted := make([]float64, len(logs))
		for i, l := range logs {
			shifted[i] = l - centre + effect
		}
		if found(shifted, blocks) >= 0.8 {
			return effect
		}
	}
	return math.NaN()
}
