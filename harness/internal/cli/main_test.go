package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/archbench/archbench/harness/internal/lmfake"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

// TestMain makes the test binary serve as the tests, as a plugin and, under the name broken, as a plugin whose models fail.
func TestMain(m *testing.M) {
	if os.Getenv(lmplugin.CookieKey) != lmplugin.CookieValue {
		os.Exit(m.Run())
	}
	fake := &lmfake.Architecture{Name: strings.TrimPrefix(filepath.Base(os.Args[0]), lmplugin.Prefix)}
	if fake.Name == "learner" {
		fake.Abilities = []lm.Ability{lm.AbilityTrain, lm.AbilityStep, lm.AbilityGenerate, lm.AbilityCost, lm.AbilityMemory, lm.AbilityAnswers}
		number, _ := os.ReadFile(filepath.Join(filepath.Dir(os.Args[0]), "dies-at")) // there is none, unless a test wants it
		fake.Before = dieAt(string(number))
	}
	if fake.Name == "broken" {
		fake.Fail = errors.New("out of order")
	}
	lmplugin.Serve(fake)
}

// desk is a folder in which commands run.
type desk struct{ t *testing.T }

// newDesk makes an empty folder the working directory, with only the plugins fake and broken installed.
func newDesk(t *testing.T) desk {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	plugins := t.TempDir()
	for _, name := range []string{"fake", "broken"} {
		if err := os.Symlink(program, filepath.Join(plugins, lmplugin.Prefix+name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(t.TempDir())
	for name, value := range map[string]string{
		lmplugin.PathVariable: plugins, "XDG_STATE_HOME": t.TempDir(), "PATH": "", "COLUMNS": "", modelsVariable: filepath.Join(plugins, "none"),
	} {
		t.Setenv(name, value)
	}
	return desk{t}
}

// write makes a file in the folder.
func (d desk) write(name, content string) {
	d.t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), 0o644)); err != nil {
		d.t.Fatal(err)
	}
}

// call runs a command and returns its exit code and output.
func (d desk) call(args ...string) (code int, stdout, stderr string) {
	var out, errs strings.Builder
	code = execute(d.t.Context(), args, strings.NewReader(""), &out, &errs, "test")
	return code, out.String(), errs.String()
}

// must runs a command, checks its exit code, and returns its output.
func (d desk) must(code int, args ...string) (stdout, stderr string) {
	d.t.Helper()
	got, stdout, stderr := d.call(args...)
	if got != code {
		d.t.Fatalf("archbench %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, stdout, stderr)
	}
	return stdout, stderr
}
