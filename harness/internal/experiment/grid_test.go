package experiment

import (
	"math"
	"slices"
	"testing"
)

// finish runs an experiment whose losses are a function of model and rate, and returns all jobs in their order.
func finish(t *testing.T, g Grid, loss func(Job) float64) (jobs []Job, done Losses) {
	t.Helper()
	done = Losses{}
	for todo := g.Todo(done); len(todo) > 0; todo = g.Todo(done) {
		if jobs = append(jobs, todo[0]); len(jobs) > g.Most() {
			t.Fatalf("more than %d jobs", g.Most())
		}
		done[todo[0]] = loss(todo[0])
	}
	return jobs, done
}

// bowl has its smallest loss at a rate.
func bowl(at float64) func(rate float64) float64 {
	return func(rate float64) float64 { d := math.Log10(rate / at); return 1 + d*d }
}

// TestTuningBudgetIsEqual checks that each model is trained at the same rates, also when only one of them needed more, and that all
// are compared with all seeds at their own best rate.
func TestTuningBudgetIsEqual(t *testing.T) {
	curves := map[string]func(float64) float64{"a": bowl(2e-3), "b": bowl(3e-2)}
	g := Grid{Models: []string{"a", "b"}, Rates: []float64{1e-3, 2e-3, 4e-3}, Tuning: []uint64{0}, Seeds: []uint64{1, 2, 3}, Widenings: 5}
	jobs, done := finish(t, g, func(j Job) float64 { return curves[j.Model](j.Rate) + float64(j.Seed)/100 })
	tuned := map[string][]float64{}
	final := map[string][]uint64{}
	for _, j := range jobs {
		if j.Seed == 0 {
			tuned[j.Model] = append(tuned[j.Model], j.Rate)
		} else {
			final[j.Model] = append(final[j.Model], j.Seed)
			if best := g.Best(j.Model, done); j.Rate != best {
				t.Errorf("%s is compared at %g, its best rate is %g", j.Model, j.Rate, best)
			}
		}
	}
	if want := []float64{1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2, 6.4e-2}; !near(tuned["a"], want) || !near(tuned["b"], want) {
		t.Errorf("rates %v and %v, want %v", tuned["a"], tuned["b"], want)
	}
	for model, seeds := range final {
		if !slices.Equal(seeds, g.Seeds) {
			t.Errorf("%s is compared with seeds %v", model, seeds)
		}
	}
}

func near(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Abs(x/y-1) < 1e-9 })
}

// TestTuningWidensDownwards checks the lower edge, and that the number of added rates is bounded.
func TestTuningWidensDownwards(t *testing.T) {
	g := Grid{Models: []string{"a"}, Rates: []float64{1e-2, 1e-1}, Tuning: []uint64{0}, Seeds: []uint64{0}, Widenings: 2}
	jobs, done := finish(t, g, func(j Job) float64 { return bowl(1e-9)(j.Rate) })
	if len(jobs) != 4 || math.Abs(g.Best("a", done)/1e-4-1) > 1e-9 {
		t.Errorf("jobs %v, best %g", jobs, g.Best("a", done))
	}
}

// TestDivergedRatesLose checks that a rate that diverged with one seed is not chosen, and that a model that always diverges is not
// compared.
func TestDivergedRatesLose(t *testing.T) {
	g := Grid{Models: []string{"a", "b"}, Rates: []float64{1, 2, 3}, Tuning: []uint64{0, 1}, Seeds: []uint64{7}, Widenings: 0}
	jobs, done := finish(t, g, func(j Job) float64 {
		if j.Model == "b" || j.Rate == 2 && j.Seed == 1 {
			return math.NaN()
		}
		return math.Abs(j.Rate-2) + j.Rate/100
	})
	if best := g.Best("a", done); best != 1 {
		t.Errorf("best rate %g", best)
	}
	if best := g.Best("b", done); best != 0 {
		t.Errorf("best rate %g of a model that diverges", best)
	}
	if last := jobs[len(jobs)-1]; last != (Job{"a", 1, 7}) || len(jobs) != 13 {
		t.Errorf("%d jobs, last %+v", len(jobs), last)
	}
}

// TestFinishedJobsAreKept checks that a job of the comparison that was already run for tuning is not run again.
func TestFinishedJobsAreKept(t *testing.T) {
	g := Grid{Models: []string{"a"}, Rates: []float64{1, 2, 3}, Tuning: []uint64{0}, Seeds: []uint64{0, 1}}
	if jobs, _ := finish(t, g, func(j Job) float64 { return math.Abs(j.Rate - 2) }); len(jobs) != 4 {
		t.Errorf("jobs %v", jobs)
	}
}
