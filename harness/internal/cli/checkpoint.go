package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/internal/safetensors"
)

// isCheckpoint opens a checkpoint folder to check it; "" is valid.
func isCheckpoint(dir string) error {
	if dir == "" {
		return nil
	}
	c, err := checkpoint.Open(dir)
	if err != nil {
		return err
	}
	return c.Close()
}

// storedTypes are the types in which weights can be written.
var storedTypes = []string{"f32", "bf16", "f16"}

func (a *app) convertCommand() *cobra.Command {
	dtype := "bf16"
	c := &cobra.Command{
		Use: "convert SRC DST", Short: "Write a checkpoint with its weights in another type",
		Long: `Convert writes a new folder: the weights, rounded to nearest even, in one model.safetensors, and copies of the config,
tokenizer and card. If values exceed the range of the type (65504 for f16), convert names the tensors and writes
nothing.`,
		Example: "  archbench checkpoint convert checkpoints/mine models/mine --dtype bf16",
		Args:    count(2, 2, "the folders SRC and DST"),
		RunE: func(_ *cobra.Command, args []string) error {
			if !slices.Contains(storedTypes, dtype) {
				return usage("--dtype %q: must be one of %s", dtype, strings.Join(storedTypes, ", "))
			}
			if err := isCheckpoint(args[0]); err != nil {
				return usageError{err}
			}
			warnings, err := checkpoint.Convert(args[0], args[1], safetensors.DType(strings.ToUpper(dtype)))
			if errors.Is(err, checkpoint.ErrNotEmpty) {
				return usageError{err}
			}
			if err != nil {
				return err
			}
			for _, w := range warnings {
				a.warn(w)
			}
			_, err = fmt.Fprintln(a.out, absolute(args[1]))
			return err
		},
	}
	c.Flags().StringVar(&dtype, "dtype", dtype, "type of the weights: "+strings.Join(storedTypes, ", "))
	return c
}
