package modeltest

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/lm"
)

// Cost checks that the analytic costs of a model equal the counted ones exactly, in every phase that can be counted.
func Cost(t *testing.T, m lm.Model, lengths ...int) {
	for _, phase := range []lm.Phase{lm.Prefill, lm.Scoring, lm.Decode} {
		for _, batch := range []int{1, 3} {
			for _, n := range lengths {
				t.Run(fmt.Sprintf("%s-%dx%d", phase, batch, n), func(t *testing.T) {
					analytic, counted := Costs(t, m, lm.CostRequest{Phase: phase, Batch: batch, Length: n, Count: true})
					if diff := cmp.Diff(analytic, counted); diff != "" {
						t.Errorf("costs differ (-analytic +counted):\n%s", diff)
					}
				})
			}
		}
	}
}

// Costs returns both costs by component.
func Costs(t testing.TB, m lm.Model, req lm.CostRequest) (analytic, counted map[string]lm.CostItem) {
	t.Helper()
	reply, err := m.(lm.Coster).Cost(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	return byComponent(t, reply.Analytic), byComponent(t, reply.Counted)
}

func byComponent(t testing.TB, items []lm.CostItem) map[string]lm.CostItem {
	t.Helper()
	m := map[string]lm.CostItem{}
	for _, item := range items {
		if _, twice := m[item.Component]; twice {
			t.Fatalf("component %q appears twice", item.Component)
		}
		m[item.Component] = item
	}
	return m
}
