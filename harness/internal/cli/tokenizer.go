package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/internal/tokenizer"
)

func (a *app) tokenizerTestCommand() *cobra.Command {
	var encodings string
	c := &cobra.Command{
		Use: "test DIR", Short: "Compare a tokenizer with reference encodings",
		Long: `Test encodes and decodes every line of encodings.jsonl, which holds objects {"text", "ids", "decoded"}, and counts the
lines that agree.`,
		Example: "  archbench tokenizer test fixtures/tokenizers/bytelevel\n  archbench tokenizer test checkpoints/mine --encodings mine.jsonl",
		Args:    count(1, 1, "the DIR with the tokenizer"),
	}
	c.Flags().StringVar(&encodings, "encodings", "", "`FILE` of reference encodings (default DIR/encodings.jsonl)")
	a.output(c)
	c.RunE = func(_ *cobra.Command, args []string) error {
		if encodings == "" {
			encodings = filepath.Join(args[0], "encodings.jsonl")
		}
		if _, err := os.Stat(encodings); err != nil {
			return usage("no reference encodings: %w; name a file with --encodings", err)
		}
		v, err := tokenizer.Verify(args[0], encodings, 5)
		if err != nil {
			return err
		}
		t := table.Words("tokenizer", "Tokenizer "+args[0], []string{"check", "same", "of"})
		t.Add("ids", v.SameIDs, v.Lines)
		t.Add("decoded text", v.SameText, v.Lines)
		for _, d := range v.Differences {
			t.Notes = append(t.Notes, fmt.Sprintf("line %d %q: ids %v, reference %v; decoded %q, reference %q",
				d.Line, d.Text, d.GotIDs, d.WantIDs, d.GotText, d.WantText))
		}
		if err := a.print(t); err != nil || v.OK() {
			return err
		}
		return errFailed
	}
	return c
}
