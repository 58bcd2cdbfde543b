package train

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseBudget(t *testing.T) {
	for text, want := range map[string]Budget{
		"10s": {Time: 10 * time.Second}, "1h30m": {Time: 90 * time.Minute}, "500updates": {Updates: 500}, "1update": {Updates: 1}, "2k updates": {Updates: 2000},
		"20Mtokens": {Tokens: 20e6}, "5e7 tokens": {Tokens: 5e7}, "1.5e15FLOPs": {FLOPs: 1.5e15}, "3Pflops": {FLOPs: 3e15}, "1.5Ktoken": {}, "1.5ktoken": {Tokens: 1500},
		"": {}, "0s": {}, "-1s": {}, "5": {}, "5M": {}, "0updates": {}, "updates": {}, "1e400tokens": {}, "1..2tokens": {}, "9e30tokens": {}, "10 epochs": {},
	} {
		got, err := ParseBudget(text)
		if want == (Budget{}) {
			if err == nil {
				t.Errorf("%q is read as %v", text, got)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
		if again, err := ParseBudget(got.String()); err != nil || again != got {
			t.Errorf("%q written as %s: %+v, %v", text, got, again, err)
		}
	}
}

func FuzzParseBudget(f *testing.F) {
	for _, seed := range []string{"10s", "20Mtokens", "1e15FLOPs", "3 updates"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := ParseBudget(text)
		if err != nil {
			return
		}
		if again, err := ParseBudget(b.String()); err != nil || again != b {
			t.Errorf("%q: %+v is written as %s and read as %+v, %v", text, b, b, again, err)
		}
	})
}

func TestUpdatesOfBudgets(t *testing.T) {
	p := pace{Tokens: 1000, FLOPs: 1e9, Update: 100 * time.Millisecond, Evaluation: 300 * time.Millisecond, Saving: 200 * time.Millisecond}
	for _, c := range []struct {
		budget           Budget
		every            int64
		updates, between int64
	}{
		{Budget{Updates: 95}, 0, 95, 10},
		{Budget{Updates: 95}, 7, 95, 7},
		{Budget{Tokens: 12999}, 0, 12, 2},
		{Budget{FLOPs: 3.9e9}, 0, 3, 1},
		{Budget{Time: 10 * time.Second}, 0, 75, 19}, // 9.5 s without 4 evaluations of 0.5 s
		{Budget{Time: 10 * time.Second}, 10, 60, 10},
		{Budget{Time: 1200 * time.Millisecond}, 0, 6, 6},
		{Budget{Time: 500 * time.Millisecond}, 0, 0, 0},
		{Budget{Tokens: 999}, 0, 0, 0},
		{Budget{FLOPs: 1e8}, 0, 0, 0},
	} {
		updates, between, err := c.budget.updates(p, c.every)
		if updates != c.updates || between != c.between || (err == nil) != (c.updates > 0) {
			t.Errorf("%s every %d: %d, %d, %v; want %d, %d", c.budget, c.every, updates, between, err, c.updates, c.between)
		}
	}
	if _, _, err := (Budget{FLOPs: 1e9}).updates(pace{Tokens: 1}, 0); err == nil {
		t.Error("a budget of FLOPs without a formula")
	}
}

// TestTimeFits checks that the updates, evaluations and saves of any budget of time fit into it, by the measured pace.
func TestTimeFits(t *testing.T) {
	duration := rapid.Int64Range(1, int64(10*time.Minute))
	rapid.Check(t, func(t *rapid.T) {
		p := pace{Tokens: 1, Update: time.Duration(duration.Draw(t, "update")), Evaluation: time.Duration(duration.Draw(t, "evaluation")), Saving: time.Duration(duration.Draw(t, "saving"))}
		b := Budget{Time: time.Duration(rapid.Int64Range(1, int64(24*time.Hour)).Draw(t, "budget"))}
		every := rapid.Int64Range(0, 100).Draw(t, "every")
		updates, between, err := b.updates(p, every)
		if err != nil {
			return
		}
		evaluations := (updates + between - 1) / between
		if took := time.Duration(updates)*p.Update + time.Duration(evaluations)*(p.Evaluation+p.Saving); took > b.Time {
			t.Errorf("%d updates with %d evaluations take %s of %s", updates, evaluations, took, b.Time)
		}
	})
}
