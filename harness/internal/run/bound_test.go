package run

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/archbench/archbench/harness/internal/suite"
)

// TestBounds plans runs too large to expand: they must be rejected by count.
func TestBounds(t *testing.T) {
	for _, c := range []struct {
		name string
		set  map[string]string
		most Options
		want string // "" is a plan
	}{
		{"a plan", map[string]string{"prefill.len": numbers(40), "repeats": "2"}, Options{}, ""},
		{"too many cells", map[string]string{"prefill.len": numbers(1000), "prefill.batch": numbers(1000)}, Options{}, "with probe prefill the grids make 1000000 cells; for more than 100000 use --max-cells"},
		{"more than an integer holds", map[string]string{"prefill.len": numbers(60000), "prefill.batch": numbers(60000),
			"precision": strings.ReplaceAll("p"+numbers(60000), ",", ",p"), "decode.depth": numbers(60000), "decode.batch": numbers(60000)}, Options{}, "cells"},
		{"a lower bound", map[string]string{"prefill.len": numbers(40)}, Options{MaxCells: 40}, "with probe decode the grids make 41 cells; for more than 40 use --max-cells"},
		{"a higher bound", map[string]string{"prefill.len": numbers(40)}, Options{MaxCells: 41}, ""},
		{"too many repeats", map[string]string{"repeats": "10001"}, Options{}, "10001 repeats; for more than 10000 use --max-repeats 10001"},
		{"the most repeats", map[string]string{"repeats": "1000000000"}, Options{}, "repeats; for more than 10000"},
		{"as many as asked for", map[string]string{"repeats": "20000"}, Options{MaxRepeats: 20000}, ""},
	} {
		o := options(t, honest(), "name: s\nprobes:\n  - {probe: prefill}\n  - {probe: decode, grid: {depth: 16}}\n", "a")
		o.MaxCells, o.MaxRepeats = c.most.MaxCells, c.most.MaxRepeats
		for key, values := range c.set {
			if err := o.Suites[0].Set(key, values); err != nil {
				t.Fatal(err)
			}
		}
		err := bounded(o)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if _, prepared := Prepare(context.Background(), o); err != nil && (prepared == nil || prepared.Error() != err.Error()) {
			t.Errorf("%s: Prepare returns %v", c.name, prepared)
		}
	}
}

// numbers returns n consecutive integers from 2.
func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(i + 2))
	}
	return b.String()
}

// TestCellsOf compares the count with the expansion.
func TestCellsOf(t *testing.T) {
	o := options(t, honest(), mixed, "a", "b")
	o.Models[1].Precision = "int4"
	o.Suites[0].Parts[0].Precisions = []string{"f32", "int8"}
	total := 0.0
	for _, p := range o.Suites[0].Parts {
		total += cellsOf(p, o.Models)
	}
	requests, err := expand(o)
	if err != nil {
		t.Fatal(err)
	}
	requests = slices.DeleteFunc(requests, func(w cellRequest) bool { return w.part.Suite == "causality" || w.spare }) // added by the harness
	if total != float64(len(requests)) {
		t.Errorf("counted %v, expanded to %d", total, len(requests))
	}
	if got := cellsOf(suite.Part{Grid: []suite.Axis{{Values: nil}}}, o.Models); got != 0 {
		t.Errorf("an empty axis makes %v cells", got)
	}
}
