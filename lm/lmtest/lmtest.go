// Package lmtest is the conformance kit of package lm: it checks what every plugin must do, whatever its architecture.
//
// [Run] runs all checks on an lm.Architecture, in the same process or behind the plugin boundary, and returns a [Check]
// for each, with the measured figure. It tests by perturbation whether a model that declares itself causal sees the
// future, whether a text fed in pieces gives the same results as the whole text, whether calls can be cancelled, and so on.
// Undeclared abilities are n/a. [CompareFixture] compares a plugin with stored outputs of a reference implementation.
// [Report] reports checks as the results of a Go test.
//
// The harness can measure a plugin that passes. Only a fixture can show that its mathematics is right.
package lmtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	Figure  float64 // measured value in Unit
	Unit    string  // "": the check has no figure
	Limit   float64 // maximum of the figure; 0: none
	Message string  // what failed, why it is n/a, or a remark
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
	Device     string // "": the plugin's default
	Options    map[string]string
	// Tokens is the length of the test documents, reduced to the context limit; 0 is 160.
	Tokens int
	// Chunks are chunk sizes to test besides 1, 3, 7 and 64; for a sliding window W, add W-1, W and W+1.
	Chunks []int
	// Tolerance bounds the difference of f32 logits between ways of feeding the same text; 0 is 1e-4.
	Tolerance float64
	// Timeout bounds each check; 0 is 2 minutes.
	Timeout time.Duration
	// TempDir is the folder for saved models; "" is the system's.
	TempDir string
	// Skip names the checks to leave out.
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

// Report logs every check to t, and fails t for each failed check.
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

// figure is the result of a measurement. A limit of 0 means none.
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

// setup lists the checks that need no loaded model.
var setup = []check{
	{"describe", nil, checkDescribe},
	{"load", nil, checkLoad},
	{"load errors", nil, checkLoadErrors},
}

// table lists the checks of the loaded model. They run in this order, after setup.
var table = []check{
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

// Run runs every check on an architecture. It ends early only if the model cannot be loaded.
func Run(ctx context.Context, arch lm.Architecture, o Options) []Check {
	k := newKit(arch, o)
	defer k.close()
	var checks []Check
	for i, c := range slices.Concat(setup, table) {
		if slices.Contains(o.Skip, c.name) {
			continue
		}
		result := k.run(ctx, c, i >= len(setup))
		checks = append(checks, result)
		if c.name == "load" && result.Status == Fail {
			break
		}
	}
	return checks
}

// run runs one check.
func (k *kit) run(ctx context.Context, c check, needsModel bool) Check {
	for _, a := range c.abilities {
		if !k.has(a) {
			return Check{Name: c.name, Status: Unavailable, Message: fmt.Sprintf("no ability %s", a)}
		}
	}
	if needsModel && k.model == nil {
		return Check{Name: c.name, Status: Unavailable, Message: "no model is loaded"}
	}
	ctx, cancel := context.WithTimeout(ctx, k.options.Timeout)
	defer cancel()
	start := time.Now()
	f, err := c.run(ctx, k)
	result := conclude(c.name, f, err)
	result.Took = time.Since(start)
	return result
}

// conclude turns a figure and an error into a Check.
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
