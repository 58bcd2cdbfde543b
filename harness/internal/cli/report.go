package cli

import (
	"cmp"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/claim"
	"github.com/archbench/archbench/harness/internal/exchange"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/report"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/internal/printable"
	"github.com/archbench/archbench/internal/regularfile"
)

func (a *app) reportCommand() *cobra.Command {
	var dir, ledger string
	c := &cobra.Command{
		Use: "report [RUN]", Short: "Write the report of a run: a page, figures, tables",
		Long: `Report writes index.html (one self-contained page), report.md, report.json, figures as SVG and PNG, and tables as CSV,
and prints the path of the page. The same run always gives the same bytes. With -o it prints all tables and writes
nothing; -o bench prints the timings in the Go benchmark format, for benchstat.`,
		Example: "  archbench report\n  archbench report r-7f3a2c --reports reports/mine\n  archbench report -o bench | benchstat -col /model -",
		Args:    count(0, 1, "at most one RUN"),
	}
	c.Flags().StringVar(&dir, "reports", "", "`DIR` of the report (default reports/RUN)")
	c.Flags().StringVar(&ledger, "claims", "", "`FILE` of claims to set beside the results (default: those that ship with archbench)")
	a.output(c, "bench")
	c.RunE = func(c *cobra.Command, args []string) error {
		if dir != "" && c.Flags().Changed("output") {
			return usage("-o prints tables and --reports writes a folder: use only one of them")
		}
		if err := checkReports(dir); err != nil {
			return err
		}
		claims, err := claimsOf(ledger)
		if err != nil {
			return err
		}
		r, err := a.load(c.Context(), first(args))
		if err != nil {
			return err
		}
		built := report.BuildWith(r, claims)
		if c.Flags().Changed("output") {
			return a.printRun(r, built, built.Shown()...)
		}
		index, err := built.In(a.dbFlag()).Write(cmp.Or(dir, filepath.Join("reports", r.ID)))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(a.out, absolute(index))
		return err
	}
	return c
}

// claimsOf reads a ledger of claims; "" is that of archbench.
func claimsOf(path string) ([]claim.Claim, error) {
	if path == "" {
		return claim.Builtin(), nil
	}
	data, err := regularfile.Read(path, claim.MostSize)
	if err != nil {
		return nil, usage("--claims: %w", err)
	}
	all, err := claim.Parse(path, data)
	if err != nil {
		return nil, usage("--claims: %w", err)
	}
	return all, nil
}

// printRun prints a run in the format of -o. Programs get all values of its report, people the given tables.
func (a *app) printRun(r *record.Run, built *report.Report, people ...table.Table) error {
	switch {
	case a.format == "bench":
		return exchange.WriteBench(printable.Writer(a.out), r)
	case table.ForPrograms(a.format):
		return a.print(built.Data()...)
	}
	return a.print(people...)
}
