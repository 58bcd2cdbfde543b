package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
)

func (a *app) compareCommand() *cobra.Command {
	var o result.CompareOptions
	c := &cobra.Command{
		Use: "compare [RUN...]", Short: "Compare the models of a run, or several runs",
		Long: `Compare relates every model of a run (default: the latest) to a base model, by paired blocks; or, given
several runs, each later run to the first. "~" says that no difference is shown.`,
		Example: `  archbench compare --base gpt2
  archbench compare r-7f3a2c --quantity prefill,decode --models gpt2,gpt2@int8
  archbench compare r-7f3a2c r-90cc1e -o csv`,
		RunE: func(c *cobra.Command, args []string) error {
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
			t, err := result.Compare(runs, o)
			switch {
			case errors.Is(err, result.ErrIncomparable):
				return err
			case err != nil:
				return usageError{err}
			}
			return a.print(t)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Base, "base", "", "model, or run when several are compared, that the others are held against (default: the first)")
	f.StringSliceVar(&o.Models, "models", nil, "models to compare (default: one per architecture and checkpoint)")
	f.StringSliceVar(&o.Quantities, "quantity", nil, "what to compare: "+strings.Join(result.QuantityNames(), ", "))
	f.BoolVar(&o.AcrossHosts, "across-hosts", false, "compare timings of different machines all the same")
	a.output(c)
	return c
}
