package main

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// estimator makes the log ratio of a block from the calls of two models, in round order.
type estimator struct {
	name string
	of   func(base, other []float64) float64
}

var estimators = []estimator{
	{"first call", ofEach(first)},
	{"mean", ofEach(mean)},
	{"median", ofEach(quantile(0.5))},
	{"lower quartile", ofEach(quantile(0.25))},
	{"lower decile", ofEach(quantile(0.1))},
	{"minimum", ofEach(quantile(0))},
	{"median of the rounds' log ratios", inRounds(quantile(0.5))},
	{"trimmed mean of the rounds' log ratios", inRounds(trimmed)},
}

// ofEach compares summaries of the calls of each model.
func ofEach(summary func([]float64) float64) func(base, other []float64) float64 {
	return func(base, other []float64) float64 { return math.Log(summary(other) / summary(base)) }
}

// inRounds summarises the log ratios of the rounds.
func inRounds(summary func([]float64) float64) func(base, other []float64) float64 {
	return func(base, other []float64) float64 {
		logs := make([]float64, min(len(base), len(other)))
		for i := range logs {
			logs[i] = math.Log(other[i] / base[i])
		}
		return summary(logs)
	}
}

func quantile(p float64) func([]float64) float64 {
	return func(values []float64) float64 {
		sorted := slices.Sorted(slices.Values(values))
		at := p * float64(len(sorted)-1)
		low := int(at)
		high := min(low+1, len(sorted)-1)
		return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
	}
}

func first(values []float64) float64 { return values[0] }

func mean(values []float64) float64 { return stat.Mean(values, nil) }

// trimmed is the mean without the lowest and highest fifths.
func trimmed(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	cut := len(sorted) / 5
	return mean(sorted[cut : len(sorted)-cut])
}
