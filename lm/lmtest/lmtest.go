// Package lmtest is the conformance kit of package lm: what every plugin must do, whatever its architecture.
//
// [Run] puts an lm.Architecture through all checks, in the same process or behind the plugin boundary, and returns
// one [Check] each, with the figure that decided it. It finds out by perturbation whether a model that declares
// itself causal sees the future, whether feeding a text in pieces gives what feeding it whole gives, whether calls
// can be cancelled, and so on. What a plugin does not declare is n/a. [CompareFixture] holds a plugin against stored
// outputs of a reference implementation. [Report] turns checks into the results of a Go test.
//
// A plugin that passes can be measured by the harness; whether its mathematics is right, only a fixture can say.
package lmtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/archbench/archbench/lm"
)

// Status is the result of a check.
type Status string

// The results of a check.
const (
	Pass        Status = "pass"
	Fail        Status = "fail"
	Unavailable Status = "n/a" // Message says why
)

// Check is the result of one check.
type Check struct {
	Name    string
	Status  Status
	Figure  float64 // what was measured, in Unit
	Unit    string  // "": the check has no figure
	Limit   float64 // that the figure must not exceed, where there is one; else 0
	Message string  // what went wrong, why it is n/a, or a remark
	Took    time.Duration
}

// String returns one line: "pass  chunks  3.1e-06 (limit 1e-04) max |Δ logit|".
func (c Check) String() string {
	s := fmt.Sprintf("%-4s  %-14s", c.Status, c.Name)
	if c.Unit != "" {
		s += fmt.Sprintf("  %.3g", c.Figure)
		if c.Limit > 0 {
			s += fmt.Sprintf(" (limit %.3g)", c.Limit)
		}
		s += " " + c.Unit
	}
	if c.Message != "" {
		s += "  " + c.Message
	}
	return s
}

// Options says which model to test, and how. The zero value tests the first variant in f32.
type Options struct {
	Checkpoint string // folder; takes precedence
	Config     string // JSON; takes precedence over Variant
	Variant    string // "": the first that the plugin describes
	Precision  string // "": f32
	Threads    int
	Options    map[string]string
	// Tokens is the length of the test documents, less where the context limit is lower. 0 is 160.
	Tokens int
	// Chunks are sizes to feed texts in, besides 1, 3, 7 and 64; for a sliding window W, test W-1, W and W+1.
	Chunks []int
	// Tolerance bounds the difference of logits between ways of feeding the same text in f32. 0 is 1e-4.
	Tolerance float64
	// Timeout bounds each check. 0 is 2 minutes.
	Timeout time.Duration
	// TempDir is where models are saved; "" is the system's.
	TempDir string
	// Skip names checks to leave out.
	Skip []string
}

// OK reports whether no check has failed and at least one has passed.
func OK(checks []Check) bool {
	passed := false
	for _, c := range checks {
		if c.Status == Fail {
			return false
		}
		passed = passed || c.Status == Pass
	}
	return passed
}

// Report logs every check to t, and fails t for each that failed.
func Report(t interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
}, checks []Check,
) {
	t.Helper()
	for _, c := range checks {
		if c.Status == Fail {
			t.Errorf("%s", c)
		} else {
			t.Logf("%s", c)
		}
	}
}

// figure is what a check has measured. A limit of 0 is none.
type figure struct {
	value float64
	unit  string
	limit float64
	note  string
}

// unavailable is the error of a check that does not apply.
type unavailable string

// Error implements error.
func (u unavailable) Error() string { return string(u) }

// check is one entry of the table of checks.
type check struct {
	name      string
	abilities []lm.Ability // that it needs
	run       func(ctx context.Context, k *kit) (figure, error)
}

// table lists the checks in the order in which they run.
var table = []check{
	{"describe", nil, checkDescribe},
	{"load", nil, checkLoad},
	{"load errors", nil, checkLoadErrors},
	{"shapes", nil, checkShapes},
	{"likelihood", nil, checkLikelihood},
	{"determinism", nil, checkDeterminism},
	{"threads", nil, checkThreads},
	{"causality", nil, checkCausality},
	{"prefix", nil, checkPrefix},
	{"batch", nil, checkBatch},
	{"chunks", []lm.Ability{lm.AbilityStep}, checkChunks},
	{"step loss", []lm.Ability{lm.AbilityStep}, checkStepLoss},
	{"batched step", []lm.Ability{lm.AbilityStep}, checkBatchedStep},
	{"fork", []lm.Ability{lm.AbilityStep}, checkFork},
	{"reset", []lm.Ability{lm.AbilityStep}, checkReset},
	{"greedy", []lm.Ability{lm.AbilityStep, lm.AbilityGenerate}, checkGreedy},
	{"generation", []lm.Ability{lm.AbilityStep, lm.AbilityGenerate}, checkGeneration},
	{"answers", []lm.Ability{lm.AbilityAnswers}, checkAnswers},
	{"sampled steps", []lm.Ability{lm.AbilityStep, lm.AbilityGenerate, lm.AbilitySample}, checkSampledSteps},
	{"versus", []lm.Ability{lm.AbilityVersus}, checkVersus},
	{"cost", []lm.Ability{lm.AbilityCost}, checkCost},
	{"counted cost", []lm.Ability{lm.AbilityCost, lm.AbilityCount}, checkCountedCost},
	{"memory", []lm.Ability{lm.AbilityMemory}, checkMemory},
	{"training", []lm.Ability{lm.AbilityTrain, lm.AbilityAnswers}, checkTraining},
	{"save", []lm.Ability{lm.AbilitySave}, checkSave},
	{"errors", nil, checkErrors},
	{"state errors", []lm.Ability{lm.AbilityStep}, checkStateErrors},
	{"cancellation", nil, checkCancellation},
	{"concurrency", nil, checkConcurrency},
	{"clocks", nil, checkClocks},
	{"close", nil, checkClose},
}

// Run puts an architecture through every check. It ends early only if the model cannot be loaded.
func Run(ctx context.Context, arch lm.Architecture, o Options) []Check {
	k := newKit(arch, o)
	defer k.close()
	var checks []Check
	for _, c := range table {
		if k.skips(c.name) {
			continue
		}
		result := k.run(ctx, c)
		checks = append(checks, result)
		if c.name == "load" && result.Status == Fail {
			break
		}
	}
	return checks
}

// run executes one check.
func (k *kit) run(ctx context.Context, c check) Check {
	for _, a := range c.abilities {
		if !k.has(a) {
			return Check{Name: c.name, Status: Unavailable, Message: fmt.Sprintf("no ability %s", a)}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, k.options.Timeout)
	defer cancel()
	start := time.Now()
	f, err := c.run(ctx, k)
	result := conclude(c.name, f, err)
	result.Took = time.Since(start)
	return result
}

// conclude turns what a check returns into its result.
func conclude(name string, f figure, err error) Check {
	c := Check{Name: name, Status: Pass, Figure: f.value, Unit: f.unit, Limit: f.limit, Message: f.note}
	var na unavailable
	switch {
	case errors.As(err, &na):
		return Check{Name: name, Status: Unavailable, Message: na.Error()}
	case err != nil:
		c.Status, c.Message = Fail, err.Error()
	case f.limit > 0 && !(f.value <= f.limit): // NaN fails
		c.Status = Fail
	}
	return c
}
