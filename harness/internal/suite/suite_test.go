package suite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/probe"
)

const good = `name: mine
version: 2
summary: a test
budget: 90s
repeats: 12
precisions: [f32, int8]
probes:
  - probe: prefill
    grid:
      len: [64, 128..512*2]
      batch: 2
  - probe: decode
    repeats: 11
    with: {tokens: 65}
  - probe: cost
    grid:
      phase: [decode, train]
`

func TestParse(t *testing.T) {
	s, err := Parse("suites/mine.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "mine" || s.Version != 2 || s.Budget != 90*time.Second || len(s.Parts) != 3 {
		t.Errorf("got %+v", s)
	}
	var points []string
	for _, p := range s.Parts[0].Points() {
		points = append(points, p.String())
	}
	want := []string{"len=64 batch=2", "len=128 batch=2", "len=256 batch=2", "len=512 batch=2"}
	if diff := cmp.Diff(want, points); diff != "" {
		t.Error(diff)
	}
	decode, cost := s.Parts[1], s.Parts[2]
	if s.Parts[0].Repeats != 12 || decode.Repeats != 11 || cost.Repeats != 1 || decode.Params.Get("tokens") != "65" {
		t.Errorf("repeats %d, %d, %d; params %v", s.Parts[0].Repeats, decode.Repeats, cost.Repeats, decode.Params)
	}
	if len(cost.Points()) != 2 || len(decode.Precisions) != 2 || decode.Suite != "mine" {
		t.Errorf("cost %v, decode %+v", cost.Points(), decode)
	}
}

// mistakes are invalid suites with their errors. Some are beyond what a schema can express.
var mistakes = []struct {
	yaml, want   string
	beyondSchema bool
}{
	{"name: x\nprobes:\n  - probe: prefill\n    grid:\n      seqq: [1]\n", `s.yaml:5:7: unknown axis "seqq" of probe prefill: it has batch, len`, false},
	{"name: x\nseqq: 1\nprobes:\n  - probe: prefill\n", `s.yaml:2:1: unknown key "seqq"`, false},
	{"name: x\nprobes:\n  - probe: prefil\n", `s.yaml:3:12: unknown probe "prefil"`, false},
	{"name: x\nprobes:\n  - grid: {len: 5}\n", "needs the name of its probe", false},
	{"name: x\nprobes:\n  - probe: prefill\n    grid: {len: [12, none]}\n", `s.yaml:4:17: len is a whole number of at least 2, not "none"`, false},
	{"name: x\nprobes:\n  - probe: cost\n    grid: {phase: sleep}\n", "phase is one of", false},
	{"name: x\nprobes:\n  - probe: prefill\n    grid: {len: 1024..512*2}\n", "is not of the form first..last*factor", true},
	{"name: x\nprobes:\n  - probe: prefill\n    grid: {len: 8..512+2}\n", "is not of the form first..last*factor", false},
	{"name: x\nprobes:\n  - probe: prefill\n    grid: {len: [8, 8]}\n", "duplicate value 8", true},
	{"name: x\nprobes:\n  - probe: decode\n    with: {tokens: 8}\n", "tokens is a whole number of at least 64", false},
	{"name: x\nprobes:\n  - probe: decode\n    with: {tokens: [64, 65]}\n", "takes one value", false},
	{"name: x\nprobes:\n  - probe: cost\n    repeats: 3\n", "is not repeated", false},
	{"name: x\nprobes:\n  - probe: prefill\n    repeats: 0\n", "expected a whole number of at least 1", false},
	{"name: x\nprobes: []\n", "expected a list with entries", false},
	{"name: x\nprobes: 3\n", `expected a list with entries, found "3"`, false},
	{"name: x\n", "needs probes, or others to include", false},
	{"probes:\n  - probe: prefill\n", "a suite needs a name", false},
	{"name: Über\nprobes:\n  - probe: prefill\n", "expected a name of small letters", false},
	{"name: x\nname: y\nprobes:\n  - probe: prefill\n", `s.yaml:2:1: `, true},
	{"name: x\nbudget: soon\nprobes:\n  - probe: prefill\n", "expected a duration like 5m", true},
	{"name: x\ninclude:\n  - suite: nothing\n", `s.yaml:3:12: unknown suite "nothing": there are causality,`, true},
	{"name: x\ninclude:\n  - suite: speed\n    set: {seqq: 3}\n", "no probe of suite speed has this key", true},
	{"name: x\ninclude:\n  - suite: speed\n    drop: [cost]\n", `suite speed has no probe "cost"`, true},
	{"name: x\ninclude:\n  - set: {len: 3}\n", "needs the name of its suite", false},
	{"- a\n", "expected keys with values, found a list", false},
	{"", "one YAML document", true},
	{"name: [x\n", "s.yaml:1:", true},
	{"name: x\nprobes: " + strings.Repeat("[", 101), "more than 100 brackets", true},
	{"name: &a x\nprobes:\n  - probe: prefill\n", "an anchor or alias", true},
}

func TestMistakes(t *testing.T) {
	for _, c := range mistakes {
		_, err := Parse("s.yaml", []byte(c.yaml))
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v\nwant %q for\n%s", err, c.want, c.yaml)
		}
	}
	_, err := Parse("s.yaml", []byte(mistakes[0].yaml))
	if want := ">  5 |       seqq: [1]"; !strings.Contains(err.Error(), want) {
		t.Errorf("no excerpt with %q in\n%v", want, err)
	}
}

func TestInclude(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("mine.yaml", good)
	path := write("all.yaml", "name: all\ninclude:\n  - suite: mine\n    set: {prefill.len: [8, 16], tokens: 70}\n    drop: [cost]\n  - suite: causality\n")
	s, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Parts) != 3 || s.Parts[0].Suite != "mine" || len(s.Parts[0].Points()) != 2 || s.Parts[1].Params.Get("tokens") != "70" {
		t.Errorf("got %+v", s.Parts)
	}
	write("a.yaml", "name: a\ninclude:\n  - suite: b\n")
	write("b.yaml", "name: b\ninclude:\n  - suite: a\n")
	loop := write("loop.yaml", "name: loop\ninclude:\n  - suite: a\n")
	if _, err := Load(loop); err == nil || !strings.Contains(err.Error(), "include each other") {
		t.Errorf("loop: %v", err)
	}
}

// TestIncludeBomb reads suites that each include the next one twice, 2³⁰ in all.
func TestIncludeBomb(t *testing.T) {
	dir := t.TempDir()
	for i := range 30 {
		text := fmt.Sprintf("name: s%d\ninclude:\n  - suite: s%d\n  - suite: s%d\n", i, i+1, i+1)
		if i == 29 {
			text = "name: s29\nprobes:\n  - probe: prefill\n"
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("s%d.yaml", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Load(filepath.Join(dir, "s0.yaml"))
	if err == nil || !strings.Contains(err.Error(), "more than 1000 suites are included") || strings.Count(err.Error(), ".yaml:") != 1 {
		t.Errorf("error %v", err)
	}
}

// TestByteOrderMark reads a suite as some editors save it.
func TestByteOrderMark(t *testing.T) {
	if s, err := Parse("s.yaml", []byte("\ufeff"+good)); err != nil || s.Name != "mine" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestSet(t *testing.T) {
	quick, err := Load("quickstart")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ key, values, want string }{
		{"len", "128,512", ""},
		{"prefill.len", "64..256*2", ""},
		{"precision", "f32,int4", ""},
		{"repeats", "12", ""},
		{"text_bytes", "4096", ""},
		{"seqq", "1", "no probe of suite quickstart has this key; it has causality.len"},
		{"decode.len", "1", "no probe of suite quickstart has this key"},
		{"len", "1,2", "at least"},
		{"len", "", "empty"},
		{"repeats", "1,2", "one whole number"},
	} {
		err := quick.Set(c.key, c.values)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("set %s=%s: %v, want %q", c.key, c.values, err, c.want)
		}
	}
	for _, p := range quick.Parts {
		if p.Probe == probe.Find("prefill") && p.Suite == "speed" && (len(p.Points()) != 3 || p.Repeats != 12) {
			t.Errorf("after the changes: %v, %d repeats", p.Points(), p.Repeats)
		}
	}
	if err := quick.Only("prefill", "cost"); err != nil || len(quick.Parts) != 3 {
		t.Errorf("only prefill and cost leaves %d parts, %v", len(quick.Parts), err)
	}
	if err := quick.Only("decode"); err == nil {
		t.Error("a probe that was left out is still there")
	}
}

// TestQuickstart checks that the quickstart does what it promises.
func TestQuickstart(t *testing.T) {
	s, err := Load("quickstart")
	if err != nil {
		t.Fatal(err)
	}
	suites := map[string]bool{}
	for _, p := range s.Parts {
		suites[p.Suite] = true
		if p.Probe.Timing && p.Repeats < 10 {
			t.Errorf("%s is repeated %d times", p.Probe.Name, p.Repeats)
		}
		if p.Probe.Name == "quality" && p.Params.Get("text_bytes") != "65536" {
			t.Errorf("scored text: %v", p.Params)
		}
	}
	if len(suites) != 6 {
		t.Errorf("suites %v, want six", suites)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(good)
	for _, c := range mistakes {
		f.Add(c.yaml)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("s.yaml", []byte(text))
		if err == nil && (s.Name == "" || len(s.Parts) == 0) {
			t.Errorf("an empty suite was accepted: %q", text)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "s.yaml:") {
			t.Errorf("error %q names no file", err)
		}
	})
}
