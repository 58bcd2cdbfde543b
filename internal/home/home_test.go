package home

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVariable(t *testing.T) {
	t.Setenv(Variable, "/opt/a b")
	if diff := cmp.Diff([]string{"/opt/a b/libexec/archbench", "/opt/a b/bin"}, Plugins()); diff != "" {
		t.Errorf("plugins (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/opt/a b/models", "/opt/a b/share/archbench/models"}, Models()); diff != "" {
		t.Errorf("models (-want +got):\n%s", diff)
	}
}

// Without the variable, the installation is the parent of the program's folder.
func TestBesideProgram(t *testing.T) {
	t.Setenv(Variable, "")
	self, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	if self, err = filepath.EvalSymlinks(self); err != nil {
		t.Fatal(err)
	}
	if want := filepath.Dir(filepath.Dir(self)); Dir() != want || Bin() != filepath.Join(want, filepath.Base(filepath.Dir(self))) {
		t.Errorf("home %q and folder %q of the program %q", Dir(), Bin(), self)
	}
}
