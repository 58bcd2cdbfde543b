// Package lint checks which packages may import which.
package lint

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/archbench/archbench/internal/sharedtest"
)

const module = "github.com/archbench/archbench/"

// heavy lists the only importers of each heavy dependency, by path prefix within the module.
var heavy = map[string][]string{
	"github.com/mattn/go-sqlite3":    {"harness/internal/store"},
	"github.com/parquet-go":          {"harness/internal/exchange"},
	"gonum.org/v1/plot":              {"harness/internal/chart"},
	"github.com/spf13/cobra":         {"harness/internal/cli"},
	"github.com/goccy/go-yaml":       {"harness/internal/suite", "harness/internal/claim", "harness/internal/experiment"},
	"github.com/hashicorp/go-plugin": {"lm/lmplugin"},
	"github.com/dlclark/regexp2":     {"internal/tokenizer"},
	"google.golang.org/grpc":         {"lm/lmplugin", "lm/lmpb"},
	"google.golang.org/protobuf":     {"lm/lmplugin", "lm/lmpb", "internal/tokenizer"},
	"gorgonia.org/tensor":            {"internal/nn", "internal/study"},
	"gonum.org/v1/gonum/mat":         {"internal/study"},

	"database/sql":                    {"harness/internal/store"},
	module + "harness/internal/chart": {"harness/internal/report"},
	module + "harness/internal/store": {"harness/internal/run", "harness/internal/cli"}, // others use package record
}

// ranks orders the packages from records to the command line; each may import lower ranks only.
var ranks = map[string]int{
	"harness/internal/record": 0, "harness/internal/stat": 0, "harness/internal/unit": 0,
	"harness/internal/table": 1, "harness/internal/chart": 1, "harness/internal/probe": 1,
	"harness/internal/result": 2, "harness/internal/claim": 3, "harness/internal/exchange": 3, "harness/internal/ci": 3, "harness/internal/report": 4, "harness/internal/bundle": 5,
	"harness/internal/cli": 6,
}

// numeric lists the packages that compute, directly or through imports.
var numeric = []string{
	"internal/kernel", "internal/nn", "internal/state", "internal/engine", "internal/analytic", "internal/modeltest",
	"internal/study",
}

// listed is a package in the output of `go list -json`.
type listed struct {
	ImportPath string
	Imports    []string
}

// packages returns the module's packages without their tests.
func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = sharedtest.RepoRoot(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p listed
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

func TestWhoImportsWhom(t *testing.T) {
	for _, p := range packages(t) {
		from, inModule := strings.CutPrefix(p.ImportPath, module)
		if !inModule {
			continue
		}
		for _, imported := range p.Imports {
			if reason := forbidden(from, imported); reason != "" {
				t.Errorf("%s imports %s: %s", from, imported, reason)
			}
		}
	}
}

// forbidden returns why package from may not import package to, or "".
func forbidden(from, to string) string {
	for dependency, importers := range heavy {
		if within(to, dependency) && !withinAny(from, importers) {
			return "only " + strings.Join(importers, ", ") + " may"
		}
	}
	own, inModule := strings.CutPrefix(to, module)
	if lower, ranked := ranks[from]; ranked && inModule {
		if higher, ranked := ranks[own]; ranked && higher >= lower {
			return "measuring, results, tables and reports depend on each other in one direction"
		}
	}
	switch {
	case own == "internal/kernel/amxemu":
		return "only tests may"
	case from == "lm" && (inModule || strings.Contains(strings.Split(to, "/")[0], ".")):
		return "the contract imports the standard library only"
	case from == "harness/internal/record" && inModule:
		return "records import the standard library only"
	case within(from, "plugins") && inModule:
		if !within(own, "internal") && own != "lm" && own != "lm/lmplugin" && own != "lm/lmtest" && !within(own, from) {
			return "plugins import the contract and the shared internals only"
		}
	case from == "harness/internal/cli" && own == "internal/study":
		// Studying stored weights runs no model and times nothing; see decision 8.
	case within(from, "harness") && inModule:
		if within(own, "plugins") || withinAny(own, numeric) {
			return "the harness talks to models over gRPC only"
		}
	case withinAny(from, []string{"internal/tokenizer", "internal/safetensors", "internal/checkpoint"}):
		if withinAny(own, numeric) {
			return "the harness imports it, so it must not import numeric packages"
		}
	}
	return ""
}

// within reports whether path is tree or lies below it.
func within(path, tree string) bool { return path == tree || strings.HasPrefix(path, tree+"/") }

func withinAny(path string, trees []string) bool {
	for _, tree := range trees {
		if within(path, tree) {
			return true
		}
	}
	return false
}

func TestForbiddenFindsViolations(t *testing.T) {
	for _, c := range []struct{ from, to string }{
		{"lm", module + "internal/half"},
		{"lm", "google.golang.org/grpc"},
		{"plugins/bk", module + "plugins/gpt2"},
		{"plugins/bk", module + "harness/internal/store"}, {"harness/internal/report", module + "harness/internal/store"},
		{"harness/internal/record", module + "lm"}, {"harness/internal/table", module + "harness/internal/probe"},
		{"harness/internal/probe", module + "harness/internal/report"}, {"harness/internal/result", module + "harness/internal/report"}, {"harness/internal/result", module + "harness/internal/chart"},
		{"harness/internal/run", "database/sql"},
		{"plugins/bk", "github.com/spf13/cobra"},
		{"harness/internal/probe", module + "internal/kernel"},
		{"harness/internal/probe", module + "internal/analytic"},
		{"harness/internal/report", "gonum.org/v1/plot/plotter"},
		{"harness/internal/run", module + "internal/study"},
		{"internal/checkpoint", module + "internal/nn"},
		{"internal/kernel", module + "internal/kernel/amxemu"},
	} {
		if forbidden(c.from, c.to) == "" {
			t.Errorf("%s may import %s", c.from, c.to)
		}
	}
	for _, c := range []struct{ from, to string }{
		{"lm", "context"}, {"plugins/bk", module + "internal/nn"}, {"harness/internal/store", "github.com/mattn/go-sqlite3"},
		{"harness/internal/report", module + "harness/internal/result"}, {"harness/internal/result", module + "harness/internal/probe"}, {"harness/internal/run", module + "lm/lmplugin"}, {"harness/internal/text", module + "internal/tokenizer"},
		{"harness/internal/cli", module + "internal/study"},
	} {
		if reason := forbidden(c.from, c.to); reason != "" {
			t.Errorf("%s must be able to import %s, but: %s", c.from, c.to, reason)
		}
	}
}

// Packages are named for their purpose.
func TestPackageNames(t *testing.T) {
	for _, p := range packages(t) {
		parts := strings.Split(p.ImportPath, "/")
		switch last := parts[len(parts)-1]; last {
		case "util", "utils", "common", "helpers", "base", "types", "manager":
			t.Errorf("package %s is called %q", p.ImportPath, last)
		}
	}
}
