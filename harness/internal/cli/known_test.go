package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// A plugin is announced before it is asked for the first time, by each user once.
func TestAnnounce(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	told := func(sha string) string {
		var out bytes.Buffer
		(&app{err: &out}).announce("/p", sha)
		return out.String()
	}
	if got := told("one"); !strings.Contains(got, "starting /p for the first time") {
		t.Errorf("first: %q", got)
	}
	if got := told("one"); got != "" {
		t.Errorf("again: %q", got)
	}
	if told("two") == "" {
		t.Error("another plugin of the same path is not announced")
	}
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("HOME", "/dev/null")
	if told("one") == "" || told("one") == "" {
		t.Error("without a place to note it, it is not announced each time")
	}
}

func TestWarnOfUnsafe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "archbench-plugin-x")
	if err := os.WriteFile(path, []byte("#!"), 0o755); err != nil {
		t.Fatal(err)
	}
	told := func() string {
		var out bytes.Buffer
		c := &cobra.Command{}
		(&modelFlags{}).addPaths(c)
		if err := c.ParseFlags([]string{"--plugin", "x=" + path}); err != nil {
			t.Fatal(err)
		}
		(&app{err: &out}).warnOfUnsafe(c)
		return out.String()
	}
	if got := told(); got != "" {
		t.Errorf("a plugin of the user: %q", got)
	}
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	if got := told(); !strings.Contains(got, "warning: plugin "+path) || !strings.Contains(got, "everybody may write to it") {
		t.Errorf("a plugin of everybody: %q", got)
	}
}
