// Command archbench compares architectures of language models.
package main

import (
	"os"
	"runtime/debug"

	"github.com/archbench/archbench/harness/internal/cli"
)

// revision is linked in by the Makefile.
var revision = ""

func main() { os.Exit(cli.Main(os.Args[1:], version())) }

// version is the revision that was linked in, else that of the module which go install has built.
func version() string {
	if revision != "" {
		return revision
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
