package config

import (
	"fmt"
	"slices"
	"strings"
)

// maxSize bounds a dimension so that a product of two or three cannot overflow.
const maxSize = 1 << 20

// Sizes are dimensions by key.
type Sizes []struct {
	Key   string
	Value int
}

// Check returns an error that names the first size below 1 or absurdly large.
func (s Sizes) Check() error {
	for _, size := range s {
		if size.Value < 1 || size.Value > maxSize {
			return fmt.Errorf("%s is %d, must be from 1 to %d", size.Key, size.Value, maxSize)
		}
	}
	return nil
}

// Positive are numbers, by key, that must be above 0.
type Positive []struct {
	Key   string
	Value float64
}

// Check returns an error that names the first number not above 0.
func (p Positive) Check() error {
	for _, number := range p {
		if !(number.Value > 0) {
			return fmt.Errorf("%s is %g, must be positive", number.Key, number.Value)
		}
	}
	return nil
}

// Rates are probabilities, by key, from 0 to less than 1.
type Rates []struct {
	Key   string
	Value float64
}

// Check returns an error that names the first rate out of range.
func (r Rates) Check() error {
	for _, rate := range r {
		if !(rate.Value >= 0 && rate.Value < 1) {
			return fmt.Errorf("%s is %g, must be from 0 to less than 1", rate.Key, rate.Value)
		}
	}
	return nil
}

// Words are settings, by key, that allow only a few words.
type Words []struct {
	Key, Value string
	Allowed    []string
}

// Check returns an error that names the first setting with any other word.
func (w Words) Check() error {
	for _, word := range w {
		if !slices.Contains(word.Allowed, word.Value) {
			return fmt.Errorf("%s is %q, must be %s", word.Key, word.Value, strings.Join(word.Allowed, " or "))
		}
	}
	return nil
}
