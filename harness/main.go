// Command archbench compares architectures of language models.
package main

import (
	"os"

	"github.com/archbench/archbench/harness/internal/cli"
)

// revision is linked in by the Makefile.
var revision = "unknown"

func main() { os.Exit(cli.Main(os.Args[1:], revision)) }
