package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/suite"
	"github.com/archbench/archbench/harness/internal/table"
)

func (a *app) suitesListCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "List the built-in suites", Example: "  archbench suites list",
		Args: count(0, 0, "no argument"),
		RunE: func(*cobra.Command, []string) error {
			t := table.Words("suites", "Suites", []string{"suite", "summary", "probes"})
			for _, name := range suite.Names() {
				s, err := suite.Load(name)
				if err != nil {
					return err
				}
				t.Add(name, s.Summary, s.Probes())
			}
			return a.print(t)
		},
	}
	a.output(c)
	return c
}

func (a *app) suitesShowCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "show SUITE", Short: "Show the probes and grids of a suite", Example: "  archbench suites show speed\n  archbench suites show ./my.yaml",
		Args: count(1, 1, "a SUITE"),
		RunE: func(_ *cobra.Command, args []string) error {
			suites, err := loadSuites(args, nil, nil)
			if err != nil {
				return err
			}
			return a.print(suiteTable(suites[0]))
		},
	}
	a.output(c)
	return c
}

// suiteTable lists the probes of a suite with their settings.
func suiteTable(s *suite.Suite) table.Table {
	t := table.Words("suite", s.Name+": "+s.Summary, []string{"suite", "probe", "grid", "with", "repeats", "precisions"})
	for _, p := range s.Parts {
		var grid []string
		for _, axis := range p.Grid {
			grid = append(grid, axis.Name+"="+strings.Join(axis.Values, ","))
		}
		var precisions any = "of the models"
		if p.Precisions != nil {
			precisions = p.Precisions
		}
		with := p.Params.String()
		if with == "" {
			with = "defaults"
		}
		t.Add(p.Suite, p.Probe.Name, grid, with, p.Repeats, precisions)
	}
	return t
}
