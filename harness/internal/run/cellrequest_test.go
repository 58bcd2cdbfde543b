package run

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/suite"
)

// TestOneModelUnderTwoNames compares a model with itself: both must be measured in every block.
func TestOneModelUnderTwoNames(t *testing.T) {
	o := options(t, honest(), mixed)
	o.Models = []ModelSpec{{Name: "x", Architecture: "a"}, {Name: "y", Architecture: "a"}}
	r := execute(t, openDB(t), o)
	seen := map[string]bool{}
	for i := range r.Cells {
		c := &r.Cells[i]
		if c.Status != record.OK || measuredBlocks(c) != c.Repeats || seen[c.ID] {
			t.Errorf("%s %s %s: %s, %d of %d blocks, cell %.8s", c.Probe, c.Model, c.Point, c.Status, measuredBlocks(c), c.Repeats, c.ID)
		}
		seen[c.ID] = true
	}
	if x, y := len(cells(r, "prefill", "x")), len(cells(r, "prefill", "y")); x != 3 || y != 3 {
		t.Errorf("%d and %d cells of prefill, want 3 each", x, y)
	}
	alone := o
	alone.Models = o.Models[:1]
	p, err := Prepare(context.Background(), alone)
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Run.Cells {
		if !seen[p.Run.Cells[i].ID] {
			t.Errorf("cell %d of x has another ID when y is measured too", i)
		}
	}
}

// TestModelsOfAPart checks that every model named by the user is measured, and none twice unless requested.
func TestModelsOfAPart(t *testing.T) {
	type names map[string]string // model -> family
	for _, c := range []struct {
		name   string
		models []ModelSpec
		part   suite.Part
		want   names
	}{
		{"as named", []ModelSpec{{Architecture: "a"}, {Name: "b", Architecture: "a", Precision: "int4"}}, suite.Part{}, names{"a": "", "b": ""}},
		{"precisions of a suite", []ModelSpec{{Architecture: "a"}}, suite.Part{Precisions: []string{"f32", "int8"}}, names{"a": "", "a@int8": "a"}},
		{"precisions of the user", []ModelSpec{{Architecture: "a"}}, suite.Part{Precisions: []string{"f32", "int8"}, Asked: true}, names{"a": "", "a@int8": ""}},
		{"one precision of the user", []ModelSpec{{Architecture: "a"}}, suite.Part{Precisions: []string{"int8"}, Asked: true}, names{"a@int8": ""}},
		{"a named precision among others", []ModelSpec{{Architecture: "a"}, {Name: "b", Architecture: "b", Precision: "int4"}},
			suite.Part{Precisions: []string{"f32", "int8"}, Asked: true}, names{"a": "", "a@int8": "", "b": "", "b@f32": "", "b@int8": ""}},
		{"one model twice", []ModelSpec{{Name: "x", Architecture: "a"}, {Name: "y", Architecture: "a"}},
			suite.Part{Precisions: []string{"f32", "int8"}}, names{"x": "", "y": "", "x@int8": "x", "y@int8": "y"}},
		{"a precision with a name", []ModelSpec{{Name: "x", Architecture: "a"}, {Name: "y", Architecture: "a", Precision: "int8"}},
			suite.Part{Precisions: []string{"f32", "int8", "int4"}}, names{"x": "", "x@int4": "x", "y": ""}},
		{"duplicate precision", []ModelSpec{{Architecture: "a"}}, suite.Part{Precisions: []string{"int8", "int8"}}, names{"a@int8": "a"}},
	} {
		got := names{}
		for _, s := range specs(c.models, c.part) {
			if _, again := got[s.Name]; again {
				t.Errorf("%s: duplicate %s", c.name, s.Name)
			}
			got[s.Name] = s.Family
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}

func TestDuplicateNamesAreRefused(t *testing.T) {
	for name, models := range map[string][]ModelSpec{
		"the same":       {{Name: "x", Architecture: "a"}, {Name: "x", Architecture: "a"}},
		"without a name": {{Architecture: "a"}, {Architecture: "a"}},
		"another":        {{Name: "x", Architecture: "a"}, {Name: "x", Architecture: "b"}},
		"made by a part": {{Name: "x", Architecture: "a"}, {Name: "x@int8", Architecture: "b"}},
	} {
		o := options(t, honest(), mixed)
		o.Models = models
		if name == "made by a part" {
			if err := o.Suites[0].Set("precision", "f32,int8"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Prepare(context.Background(), o); err == nil || !strings.Contains(err.Error(), "two models are called") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCombinedPrecision checks that a plugin is asked for a combined precision if it offers every part. Only the model
// knows the component names.
func TestCombinedPrecision(t *testing.T) {
	for precision, want := range map[string]record.Status{"int8+ffn.int4+output_proj.bf16": record.OK, "int8+ffn.nf4": record.Unavailable} {
		o := options(t, honest(), "name: s\nprobes:\n  - {probe: cost, grid: {len: 16}}\n", "a")
		o.Models[0].Precision = precision
		if c := cells(execute(t, openDB(t), o), "cost", "a@"+precision)[0]; c.Status != want {
			t.Errorf("%s: %s %s", precision, c.Status, c.Reason)
		}
	}
}

// TestSpeedsHaveTheirQuality checks that a model that is timed in a low precision is also compared with f32, once, and that no
// other is: with random weights or a text that nobody can read by a cell of its own.
func TestSpeedsHaveTheirQuality(t *testing.T) {
	const speed = "  - {probe: prefill, grid: {len: [16, 32]}}\n"
	for name, tc := range map[string]struct {
		spoil func(f *fakes)
		suite string
		want  map[string]int // cells by model
	}{
		"speed":              {nil, "precisions: [f32, int8, int4]\nprobes:\n" + speed, map[string]int{"a@int8": 1, "a@int4": 1}},
		"f32":                {nil, "probes:\n" + speed, map[string]int{}},
		"no times":           {nil, "precisions: [int8]\nprobes:\n  - {probe: memory, grid: {len: 16}}\n", map[string]int{}},
		"quality":            {nil, "precisions: [int8]\nprobes:\n  - {probe: quality, with: {text_bytes: 1024}}\n" + speed, map[string]int{}},
		"on request":         {nil, "precisions: [int8]\nprobes:\n  - {probe: divergence, with: {documents: 7}}\n" + speed, map[string]int{"a@int8": 1}},
		"beyond the context": {func(f *fakes) { f.all["a"].Limit = 15 }, "precisions: [int8]\nprobes:\n" + speed, map[string]int{}},
	} {
		f := honest()
		if tc.spoil != nil {
			tc.spoil(f)
		}
		r := execute(t, openDB(t), options(t, f, "name: s\nrepeats: 6\nspan: 0s\n"+tc.suite, "a"))
		got := map[string]int{}
		for _, c := range r.All() {
			if c.Probe == "divergence" {
				got[c.Model]++
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		ix := result.New(r)
		for _, c := range r.All() {
			if j := ix.Judge(c); j.Validity == result.Invalid || c.Status == record.Failed {
				t.Errorf("%s: %s of %s is %s, %v, %v", name, c.Probe, c.Model, c.Status, j, c.Failure)
			}
		}
	}
}

// TestReferenceThatDoesNotFit measures a model beside which its weights in f32 do not fit: its losses are measured without
// them, and its divergence is n/a.
func TestReferenceThatDoesNotFit(t *testing.T) {
	const text = "name: s\nprecisions: [f32, int8]\nprobes:\n  - {probe: quality, with: {text_bytes: 1024}}\n  - {probe: divergence}\n"
	const why = "its weights in f32 do not fit into memory beside it: 3.906 KiB"
	p, err := Prepare(t.Context(), options(t, honest(), text, "a"))
	if err != nil {
		t.Fatal(err)
	}
	p.limits.Memory = 7000 // for 4000 bytes of weights, and 1000 parameters
	db := openDB(t)
	if err := Execute(t.Context(), db, p); err != nil {
		t.Fatal(err)
	}
	r := load(t, db, p.Run.ID)
	for model, missing := range map[string][]record.Missing{"a": nil, "a@int8": {{Metric: probe.DocumentKL, Reason: why}}} {
		c := cells(r, "quality", model)[0]
		if diff := cmp.Diff(missing, c.Missing); diff != "" || len(result.Documents(c)) != 4 {
			t.Errorf("%s: %d documents, %s", model, len(result.Documents(c)), diff)
		}
	}
	if c := cells(r, "divergence", "a@int8")[0]; c.Status != record.Unavailable || c.Reason != why {
		t.Errorf("the divergence is %s (%s)", c.Status, c.Reason)
	}
}
