package experiment

import (
	"math"
	"slices"
)

// Job is one training of an experiment.
type Job struct {
	Model string
	Rate  float64 // learning rate
	Seed  uint64  // of the initial weights and the order of the data
}

// Grid is what an experiment trains. All models get the same rates with the same seeds: the same budget of tuning.
type Grid struct {
	Models    []string
	Rates     []float64 // rising
	Tuning    []uint64  // seeds with which rates are compared
	Seeds     []uint64  // seeds of the comparison, at each model's best rate
	Widenings int       // the most rates that are added because a best rate is the first or last
}

// Losses are the validation losses of finished jobs; NaN or infinite if the training diverged.
type Losses map[Job]float64

// Todo returns the jobs that must follow, given the finished ones; none when the experiment is complete. It first compares the
// rates. While the best rate of a model is the first or the last of all, so that a better one may lie outside, one more rate follows
// there for all models. Then all models are trained with all seeds. Jobs depend on the losses alone, so an interrupted experiment
// continues from what is stored.
func (g Grid) Todo(done Losses) []Job {
	rates := g.rates(done)
	if jobs := g.missing(g.tuning(rates), done); len(jobs) > 0 {
		return jobs
	}
	return g.missing(g.final(rates, done), done)
}

// rates are those to compare, with the ones that were added.
func (g Grid) rates(done Losses) []float64 {
	rates := slices.Clone(g.Rates)
	for range g.Widenings {
		if len(rates) < 2 || len(g.missing(g.tuning(rates), done)) > 0 {
			break
		}
		lower, higher := g.edges(rates, done)
		switch last := len(rates) - 1; {
		case higher:
			rates = append(rates, rates[last]*rates[last]/rates[last-1])
		case lower:
			rates = slices.Insert(rates, 0, rates[0]*rates[0]/rates[1])
		default:
			return rates
		}
	}
	return rates
}

// edges reports whether the best rate of some model is the lowest or the highest.
func (g Grid) edges(rates []float64, done Losses) (lower, higher bool) {
	for _, model := range g.Models {
		best := g.best(model, rates, done)
		lower = lower || best == rates[0]
		higher = higher || best == rates[len(rates)-1]
	}
	return lower, higher
}

// Best returns the rate of a model's smallest mean validation loss over the tuning seeds; 0 if there is none, because every rate
// diverged with some seed or none is done.
func (g Grid) Best(model string, done Losses) float64 { return g.best(model, g.rates(done), done) }

func (g Grid) best(model string, rates []float64, done Losses) (best float64) {
	least := math.Inf(1)
	for _, rate := range rates {
		if loss := g.mean(model, rate, done); loss < least {
			best, least = rate, loss
		}
	}
	return best
}

// mean is the mean loss of a rate over the tuning seeds; NaN if a training diverged or is missing.
func (g Grid) mean(model string, rate float64, done Losses) float64 {
	sum := 0.0
	for _, seed := range g.Tuning {
		loss, ok := done[Job{model, rate, seed}]
		if !ok {
			return math.NaN()
		}
		sum += loss
	}
	return sum / float64(len(g.Tuning))
}

// tuning lists the jobs that compare rates: for each seed all models, so that an early interruption leaves comparable ones.
func (g Grid) tuning(rates []float64) (jobs []Job) {
	for _, seed := range g.Tuning {
		for _, rate := range rates {
			for _, model := range g.Models {
				jobs = append(jobs, Job{model, rate, seed})
			}
		}
	}
	return jobs
}

// final lists the jobs of the comparison. A model without a working rate has none.
func (g Grid) final(rates []float64, done Losses) (jobs []Job) {
	for _, seed := range g.Seeds {
		for _, model := range g.Models {
			if best := g.best(model, rates, done); best > 0 {
				jobs = append(jobs, Job{model, best, seed})
			}
		}
	}
	return jobs
}

// missing returns the jobs that are not done.
func (g Grid) missing(jobs []Job, done Losses) []Job {
	return slices.DeleteFunc(jobs, func(j Job) bool { _, ok := done[j]; return ok })
}

// Most is the largest number of jobs that the grid can need.
func (g Grid) Most() int {
	tuning := len(g.Models) * (len(g.Rates) + g.Widenings) * len(g.Tuning)
	return tuning + len(g.Models)*len(g.Seeds)
}
