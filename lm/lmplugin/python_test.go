package lmplugin

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/lm/lmtest"
)

// TestPythonExample checks that a plugin without Go passes the same checks.
func TestPythonExample(t *testing.T) {
	if out, err := exec.Command("/usr/bin/python3", "-c", "import grpc, google.protobuf").CombinedOutput(); err != nil {
		message := "needs Debian's python3-grpcio and python3-protobuf: " + string(out)
		if os.Getenv("CI") == "true" {
			t.Fatal(message)
		}
		t.Skip(message)
	}
	p, err := Launch(t.Context(), Options{Path: filepath.Join(sharedtest.RepoRoot(t), "examples", "plugin-python")})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	lmtest.Report(t, lmtest.Run(t.Context(), p, lmtest.Options{TempDir: t.TempDir()}))
}
