package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/archbench/archbench/internal/spelling"
)

// didYouMean is "; did you mean X?" for the word closest to the given one, "" if none is close.
func didYouMean(word string, words []string) string {
	near := spelling.Nearest(word, words, 1)
	if near == nil {
		return ""
	}
	return "; did you mean " + near[0] + "?"
}

// flagNames lists the flags of a command.
func flagNames(c *cobra.Command) []string {
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}
