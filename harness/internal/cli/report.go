package cli

import (
	"cmp"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/exchange"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/report"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/internal/printable"
)

func (a *app) reportCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "report [RUN]", Short: "Write the report of a run: a page, figures, tables",
		Long: `Report writes index.html (one self-contained page), report.md, report.json, figures as SVG and PNG, and tables as CSV,
and prints the path of the page. The same run always gives the same bytes. With -o it prints all tables and writes
nothing; -o bench prints the timings in the Go benchmark format, for benchstat.`,
		Example: "  archbench report\n  archbench report r-7f3a2c --reports reports/mine\n  archbench report -o bench | benchstat -col /model -",
		Args:    count(0, 1, "at most one RUN"),
	}
	c.Flags().StringVar(&dir, "reports", "", "`DIR` of the report (default reports/RUN)")
	a.output(c, "bench")
	c.RunE = func(c *cobra.Command, args []string) error {
		if dir != "" && c.Flags().Changed("output") {
			return usage("-o prints tables and --reports writes a folder: use only one of them")
		}
		if err := checkReports(dir); err != nil {
			return err
		}
		r, err := a.load(c.Context(), first(args))
		if err != nil {
			return err
		}
		if c.Flags().Changed("output") {
			return a.printRun(r, func() []table.Table { return report.Build(r).Tables() })
		}
		index, err := report.Build(r).In(a.dbFlag()).Write(cmp.Or(dir, filepath.Join("reports", r.ID)))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(a.out, absolute(index))
		return err
	}
	return c
}

// printRun prints a run in the format of -o. Programs get all its values, people the given tables.
func (a *app) printRun(r *record.Run, people func() []table.Table) error {
	switch {
	case a.format == "bench":
		return exchange.WriteBench(printable.Writer(a.out), r)
	case table.ForPrograms(a.format):
		return a.print(report.Build(r).Data()...)
	}
	return a.print(people()...)
}
