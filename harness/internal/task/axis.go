package task

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Axis is a setting of a task, most often a difficulty.
type Axis struct {
	Name    string
	Default string
	Doc     string
	Words   []string // allowed besides numbers
	Type    Type
	Lo, Hi  float64 // bounds of numbers
}

// Type is the type of an axis.
type Type int

// The types of axes.
const (
	Word   Type = iota // one of Words
	Whole              // a whole number
	Real               // a number
	Wholes             // whole numbers joined by +; each example draws one of them
)

// whole is an axis of whole numbers.
func whole(name string, value, lo, hi int, doc string) Axis {
	return Axis{Name: name, Default: strconv.Itoa(value), Type: Whole, Lo: float64(lo), Hi: float64(hi), Doc: doc}
}

// share is an axis of numbers from 0 to 1.
func share(name string, value float64, doc string) Axis {
	return Axis{Name: name, Default: spell(value), Type: Real, Hi: 1, Doc: doc}
}

// words is an axis of words; the first is the default.
func words(name, doc string, words ...string) Axis {
	return Axis{Name: name, Default: words[0], Words: words, Doc: doc}
}

// or allows words besides the numbers of an axis; the first is the default.
func (a Axis) or(words ...string) Axis {
	a.Words, a.Default = words, words[0]
	return a
}

// mixed allows several numbers, of which each example draws one.
func (a Axis) mixed() Axis {
	a.Type = Wholes
	return a
}

// Allowed describes the values of an axis, for example "a whole number from 1 to 16, or random".
func (a Axis) Allowed() string {
	if a.Type == Word {
		return strings.Join(a.Words, " or ")
	}
	said := [...]string{Whole: "a whole number", Real: "a number", Wholes: "whole numbers joined by +, each"}[a.Type]
	said += fmt.Sprintf(" from %s to %s", spell(a.Lo), spell(a.Hi))
	if a.Words != nil {
		said += ", or " + strings.Join(a.Words, " or ")
	}
	return said
}

// spell is the one spelling of a number.
func spell(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// check returns a value in its one spelling, or an error.
func (a Axis) check(value string) (string, error) {
	if slices.Contains(a.Words, value) {
		return value, nil
	}
	parts := strings.Split(value, "+")
	ok := a.Type != Word && (a.Type == Wholes || len(parts) == 1)
	for i, part := range parts {
		v, err := strconv.ParseFloat(part, 64)
		ok = ok && err == nil && v >= a.Lo && v <= a.Hi && (a.Type == Real || v == float64(int64(v)))
		parts[i] = spell(v)
	}
	if !ok {
		return "", fmt.Errorf("%s is %q, want %s", a.Name, value, a.Allowed())
	}
	return strings.Join(parts, "+"), nil
}

// settings are checked values of axes by name.
type settings map[string]string

// decimal returns a number.
func (s settings) decimal(name string) float64 {
	v, _ := strconv.ParseFloat(s[name], 64) // checked when it was set
	return v
}

// whole returns a whole number.
func (s settings) whole(name string) int { return int(s.decimal(name)) }

// wholes returns the numbers of a list.
func (s settings) wholes(name string) (all []int) {
	for part := range strings.SplitSeq(s[name], "+") {
		v, _ := strconv.ParseFloat(part, 64) // checked when it was set
		all = append(all, int(v))
	}
	return all
}

// The places of the loss.
const (
	lossAnswers = "answers"
	lossAll     = "all"
)

// common are the axes that every kind has: how many examples each side has, and where training takes the loss, the default
// first.
func common(examples, heldOut int, losses ...string) []Axis {
	return []Axis{
		whole("examples", examples, 0, 1e9, "different training examples; 0: none repeats"),
		whole("held-out", heldOut, 1, 1e9, "examples of the validation, and of the test"),
		words("loss", "targets in training: the answers alone, or every next token too", losses...),
		whole("seed", 0, 0, 1<<53, "of all examples"),
	}
}
