package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/ci"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/internal/printable"
)

func (a *app) compareCommand() *cobra.Command {
	var o result.CompareOptions
	var filter, gates []string
	c := &cobra.Command{
		Use: "compare [RUN...]", Short: "Compare the models of a run, or several runs",
		Long: `Compare relates every model of a run (default: the latest) to a base model, by paired blocks; or, given
several runs, each later run to the first. "~" says that no difference is shown.

As with benchstat, --table, --row and --col arrange the cells by factors. Factors are
` + lipgloss.Wrap(strings.Join(result.FactorNames(), ", "), 100, "") + `
and each option of a plugin, by its name; "point" is all axes that are not named elsewhere. Two cells at one place of a
table are an error. A note names the factors in which a column differs from the base although --col does not.

--gate QUANTITY[@POINT]<=BOUND says how much worse than the base a quantity may be, at all points (@*, the default)
or at those with AXIS=VALUE[,AXIS=VALUE]. BOUND is a share of the base's value (+3%) or a difference in the
quantity's unit (+0.01). Worse is a lower speed, and a higher time, size or loss: 'prefill<=+3%' demands at least 97
% of the base's speed, and 'decode<=+3%' at most 103 % of its time. What counts is the 95 % interval of the change:
a gate passes if the whole interval is within the bound, and fails (exit code 1) if it is wholly beyond. Otherwise
it is undecided (exit code 3), and a command is printed that would settle it. A cell without a value is never passed
(exit code 4), and a gate that names no compared cell is an error (exit code 2).

-o github prints annotations for a GitHub workflow and appends the tables to its job summary; -o junit prints a
JUnit report.`,
		Example: `  archbench compare --base gpt2
  archbench compare r-7f3a2c --quantity prefill,decode --models gpt2,gpt2@int8
  archbench compare --col precision --base f32 --quantity decode
  archbench compare --col len --row model --quantity prefill --filter batch=1
  archbench compare r-7f3a2c r-90cc1e -o csv
  archbench compare r-7f3a2c r-90cc1e --gate 'prefill@*<=+3%' --gate 'bpb<=+0.01' -o github
  archbench compare --base old --gate 'decode@depth=128<=+5%'`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			for _, q := range o.Quantities {
				if names := result.QuantityNames(); result.Named(q) == nil {
					return usage("--quantity: unknown %q; there are %s%s", q, strings.Join(names, ", "), didYouMean(q, names))
				}
			}
			for _, text := range gates {
				g, err := result.ParseGate(text)
				if err != nil {
					return usage("--gate %w", err)
				}
				o.Gates = append(o.Gates, g)
			}
			runs, err := a.loadAll(c.Context(), args)
			if err != nil {
				return err
			}
			if o.Filter, err = filters(filter); err != nil {
				return err
			}
			if a.db != defaultDB {
				o.DB = a.db
			}
			compared, err := result.Relate(runs, o)
			switch {
			case errors.Is(err, result.ErrIncomparable):
				return err
			case err != nil:
				return usageError{err}
			}
			if err := a.printCompared(compared); err != nil {
				return err
			}
			return a.gated(compared)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&o.Table, "table", nil, "factors that have a table for each of their values")
	f.StringSliceVar(&o.Rows, "row", nil, "factors that have a row for each of their values (default: quantity, model or family where no other factor tells models apart, point)")
	f.StringSliceVar(&o.Columns, "col", nil, "factors that have a column for each of their values (default: model, or run when several are compared)")
	f.StringArrayVar(&filter, "filter", nil, "FACTOR=VALUE[,VALUE...]: compare only cells with these values")
	f.StringVar(&o.Base, "base", "", "column that the others are held against (default: the first)")
	f.StringSliceVar(&o.Models, "models", nil, "models to compare (default: one per family, or all where precisions or runs are compared)")
	f.StringSliceVar(&o.Quantities, "quantity", nil, "what to compare: "+strings.Join(result.QuantityNames(), ", "))
	f.BoolVar(&o.AcrossHosts, "across-hosts", false, "compare timings of different machines all the same")
	f.StringArrayVar(&gates, "gate", nil, "`GATE` like 'prefill@len=512<=+3%': fail if the quantity is worse than the base by more; repeatable")
	a.output(c, "github", "junit")
	return c
}

// printCompared prints a comparison in the format of -o.
func (a *app) printCompared(c *result.Comparison) error {
	if a.format != "github" && a.format != "junit" {
		return a.print(c.Tables()...)
	}
	findings := c.Findings()
	printable.All(&findings)
	if a.format == "junit" {
		return ci.JUnit(a.out, findings)
	}
	if err := appendSummary(c.Tables()); err != nil {
		return err
	}
	return ci.GitHub(a.out, findings)
}

// summaryVariable names the file whose Markdown GitHub shows below a job.
const summaryVariable = "GITHUB_STEP_SUMMARY"

// appendSummary appends tables to the summary of the workflow's job, if there is one.
func appendSummary(tables []table.Table) error {
	path := os.Getenv(summaryVariable)
	if path == "" {
		return nil
	}
	printable.All(&tables)
	b := bytes.NewBufferString("## archbench compare\n\n")
	if err := table.Write(b, "md", 0, tables...); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("job summary, %s: %w", summaryVariable, err)
	}
	b.WriteByte('\n')
	_, err = f.Write(b.Bytes())
	return errors.Join(err, f.Close())
}

// gated says how many gates pass, and returns the error that selects the exit code if not all do.
func (a *app) gated(c *result.Comparison) error {
	count := map[result.Outcome]int{}
	for _, d := range c.Decisions() {
		count[d.Outcome]++
	}
	if len(count) == 0 {
		return nil
	}
	fmt.Fprintf(a.err, "gates  %d pass, %d fail, %d undecided, %d without a value\n", count[result.Pass], count[result.Fail], count[result.CannotTell], count[result.NoValue])
	switch {
	case count[result.Fail] > 0:
		return errFailed
	case count[result.NoValue] > 0:
		return errCells
	case count[result.CannotTell] > 0:
		return errUndecided
	}
	return nil
}

// filters reads --filter.
func filters(given []string) (map[string][]string, error) {
	all := map[string][]string{}
	for _, g := range given {
		factor, values, ok := strings.Cut(g, "=")
		if !ok || factor == "" {
			return nil, usage("--filter %s: it is FACTOR=VALUE[,VALUE...], for example precision=f32,int8", g)
		}
		all[factor] = append(all[factor], strings.Split(values, ",")...)
	}
	return all, nil
}
