package train

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/archbench/archbench/internal/spelling"
)

// Schedule says how the learning rate changes from update to update. All rise linearly from 0 over the first Warmup updates.
// With p the share of the other updates that are done, from 0 to 1, and f = Floor, the rate is then Peak times
//
//	constant  1
//	linear    1 - (1-f)·p
//	cosine    f + (1-f)·(1 + cos(π·p))/2
//	wsd       1 until p = 1-Decay, then 1 - (1-f)·(p-(1-Decay))/Decay      (warm-up, stable, decay)
type Schedule struct {
	Kind   string  `json:"kind"`
	Peak   float64 `json:"peak"`
	Floor  float64 `json:"floor"` // share of Peak that the last update has; not of constant
	Warmup int64   `json:"warmup"`
	Decay  float64 `json:"decay,omitempty"` // share of the updates after the warm-up in which wsd decays
}

// Kinds lists the kinds of schedule.
var Kinds = []string{"cosine", "linear", "wsd", "constant"}

// The end of schedules, unless a plan says otherwise.
const (
	defaultFloor = 0.1
	defaultDecay = 0.2
)

// NewSchedule returns a schedule with the usual end.
func NewSchedule(kind string, peak float64, warmup int64) (Schedule, error) {
	s := Schedule{Kind: kind, Peak: peak, Floor: defaultFloor, Warmup: warmup}
	if kind == "wsd" {
		s.Decay = defaultDecay
	}
	if !slices.Contains(Kinds, kind) {
		said := fmt.Sprintf("no schedule %q: there are %s", kind, strings.Join(Kinds, ", "))
		if near := spelling.Nearest(kind, Kinds, 1); near != nil {
			said += "; did you mean " + near[0] + "?"
		}
		return s, fmt.Errorf("%s", said)
	}
	if !(peak > 0) || math.IsInf(peak, 0) {
		return s, fmt.Errorf("the learning rate is %v, want a number above 0", peak)
	}
	return s, nil
}

// Rate returns the learning rate of an update, of which 1 is the first, in a training of that many.
func (s Schedule) Rate(update, updates int64) float64 {
	if update <= s.Warmup {
		return s.Peak * float64(update) / float64(s.Warmup)
	}
	return s.Peak * s.share(float64(update-s.Warmup)/float64(max(1, updates-s.Warmup)))
}

// share is the share of the peak after a share p of the updates that follow the warm-up.
func (s Schedule) share(p float64) float64 {
	switch p = min(p, 1); s.Kind {
	case "linear":
		return 1 - (1-s.Floor)*p
	case "cosine":
		return s.Floor + (1-s.Floor)*(1+math.Cos(math.Pi*p))/2
	case "wsd":
		return 1 - (1-s.Floor)*max(0, p-(1-s.Decay))/s.Decay
	}
	return 1
}
