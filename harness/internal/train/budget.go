package train

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Budget bounds a training by one of its fields; the others are 0.
type Budget struct {
	Updates int64         `json:"updates,omitempty"`
	Tokens  int64         `json:"tokens,omitempty"`
	FLOPs   float64       `json:"flops,omitempty"`
	Time    time.Duration `json:"time_ns,omitempty"`
}

// amount is a number with an optional prefix and what it counts: 500updates, 20Mtokens, 1.5e15FLOPs.
var amount = regexp.MustCompile(`^([0-9.]+(?:[eE][+-]?[0-9]+)?) ?([kMGTP]?) ?(?i:(update|token|flop)s?)$`)

var prefixes = map[string]float64{"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}

var errBudget = errors.New("want a time (10s, 5m, 2h) or an amount of updates, tokens or FLOPs (500updates, 20Mtokens, 1e15FLOPs)")

// ParseBudget parses a budget as [Budget.String] writes it.
func ParseBudget(text string) (b Budget, err error) {
	if b.Time, err = time.ParseDuration(text); err == nil {
		if b.Time <= 0 {
			return b, errBudget
		}
		return b, nil
	}
	parts := amount.FindStringSubmatch(text)
	if parts == nil {
		return b, errBudget
	}
	n, err := strconv.ParseFloat(parts[1], 64)
	if n *= prefixes[parts[2]]; err != nil || !(n >= 1 && n <= math.MaxInt64/2) {
		return b, errBudget
	}
	switch strings.ToLower(parts[3]) {
	case "update":
		b.Updates = int64(n)
	case "token":
		b.Tokens = int64(n)
	default:
		b.FLOPs = n
	}
	return b, nil
}

// String returns the budget as ParseBudget reads it.
func (b Budget) String() string {
	switch {
	case b.Time > 0:
		return b.Time.String()
	case b.Updates > 0:
		return fmt.Sprintf("%dupdates", b.Updates)
	case b.Tokens > 0:
		return fmt.Sprintf("%dtokens", b.Tokens)
	}
	return fmt.Sprintf("%gFLOPs", b.FLOPs)
}

// pace is what one update and what happens beside the updates take, as a trial measured them or a formula says.
type pace struct {
	Tokens     int           `json:"tokens"` // of an update
	FLOPs      float64       `json:"flops"`  // of an update; 0: unknown
	Update     time.Duration `json:"update_ns"`
	Evaluation time.Duration `json:"evaluation_ns"`
	Saving     time.Duration `json:"saving_ns"`
}

const (
	// mostEvaluations is the number of evaluations of a training that does not say how often to evaluate.
	mostEvaluations = 10
	// evaluationShare is the share of a budget of time that those take at most.
	evaluationShare = 0.2
	// reserve is the share of a budget of time that is left free, since updates differ in their times.
	reserve = 0.05
)

// updates returns how many updates fit into the budget, and how many updates lie between evaluations; every, if not 0, is what
// the user says of the latter.
func (b Budget) updates(p pace, every int64) (updates, between int64, err error) {
	evaluations := int64(mostEvaluations)
	switch {
	case b.Time > 0:
		return b.inTime(p, every)
	case b.Updates > 0:
		updates = b.Updates
	case b.Tokens > 0:
		updates = b.Tokens / int64(p.Tokens)
	case p.FLOPs == 0:
		return 0, 0, errors.New("the plugin has no formula for the cost of its models (ability cost): give the budget as time, tokens or updates")
	default:
		updates = int64(b.FLOPs / p.FLOPs)
	}
	if updates < 1 {
		return 0, 0, fmt.Errorf("the budget of %s is less than one update, which has %d tokens and %.3g FLOPs: give more, or lower --batch or --length", b, p.Tokens, p.FLOPs)
	}
	return updates, evenly(updates, evaluations, every), nil
}

// inTime is updates for a budget of time. The last evaluation and save always fit, or the budget is too small.
func (b Budget) inTime(p pace, every int64) (updates, between int64, err error) {
	pause := p.Evaluation + p.Saving
	evaluations := int64(1)
	if pause > 0 {
		evaluations = min(mostEvaluations, max(1, int64(evaluationShare*float64(b.Time)/float64(pause))))
	}
	left := time.Duration((1-reserve)*float64(b.Time)) - time.Duration(evaluations)*pause
	if every > 0 { // as many evaluations as then fit
		perUpdate := float64(p.Update) + float64(pause)/float64(every)
		updates = int64(((1-reserve)*float64(b.Time) - float64(pause)) / perUpdate)
	} else {
		updates = int64(left / max(1, p.Update))
	}
	if updates < 1 {
		return 0, 0, fmt.Errorf("a budget of %s is too short: one update takes %s here, and an evaluation with a save %s; give more, or lower --batch or --length",
			b.Time, p.Update.Round(time.Millisecond), pause.Round(time.Millisecond))
	}
	return updates, evenly(updates, evaluations, every), nil
}

// evenly spreads evaluations over updates, unless every says how often to evaluate.
func evenly(updates, evaluations, every int64) int64 {
	if every > 0 {
		return every
	}
	return max(1, (updates+evaluations-1)/evaluations)
}
