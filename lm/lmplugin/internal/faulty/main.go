// Command faulty is a plugin that fails on demand, for tests of hosts. Its models are toys; the loaded variant selects the
// fault of Score:
//
//	default   none                       crash    exits with code 3
//	panic     a panic in the call        abort    a panic in another goroutine, which ends the process
//	hang      never returns              oom      allocates without end
//	flood     64 MiB of text on stderr   nan      NLL and logits are NaN
//	leak      sees the next token, though declared causal
//	child     starts a process that outlives it; the last line on stderr is its PID
//	daemon    the same in its own session; stranger: also with its own environment; orphan: its parent has exited
//	files     prints the paths of its open files
//
// $ARCHBENCH_FAULT, or the name of the executable after "archbench-plugin-", selects a fault before the first call:
//
//	noise     prints to stdout before the handshake     version   speaks a future protocol version
//	mute      no handshake                              early     exits with code 4 at once
//	silent    no description
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/internal/toy"
	"github.com/archbench/archbench/lm/lmplugin"
)

func main() {
	name := strings.TrimPrefix(filepath.Base(os.Args[0]), lmplugin.Prefix)
	switch cmp.Or(os.Getenv("ARCHBENCH_FAULT"), name) {
	case "noise":
		fmt.Println("loading, please wait")
	case "version":
		fmt.Println("1|999|unix|/nowhere|grpc")
		time.Sleep(time.Hour)
	case "mute":
		time.Sleep(time.Hour)
	case "early":
		fmt.Fprintln(os.Stderr, "cannot find the weights")
		os.Exit(4)
	case "silent":
		lmplugin.Serve(silent{})
	}
	lmplugin.Serve(toy.Architecture{Variants: variants(), Wrap: wrap})
}

// silent never describes itself.
type silent struct{ toy.Architecture }

func (silent) Describe(ctx context.Context) (lm.Description, error) {
	<-make(chan struct{})
	return lm.Description{}, ctx.Err()
}

func variants() []lm.Variant {
	var all []lm.Variant
	for name := range faults {
		all = append(all, lm.Variant{Name: name, Summary: "fails at the first score", Config: toy.Default})
	}
	return all
}

func wrap(variant string, m *toy.Model) (lm.Model, error) {
	if fault := faults[variant]; fault != nil {
		return &broken{Model: m, fault: fault}, nil
	}
	return m, nil
}
