package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/table"
)

// formatFlag is a flag whose value is one of a list of words.
type formatFlag struct {
	value   *string
	allowed []string
}

// String implements pflag.Value.
func (f formatFlag) String() string { return *f.value }

// Type implements pflag.Value.
func (f formatFlag) Type() string { return "FORMAT" }

// Set implements pflag.Value.
func (f formatFlag) Set(s string) error {
	if !slices.Contains(f.allowed, s) {
		return fmt.Errorf("must be one of %s", strings.Join(f.allowed, ", "))
	}
	*f.value = s
	return nil
}

// output adds the flag -o to a command; more are formats beside those of tables.
func (a *app) output(c *cobra.Command, more ...string) {
	names := append(table.FormatNames(), more...)
	a.format = names[0]
	c.Flags().VarP(formatFlag{&a.format, names}, "output", "o", "output format: "+strings.Join(names, ", "))
}
