package stat

import (
	"fmt"
	"math"

	"github.com/aclements/go-moremath/stats"
	"gonum.org/v1/gonum/integrate/quad"
	"gonum.org/v1/gonum/stat/distuv"
)

// Difference is the difference of two quantities, other - base, and the p-value of "they are equal". Interval and p-value come
// from one test, as in a [Comparison].
type Difference struct {
	Estimate
	P        float64
	Adjusted float64 // within its family by Holm
	Method   string  // the test and what it assumes
}

// Verdict is what the difference shows: Less, More or Undecided.
func (d Difference) Verdict() Verdict {
	switch {
	case !d.Valid() || d.Adjusted >= Alpha || !d.Bounded():
		return Undecided
	case d.Hi < 0:
		return Less
	case d.Lo > 0:
		return More
	}
	return Undecided
}

// Replicates are the results of several models, trained once for each of several seeds: [model][seed]. A seed fixes the order of
// the data for every model.
type Replicates [][]float64

// Compare compares each model after the first with the first, over seeds. With enough seeds, 6 for two models and 8 for four, the
// signs of a pair's differences are flipped (Fisher, The design of experiments, 1935, section 21). Fewer seeds decide nothing that
// way, so the test is then that of a design in randomised blocks: a seed shifts all models alike, and what remains is normal and
// spreads equally for all models, which are pooled. It is the paired t-test if there are two models.
func (r Replicates) Compare() []Difference {
	if len(r) == 0 {
		return nil
	}
	all := make([]Difference, len(r)-1)
	seeds := len(r[0])
	for i := range all {
		if 2*ofDraws(seeds)(0)*float64(len(all)) < Alpha {
			all[i] = flipped(r.differences(0, i+1))
		} else {
			all[i] = r.pooled(0, i+1)
		}
	}
	p := make([]float64, len(all))
	for i, d := range all {
		p[i] = d.P
	}
	for i, adjusted := range stepDown(p) {
		all[i].Adjusted = adjusted
	}
	return all
}

// differences returns those of two models, by seed.
func (r Replicates) differences(base, other int) []float64 {
	d := make([]float64, len(r[base]))
	for i := range d {
		d[i] = r[other][i] - r[base][i]
	}
	return d
}

// flipped tests the mean of differences by flipping their signs.
func flipped(differences []float64) Difference {
	e, p := bootstrap(differences, stats.Mean)
	return Difference{Estimate: e, P: p, Method: "sign flips over seeds"}
}

// pooled tests the mean difference of two models by the spread that is left after the means of models and of seeds.
func (r Replicates) pooled(base, other int) Difference {
	method := fmt.Sprintf("paired t over %d seeds, spread pooled over %d models, assumed normal and equal", len(r[base]), len(r))
	value := stats.Mean(r.differences(base, other))
	sd, freedom := r.Spread()
	if freedom == 0 || !isFinite(value) || !isFinite(sd) {
		e := nothing("one seed shows no spread: a difference needs at least two")
		if e.Value = value; isFinite(value) {
			e.N = len(r[base])
		}
		return Difference{Estimate: e, P: 1, Method: method}
	}
	t := distuv.StudentsT{Sigma: 1, Nu: float64(freedom)}
	error := sd * math.Sqrt(2/float64(len(r[base])))
	half := error * t.Quantile(1-Alpha/2)
	p := 2 * t.Survival(math.Abs(value)/error)
	if error == 0 {
		p = 1
	}
	return Difference{Estimate: Estimate{Value: value, Lo: value - half, Hi: value + half, N: len(r[base])}, P: p, Method: method}
}

// Spread is the standard deviation of a result that neither its model nor its seed explains, with its degrees of freedom.
func (r Replicates) Spread() (sd float64, freedom int) {
	if len(r) < 2 || len(r[0]) < 2 {
		return 0, 0
	}
	models, seeds := make([]float64, len(r)), make([]float64, len(r[0]))
	for m := range r {
		models[m] = stats.Mean(r[m])
		for s, v := range r[m] {
			seeds[s] += v / float64(len(r))
		}
	}
	all, sum := stats.Mean(models), 0.0
	for m := range r {
		for s, v := range r[m] {
			rest := v - models[m] - seeds[s] + all
			sum += rest * rest
		}
	}
	freedom = (len(r) - 1) * (len(r[0]) - 1)
	return math.Sqrt(sum / float64(freedom)), freedom
}

// DetectableOverSeeds is the smallest difference that [Replicates.Compare] finds with probability [Power], given the spread sd. It
// is that of the t-test, adjusted for all models against the first; +Inf if there are too few seeds.
func DetectableOverSeeds(sd float64, models, seeds int) float64 {
	freedom := float64((models - 1) * (seeds - 1))
	if freedom < 1 {
		return math.Inf(1)
	}
	limit := distuv.StudentsT{Sigma: 1, Nu: freedom}.Quantile(1 - Alpha/2/float64(models-1))
	low, high := 0.0, 1.0
	for tPower(high, limit, freedom) < Power {
		high *= 2
	}
	for range 60 {
		if middle := (low + high) / 2; tPower(middle, limit, freedom) < Power {
			low = middle
		} else {
			high = middle
		}
	}
	return high * sd * math.Sqrt(2/float64(seeds))
}

// tPower is the probability that a t statistic shifted by a number of standard errors exceeds limit: over the quantiles of the
// estimated variance, the mean of a normal probability.
func tPower(shift, limit, freedom float64) float64 {
	variance := distuv.Gamma{Alpha: freedom / 2, Beta: freedom / 2} // relative to the true one
	return quad.Fixed(func(u float64) float64 {
		return distuv.UnitNormal.CDF(shift - limit*math.Sqrt(variance.Quantile(u)))
	}, 0, 1, 200, nil, 0)
}

// Mean is the mean of a model's results over seeds.
func (r Replicates) Mean(model int) float64 { return stats.Mean(r[model]) }

// Deviation is the standard deviation of a model's results over seeds; NaN with one seed.
func (r Replicates) Deviation(model int) float64 { return stats.StdDev(r[model]) }
