package cli

import (
	"errors"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
)

func (a *app) compareCommand() *cobra.Command {
	var o result.CompareOptions
	var filter []string
	c := &cobra.Command{
		Use: "compare [RUN...]", Short: "Compare the models of a run, or several runs",
		Long: `Compare relates every model of a run (default: the latest) to a base model, by paired blocks; or, given
several runs, each later run to the first. "~" says that no difference is shown.

As with benchstat, --table, --row and --col arrange the cells by factors. Factors are
` + lipgloss.Wrap(strings.Join(result.FactorNames(), ", "), 100, "") + `
and each option of a plugin, by its name; "point" is all axes that are not named elsewhere. Two cells at one place of a
table are an error. A note names the factors in which a column differs from the base although --col does not.`,
		Example: `  archbench compare --base gpt2
  archbench compare r-7f3a2c --quantity prefill,decode --models gpt2,gpt2@int8
  archbench compare --col precision --base f32 --quantity decode
  archbench compare --col len --row model --quantity prefill --filter batch=1
  archbench compare r-7f3a2c r-90cc1e -o csv`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			for _, q := range o.Quantities {
				if names := result.QuantityNames(); !slices.Contains(names, q) {
					return usage("--quantity: unknown %q; there are %s%s", q, strings.Join(names, ", "), didYouMean(q, names))
				}
			}
			if len(args) == 0 {
				args = []string{""}
			}
			var runs []*record.Run
			for _, id := range args {
				r, err := a.load(c.Context(), id)
				if err != nil {
					return err
				}
				runs = append(runs, r)
			}
			if o.Filter, err = filters(filter); err != nil {
				return err
			}
			tables, err := result.Compare(runs, o)
			switch {
			case errors.Is(err, result.ErrIncomparable):
				return err
			case err != nil:
				return usageError{err}
			}
			return a.print(tables...)
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
	a.output(c)
	return c
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
