package stat

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/aclements/go-moremath/stats"
	"gonum.org/v1/gonum/stat/distuv"
)

// TestPairedT compares two models over seeds with the paired t-test of a textbook: differences 1, 2, 3 have mean 2, error 1/√3 and
// t = 3.4641 with 2 degrees of freedom, p = 0.0742.
func TestPairedT(t *testing.T) {
	d := Replicates{{10, 20, 30}, {11, 22, 33}}.Compare()[0]
	if math.Abs(d.Value-2) > 1e-12 || math.Abs(d.P-0.0741799) > 1e-6 || d.Adjusted != d.P || d.Verdict() != Undecided {
		t.Errorf("%+v", d)
	}
	if half := 4.302653 / math.Sqrt(3); math.Abs(d.Hi-2-half) > 1e-5 || math.Abs(2-d.Lo-half) > 1e-5 {
		t.Errorf("interval [%g, %g]", d.Lo, d.Hi)
	}
}

// TestReplicatesHoldTheirError draws models that are equal up to the effect of seeds: a false difference in the family must be as
// rare as Alpha says, with few seeds and with many.
func TestReplicatesHoldTheirError(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, seeds := range []int{2, 3, 5, 8} {
		const draws = 2000
		wrong := 0
		for range draws {
			r := normalReplicates(random, 4, seeds, 0)
			for _, d := range r.Compare() {
				if d.Verdict() != Undecided {
					wrong++
					break
				}
			}
		}
		if share := float64(wrong) / draws; share > Alpha+3*math.Sqrt(Alpha*(1-Alpha)/draws) {
			t.Errorf("%d seeds: a false difference in %.3f of the families", seeds, share)
		}
	}
}

// TestDetectableOverSeeds checks by simulation that the stated difference is found with the stated probability.
func TestDetectableOverSeeds(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct{ models, seeds int }{{2, 3}, {4, 3}, {2, 5}} {
		size := DetectableOverSeeds(1, c.models, c.seeds)
		const draws = 2000
		found := 0
		limit := distuv.StudentsT{Sigma: 1, Nu: float64((c.models - 1) * (c.seeds - 1))}.Quantile(1 - Alpha/2/float64(c.models-1))
		for range draws {
			r := normalReplicates(random, c.models, c.seeds, size)
			sd, _ := r.Spread()
			if d := stats.Mean(r.differences(0, 1)); d/(sd*math.Sqrt(2/float64(c.seeds))) > limit {
				found++
			}
		}
		if share := float64(found) / draws; math.Abs(share-Power) > 0.03 {
			t.Errorf("%+v: a difference of %.2f sd is found in %.3f, want %g", c, size, share, Power)
		}
	}
	if d := DetectableOverSeeds(1, 4, 1); !math.IsInf(d, 1) {
		t.Errorf("one seed detects %g", d)
	}
}

// normalReplicates are results with unit spread beside the effects of seeds; model 1 is larger by shift.
func normalReplicates(random *rand.Rand, models, seeds int, shift float64) Replicates {
	effects := make([]float64, seeds)
	for s := range effects {
		effects[s] = 5 * random.NormFloat64()
	}
	r := make(Replicates, models)
	for m := range r {
		for s := range seeds {
			r[m] = append(r[m], effects[s]+random.NormFloat64())
		}
	}
	for s := range r[1] {
		r[1][s] += shift
	}
	return r
}

func TestOneSeedDecidesNothing(t *testing.T) {
	d := Replicates{{1}, {2}}.Compare()[0]
	if d.Value != 1 || d.Bounded() || d.P != 1 || d.Verdict() != Undecided || len(d.Warnings) != 1 {
		t.Errorf("%+v", d)
	}
}
