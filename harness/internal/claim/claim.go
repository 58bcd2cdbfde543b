// Package claim sets what papers and guides claim beside what a run measured. A ledger is a YAML file with the claims, their
// sources and their evidence; claims/claims.yaml ships with archbench.
package claim

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/archbench/archbench/claims"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// Claim is one statement of a source.
type Claim struct {
	ID       string   `yaml:"id"`
	Text     string   `yaml:"text"`
	Source   string   `yaml:"source"`
	Evidence string   `yaml:"evidence"` // one of evidences
	About    []string `yaml:"about"`    // architectures

	// What a run can measure of it: a quantity of the models with these factors, or its ratio to that of other models at the
	// same point, lies between two bounds.
	Quantity string            `yaml:"quantity"`
	Model    map[string]string `yaml:"model"`
	Against  map[string]string `yaml:"against"`
	Between  []Bound           `yaml:"between"`
	// Incomparable says why no run can measure it; then it has no quantity.
	Incomparable string `yaml:"not_comparable"`
}

// Bound is a number; .inf and -.inf leave a side open.
type Bound = float64

// evidences are what a source may offer for a claim.
var evidences = []string{"measured", "arithmetic", "simulated", "target", "none"}

// MostSize bounds a ledger, in bytes.
const MostSize = 1 << 20

// most bounds the claims of a ledger.
const most = 1000

// Builtin returns the claims that ship with archbench.
func Builtin() []Claim {
	all, err := Parse("claims.yaml", claims.YAML)
	if err != nil {
		panic(err) // a test parses it
	}
	return all
}

// Parse reads a ledger; file is its name in errors, which name line and column or the claim.
func Parse(file string, data []byte) ([]Claim, error) {
	var ledger struct {
		Claims []Claim `yaml:"claims"`
	}
	if err := yaml.UnmarshalWithOptions(data, &ledger, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%s: %s", file, strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	if len(ledger.Claims) == 0 || len(ledger.Claims) > most {
		return nil, fmt.Errorf("%s: a ledger has 1 to %d claims below the key claims, not %d", file, most, len(ledger.Claims))
	}
	seen := map[string]bool{}
	for i, c := range ledger.Claims {
		err := c.check()
		if err == nil && seen[c.ID] {
			err = errors.New("its id is used twice")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: claim %d (%s): %w", file, i+1, c.ID, err)
		}
		seen[c.ID] = true
	}
	return ledger.Claims, nil
}

// check reports what is wrong with a claim.
func (c *Claim) check() error {
	switch {
	case c.ID == "" || c.Text == "" || c.Source == "":
		return errors.New("it needs an id, a text and a source")
	case !slices.Contains(evidences, c.Evidence):
		return fmt.Errorf("its evidence is one of %s, not %q", strings.Join(evidences, ", "), c.Evidence)
	case c.Incomparable != "" && c.Quantity != "":
		return errors.New("it has both a quantity and a reason why it is not comparable")
	case c.Incomparable != "":
		return nil
	case result.Named(c.Quantity) == nil:
		return fmt.Errorf("unknown quantity %q; there are %s; or say why it is not_comparable", c.Quantity, strings.Join(result.QuantityNames(), ", "))
	case c.factors() != nil:
		return c.factors()
	case len(c.Model) == 0:
		return errors.New("it needs the factors of a model, for example model: {architecture: gpt2}")
	case len(c.Between) != 2 || math.IsNaN(c.Between[0]) || math.IsNaN(c.Between[1]) || c.Between[0] > c.Between[1]:
		return errors.New("between has a lower and an upper bound, for example [3, 5] or [-.inf, 0.3]")
	}
	return nil
}

// factors reports an unknown factor. Options of plugins are factors only of the runs that have them.
func (c *Claim) factors() error {
	for _, selected := range []map[string]string{c.Model, c.Against} {
		for name := range selected {
			if names := slices.DeleteFunc(result.FactorNames(), func(n string) bool { return n == "point" }); !slices.Contains(names, name) {
				return fmt.Errorf("unknown factor %q; there are %s", name, strings.Join(names, ", "))
			}
		}
	}
	return nil
}

// The verdicts on a claim.
const (
	Supported     = "supported"
	Contradicted  = "contradicted"
	Undecided     = "cannot tell"
	NotMeasured   = "not measured"
	NotComparable = "not comparable"
)

// Table sets the claims about a run's architectures beside what the run measured. It is empty if there are none.
func Table(run *record.Run, all []Claim) table.Table {
	t := table.Table{ID: "claims", Title: "What was claimed",
		Caption: "claims of papers and guides beside this run; evidence is what their source offers",
		Columns: append(table.Keys("claim"), table.Column{Name: "source"}, table.Column{Name: "evidence"}, table.Column{Name: "claimed"},
			table.Column{Name: "measured"}, table.Column{Name: "verdict"}),
		Frame: &table.Frame{Keys: []string{"run", "id", "claim", "source", "evidence", "quantity", "claimed_lo", "claimed_hi", "lo", "hi", "points", "verdict", "reason", "cells"}}}
	ix := result.New(run)
	for _, c := range all {
		if !slices.ContainsFunc(run.Models, func(m record.Model) bool { return slices.Contains(c.About, m.Architecture) }) {
			continue
		}
		t.Rows, t.Frame.Rows = append(t.Rows, nil), append(t.Frame.Rows, nil)
		t.Rows[len(t.Rows)-1], t.Frame.Rows[len(t.Rows)-1] = c.row(ix)
	}
	return t
}

// row is the claim beside what was measured, for people and for programs.
func (c *Claim) row(ix *result.Index) (people []table.Value, program []any) {
	people = []table.Value{table.Text(c.Text), table.Text(c.Source), table.Text(c.Evidence)}
	program = []any{ix.Run.ID, c.ID, c.Text, c.Source, c.Evidence, table.Word(c.Quantity)}
	if c.Incomparable != "" {
		return append(people, table.None, table.Unavailable(c.Incomparable), table.Text(NotComparable)),
			append(program, nil, nil, nil, nil, 0, NotComparable, c.Incomparable, nil)
	}
	people, program = append(people, table.Text(c.claimed())), append(program, finite(c.Between[0]), finite(c.Between[1]))
	found := ix.Measured(result.Named(c.Quantity), c.Model, c.Against)
	if len(found) == 0 {
		const reason = "this run has no such cells"
		return append(people, table.Unavailable(reason), table.Text(NotMeasured)), append(program, nil, nil, 0, NotMeasured, reason, nil)
	}
	lo, hi, cells := math.Inf(1), math.Inf(-1), []string{}
	for _, m := range found {
		lo, hi, cells = math.Min(lo, m.Lo), math.Max(hi, m.Hi), append(cells, m.Cells...)
	}
	measured := table.Text(fmt.Sprintf("%s at %s", c.between(lo, hi), result.Describe(len(found), "point")))
	measured.Cells = cells
	verdict := c.verdict(found)
	return append(people, measured, table.Text(verdict)), append(program, finite(lo), finite(hi), len(found), verdict, nil, cells)
}

// verdict judges the claim by all points: one interval wholly outside contradicts it, all within support it.
func (c *Claim) verdict(found []result.Measurement) string {
	within := 0
	for _, m := range found {
		switch {
		case m.Lo > c.Between[1] || m.Hi < c.Between[0]:
			return Contradicted
		case m.Lo >= c.Between[0] && m.Hi <= c.Between[1]:
			within++
		}
	}
	if within == len(found) {
		return Supported
	}
	return Undecided
}

// claimed formats the bounds with the quantity.
func (c *Claim) claimed() string {
	return result.Named(c.Quantity).Title + " " + c.between(c.Between[0], c.Between[1])
}

// between formats a range of the quantity or, of a claim about two models, of the factor between them.
func (c *Claim) between(lo, hi float64) string {
	format := func(v float64) string {
		if c.Against != nil {
			return unit.Number(math.Round(v*1000)/1000) + "x"
		}
		return unit.Format(v, result.Named(c.Quantity).Unit)
	}
	switch {
	case math.IsInf(lo, -1) && math.IsInf(hi, 1):
		return "not bounded"
	case math.IsInf(lo, -1):
		return "at most " + format(hi)
	case math.IsInf(hi, 1):
		return "at least " + format(lo)
	case lo == hi:
		return format(lo)
	}
	return format(lo) + " to " + format(hi)
}

// finite is a bound for programs, nil if there is none.
func finite(v float64) any {
	if math.IsInf(v, 0) {
		return nil
	}
	return v
}
