package run

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// names returns Names with the shipped models gpt2 and mamba and with llama as the reader of all folders.
func names(notes *[]string) Names {
	return Names{
		Shipped: func(a string) string {
			if a == "gpt2" || a == "mamba" {
				return "/shipped/" + a
			}
			return ""
		},
		Reader: func(dir string) (string, error) {
			if filepath.Base(dir) == "strange" {
				return "", errors.New("nobody reads it")
			}
			return "llama", nil
		},
		Note: func(text string) { *notes = append(*notes, text) },
	}
}

// folders changes to a new directory that contains these folders.
func folders(t *testing.T, dirs ...string) (at func(string) string) {
	t.Helper()
	root := t.TempDir()
	t.Chdir(root)
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return func(dir string) string { return filepath.Join(root, dir) }
}

func TestParse(t *testing.T) {
	at := folders(t, "mine", "gpt2", "run@500", "a:b", "f32", "init:7", "two", "two@int8", "x=y", "strange", "deep/run", `C:\\models`)
	seed := uint64(3)
	folder := func(name, architecture, dir, precision string) ModelSpec {
		return ModelSpec{Name: name, Architecture: architecture, Checkpoint: at(dir), Precision: precision}
	}
	shipped := func(name, architecture, precision string) ModelSpec {
		return ModelSpec{Name: name, Architecture: architecture, Checkpoint: "/shipped/" + architecture, Precision: precision}
	}
	for _, c := range []struct {
		text string
		seed *uint64
		want ModelSpec
		note string
	}{
		{"mine", nil, folder("mine", "llama", "mine", ""), ""},
		{"mine/", nil, folder("mine", "llama", "mine", ""), ""},
		{"./mine", nil, folder("mine", "llama", "mine", ""), ""},
		{at("mine"), nil, folder("mine", "llama", "mine", ""), ""},
		{at("mine") + "/@int8", nil, folder("mine@int8", "llama", "mine", "int8"), ""},
		{"a@int8=mistral:mine@int8", nil, folder("a@int8", "mistral", "mine", "int8"), ""}, // as a run names a precision
		{"mine@int8", nil, folder("mine@int8", "llama", "mine", "int8"), ""},
		{"m=mine@int8", nil, folder("m", "llama", "mine", "int8"), ""},
		{"mistral:mine", nil, folder("", "mistral", "mine", ""), ""},
		{"m=mistral:mine@int8", nil, folder("m", "mistral", "mine", "int8"), ""},
		{"deep/run", nil, folder("run", "llama", "deep/run", ""), ""},
		{"mistral:deep/run/", nil, folder("", "mistral", "deep/run", ""), ""},

		{"gpt2", nil, shipped("", "gpt2", ""), "gpt2 is the shipped model; for the folder of that name use ./gpt2"},
		{"mamba", nil, shipped("", "mamba", ""), ""},
		{"a=gpt2@int8", nil, shipped("a", "gpt2", "int8"), "./gpt2"},
		{"./gpt2", nil, folder("gpt2", "llama", "gpt2", ""), ""},
		{"gpt2/", nil, folder("gpt2", "llama", "gpt2", ""), ""},
		{"gpt2:gpt2", nil, folder("", "gpt2", "gpt2", ""), ""},

		{"run@500", nil, folder("run@500", "llama", "run@500", ""), ""},
		{"mistral:run@500", nil, folder("", "mistral", "run@500", ""), ""},
		{"mistral:run@500@int8", nil, folder("", "mistral", "run@500", "int8"), ""},
		{"a:b", nil, folder("a_b", "llama", "a:b", ""), ""},
		{"mistral:a:b", nil, folder("", "mistral", "a:b", ""), ""},
		{"f32", nil, folder("f32", "llama", "f32", ""), ""},
		{"mistral:f32@f32", nil, folder("", "mistral", "f32", "f32"), ""},
		{"x=y", nil, folder("x_y", "llama", "x=y", ""), ""},
		{"n=x=y", nil, folder("n", "llama", "x=y", ""), ""},
		{`C:\\models`, nil, folder(`C___models`, "llama", `C:\\models`, ""), ""},
		{`n=C:\\models`, nil, folder("n", "llama", `C:\\models`, ""), ""},
		{"two@int8", nil, folder("two@int8", "llama", "two@int8", ""), "there is also a folder two"},

		{"b=bk:init:9", nil, ModelSpec{Name: "b", Architecture: "bk", Seed: 9}, ""},
		{"bk:init:8:124m@int8", nil, ModelSpec{Architecture: "bk", Variant: "124m", Seed: 8, Precision: "int8"}, ""},
		{"mistral:init:7", nil, folder("", "mistral", "init:7", ""), ""},
		{"mamba:tiny@bf16", &seed, ModelSpec{Architecture: "mamba", Variant: "tiny", Seed: 3, Precision: "bf16"}, ""},
		{"mistral:f32", &seed, ModelSpec{Architecture: "mistral", Variant: "f32", Seed: 3}, ""},
		{"gpt2", &seed, ModelSpec{Architecture: "gpt2", Seed: 3}, ""},
	} {
		var notes []string
		n := names(&notes)
		n.Seed = c.seed
		got, err := n.Parse(c.text)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%q: %v\n%s", c.text, err, diff)
		}
		if all := strings.Join(notes, "\n"); !strings.Contains(all, c.note) || (c.note == "") != (all == "") {
			t.Errorf("%q: notes %q, want %q", c.text, all, c.note)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	folders(t, "mine", "strange")
	seed := uint64(3)
	for _, c := range []struct {
		text string
		seed *uint64
		err  string
	}{
		{"", nil, "neither a folder nor a shipped model"},
		{"llama", nil, "llama is neither a folder nor a shipped model"},
		{"gpt2:nowhere", nil, "no folder nowhere"},
		{"gpt2:", nil, "for new weights use gpt2:init:SEED"},
		{"=gpt2:mine", nil, "neither a folder nor a shipped model"},
		{":mine", nil, "neither a folder nor a shipped model"},
		{"gpt2:mine@", nil, "after @ is empty"},
		{"strange", nil, "nobody reads it"},
		{"bk:init:x", nil, `the seed "x" is not a whole number`},
		{"bk:init:", nil, `the seed "" is not a whole number`},
		{"gpt2:./mine", &seed, "omit --init and use gpt2:init:SEED"},
		{"gpt2:init:7", &seed, "already names its seed"},
		{"./mine", &seed, "is not an architecture"},
		{"bk@", &seed, "after @ is empty"},
	} {
		var notes []string
		n := names(&notes)
		n.Seed = c.seed
		if got, err := n.Parse(c.text); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: %+v, error %v, want one with %q", c.text, got, err, c.err)
		}
	}
}

// FuzzParseModel checks that any text parses to a model with an architecture or fails with an error about a model.
func FuzzParseModel(f *testing.F) {
	for _, text := range []string{"a=gpt2:dir@int8", "bk:init:7:3m@bf16", "./x", "gpt2", "a:b@c=d"} {
		f.Add(text, false)
		f.Add(text, true)
	}
	f.Fuzz(func(t *testing.T, text string, seeded bool) {
		var notes []string
		n := names(&notes)
		if seeded {
			n.Seed = new(uint64)
		}
		s, err := n.Parse(text)
		switch {
		case err != nil && !strings.Contains(err.Error(), "model "):
			t.Errorf("%q: %v", text, err)
		case err == nil && (s.Architecture == "" || seeded && s.Checkpoint != ""):
			t.Errorf("%q is %+v", text, s)
		}
	})
}
