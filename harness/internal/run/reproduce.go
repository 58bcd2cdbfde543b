package run

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/shell"
	"github.com/archbench/archbench/harness/internal/suite"
)

// kernelVariable forces the kernels of every plugin, which are part of a cell's identity.
const kernelVariable = "ARCHBENCH_KERNEL"

// reproduce returns a command that measures one cell alone into the same database. It works from any folder.
func reproduce(db string, r *record.Run, m *record.Model, c *record.Cell) string {
	words := []string{"archbench", "run", cmp.Or(fact(r, suiteFact+c.Suite), c.Suite), "--probe", c.Probe, "--model", modelWord(m)}
	if m.PluginPath != "" {
		words = append(words, "--plugin", m.Architecture+"="+m.PluginPath)
	}
	if m.Checkpoint == "" {
		words = append(words, "--init", strconv.FormatUint(m.Seed, 10))
	}
	if m.Head != "" {
		words = append(words, "--head", m.Head)
	}
	if m.Device != "" && m.Device != "cpu" {
		words = append(words, "--device", m.Device)
	}
	for _, key := range slices.Sorted(maps.Keys(m.Options)) {
		words = append(words, "--option", key+"="+m.Options[key])
	}
	if m.Tokenizer.Asked != "" {
		words = append(words, "--tokenizer", m.Tokenizer.Asked)
	}
	words = append(words, "--set", "precision="+m.Precision)
	for _, setting := range slices.Concat(c.Point, c.Params) {
		words = append(words, "--set", setting.Name+"="+setting.Value)
	}
	if probe.Find(c.Probe).Timing {
		words = append(words, "--set", "repeats="+strconv.Itoa(c.Repeats))
	}
	words = append(words, "--seed", strconv.FormatUint(r.Seed, 10), "--threads", strconv.Itoa(m.Threads))
	if budget, _ := time.ParseDuration(fact(r, budgetFact)); budget > 0 {
		words = append(words, "--budget", budget.String())
	}
	if r.Corpus != "" {
		words = append(words, "--corpus", r.Corpus)
	}
	line := shell.Join(append(words, "--db", db)...)
	if kernels := os.Getenv(kernelVariable); kernels != "" {
		line = kernelVariable + "=" + shell.Quote(kernels) + " " + line
	}
	return line
}

// modelWord returns a model as an argument of --model.
func modelWord(m *record.Model) string {
	return fmt.Sprintf("%s=%s:%s@%s", m.Name, m.Architecture, cmp.Or(m.Checkpoint, m.Variant), m.Precision)
}

// Names of facts that a command depends on.
const (
	budgetFact = "budget"
	suiteFact  = "suite " // followed by a suite's name: the file of a suite that does not ship with archbench
)

// suiteFacts records the files of the user's own suites.
func suiteFacts(suites []*suite.Suite) (facts []record.Fact) {
	for _, s := range suites {
		for _, p := range s.Parts {
			if p.File != "" {
				facts = addNew(facts, []record.Fact{{Name: suiteFact + p.Suite, Value: p.File}})
			}
		}
	}
	return facts
}

// fact returns the value of the first fact of a name, or "".
func fact(r *record.Run, name string) string {
	for _, f := range r.Facts {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}
