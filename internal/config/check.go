package config

import (
	"fmt"
	"slices"
	"strings"
)

// maxSize bounds a dimension, so that the product of two or three cannot overflow.
const maxSize = 1 << 20

// Sizes are dimensions under their keys.
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

// Positive are numbers above 0 under their keys.
type Positive []struct {
	Key   string
	Value float64
}

// Check returns an error that names the first number that is not above 0.
func (p Positive) Check() error {
	for _, number := range p {
		if !(number.Value > 0) {
			return fmt.Errorf("%s is %g, must be positive", number.Key, number.Value)
		}
	}
	return nil
}

// Words are settings that take one of a few words, under their keys.
type Words []struct {
	Key, Value string
	Allowed    []string
}

// Check returns an error that names the first setting with another word.
func (w Words) Check() error {
	for _, word := range w {
		if !slices.Contains(word.Allowed, word.Value) {
			return fmt.Errorf("%s is %q, must be %s", word.Key, word.Value, strings.Join(word.Allowed, " or "))
		}
	}
	return nil
}
