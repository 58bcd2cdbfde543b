//go:build linux && amd64 && cgo

package amxemu

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Other illegal instructions still go to the Go runtime, which reports them and exits.
func TestOtherInstructions(t *testing.T) {
	const child = "AMXEMU_TRAP"
	if os.Getenv(child) != "" {
		for range 2 { // the second call finds the handler in place
			if err := Install(); err != nil {
				t.Fatal(err)
			}
		}
		trap()
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestOtherInstructions$")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "SIGILL: illegal instruction") {
		t.Errorf("an undefined instruction ended with %v and\n%s", err, out)
	}
}
