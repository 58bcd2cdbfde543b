package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/run"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/internal/study"
)

func (a *app) studyCommand() *cobra.Command {
	s := study.Settings{Precisions: []string{"bf16", "int8", "int4", "nf4"}, Spectrum: true}
	c := &cobra.Command{
		Use: "study DIR [PATTERN...]", Short: "Show range, rounding errors and singular values of stored weights",
		Long: `Study reads the tensors of a checkpoint one by one, all or those whose names match a PATTERN ('*.mlp.*'), and shows
their range, share of outliers, rounding error in each precision, and effective rank. Errors are relative in the
Frobenius norm: ‖W - Q(W)‖ / ‖W‖, where Q(W) are the weights that a model in that precision computes with. Tensors
that a model keeps in a wider precision, such as its embedding and gates, are studied like the others.

Singular values take seconds for a matrix with a shorter side of 1024 and many minutes for 4096. Singular vectors,
which --ranks needs, take several times as long: select tensors by PATTERN, or skip singular values with
--spectrum=false.`,
		Example: "  archbench checkpoint study models/gpt2-3m\n" +
			"  archbench checkpoint study checkpoints/mine '*.mlp.*' --precisions int4,int4-g32,nf4 --ranks 16,64 -o csv",
		Args: count(1, -1, "a folder DIR, and patterns of tensor names"),
	}
	c.Flags().StringSliceVar(&s.Precisions, "precisions", s.Precisions, "precisions whose rounding error to compute")
	c.Flags().IntSliceVar(&s.Ranks, "ranks", nil, "ranks of the factorisations whose error to compute")
	c.Flags().BoolVar(&s.Spectrum, "spectrum", s.Spectrum, "compute singular values")
	a.output(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		s.Names = args[1:]
		opened, err := study.Open(args[0], s)
		if err != nil {
			return usageError{err}
		}
		defer opened.Close()
		t, err := a.study(c.Context(), args[0], opened)
		if err != nil {
			return err
		}
		return a.print(t)
	}
	return c
}

// studyKeys are the keys of a row for programs.
var studyKeys = []string{"checkpoint", "tensor", "dtype", "shape", "quantity", "precision", "rank", "value", "reason"}

// study makes the table of the tensors.
func (a *app) study(ctx context.Context, dir string, s *study.Study) (table.Table, error) {
	t := table.Table{ID: "study", Title: "Weights of " + dir, Frame: &table.Frame{Keys: studyKeys}}
	t.Columns = []table.Column{{Name: "tensor", Key: true}, {Name: "type"}, {Name: "shape"}}
	p := newProgress(a.screen, a.terminal)
	defer p.clear()
	for tensor, share := range s.Tensors() {
		if err := ctx.Err(); err != nil {
			return t, err
		}
		addStudied(&t, dir, tensor)
		left := time.Duration(float64(p.now().Sub(p.started)) * (1 - share) / share)
		p.event(run.Event{Done: int(100 * share), Total: 100, Left: left})
	}
	return t, nil
}

// addStudied adds a tensor: one row for people, one row per figure for programs.
func addStudied(t *table.Table, dir string, tensor study.Tensor) {
	var sizes []string
	for _, n := range tensor.Shape {
		sizes = append(sizes, strconv.Itoa(n))
	}
	shape := strings.Join(sizes, "x")
	row := []any{tensor.Name, string(tensor.DType), shape}
	for i, f := range tensor.Figures {
		if len(t.Columns) <= 3+i {
			t.Columns = append(t.Columns, table.Column{Name: studiedName(f), Unit: unit.One})
		}
		var rank, value any
		if f.Rank > 0 {
			rank = f.Rank
		}
		entry := table.Unavailable(f.Reason)
		switch f.Reason {
		case "":
			value, entry = f.Value, table.Figure(unit.Number(f.Value), f.Value)
		case study.NotMatrix:
			entry.Text = "–" // nobody expects one
		}
		row = append(row, entry)
		t.Frame.Rows = append(t.Frame.Rows, []any{dir, tensor.Name, string(tensor.DType), table.Word(shape), f.Quantity, table.Word(f.Precision), rank, value, table.Word(f.Reason)})
	}
	t.Add(row...)
}

// studiedName is the column heading of a figure.
func studiedName(f study.Figure) string {
	switch f.Quantity {
	case "outliers":
		return "beyond 3 sd"
	case "rounding-error":
		return f.Precision + " error"
	case "low-rank-error":
		return fmt.Sprintf("rank %d error", f.Rank)
	case "rank-90", "rank-99":
		return strings.ReplaceAll(f.Quantity, "rank-", "rank of ") + " %"
	}
	return strings.ReplaceAll(f.Quantity, "-", " ")
}
