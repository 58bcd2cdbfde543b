package modeltest

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/lm"
)

// Cost checks that the analytic costs of a model equal the counted ones exactly, in every phase that can be counted, and
// that the size of its state agrees with the formula.
func Cost(t *testing.T, m lm.Model, lengths ...int) {
	for _, n := range lengths {
		stateBytes(t, m, n)
	}
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

// stateBytes checks the size of a document's state. A float32 cache of keys and values starts with room for 64 positions
// and doubles, so it may exceed the formula; a constant state, or one of whole tiles, must equal it.
func stateBytes(t *testing.T, m lm.Model, n int) {
	ctx := t.Context()
	formula := func(n int) int64 {
		reply, err := m.(lm.Coster).Cost(ctx, lm.CostRequest{Phase: lm.Prefill, Batch: 1, Length: n})
		if err != nil {
			t.Fatal(err)
		}
		return reply.StateBytes
	}
	st, err := m.(lm.Stepper).NewState(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.(lm.Stepper).Step(ctx, lm.StepRequest{Inputs: []lm.StepInput{{State: st, Tokens: make([]int32, n)}}}); err != nil {
		t.Fatal(err)
	}
	least := formula(n)
	most := least
	if one := formula(1); formula(2) > one {
		most = max(2*least, 64*one)
	}
	if held := st.Bytes(); held < least || held > most {
		t.Errorf("after %d tokens the state holds %d bytes; by formula %d, at most %d", n, held, least, most)
	}
}

// Costs returns the analytic and the counted cost by component.
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
