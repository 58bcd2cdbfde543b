package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/lm/lmplugin"
)

// TestAskAnnounces checks that a plugin is announced before its first start, once per user, and that a rejected plugin is
// not started.
func TestAskAnnounces(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	dir := t.TempDir()
	path, started := filepath.Join(dir, "archbench-plugin-x"), filepath.Join(dir, "started")
	write := func(script string) {
		if err := os.WriteFile(path, []byte("#!/bin/sh\ntouch "+started+"\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("exit 1\n")
	told := func(p lmplugin.Candidate) (notes string) {
		c := newCatalog([]lmplugin.Candidate{p}, func(note string) {
			if _, err := os.Stat(started); err == nil {
				t.Error("announced after the start")
			}
			notes += note
		})
		if d := c.describe(t.Context(), p.Name); d != nil {
			t.Errorf("%+v", d)
		}
		_, err := os.Stat(started)
		if runs := p.Rejected == ""; runs != (err == nil) {
			t.Errorf("%+v: started %v", p, err == nil)
		}
		_ = os.Remove(started)
		return notes
	}
	x := lmplugin.Candidate{Name: "x", Path: path}
	if got := told(lmplugin.Candidate{Name: "x", Path: path, Rejected: "unsafe"}); got != "" {
		t.Errorf("a plugin that may not be used: %q", got)
	}
	if got := told(x); !strings.Contains(got, "running "+path+" for the first time") {
		t.Errorf("first: %q", got)
	}
	if got := told(x); got != "" {
		t.Errorf("again: %q", got)
	}
	write("exit 2\n")
	if told(x) == "" {
		t.Error("another plugin of the same path is not announced")
	}
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("HOME", "/dev/null")
	if told(x) == "" || told(x) == "" {
		t.Error("without a place to note it, it is not announced each time")
	}
}

func TestCheckPluginsWarnsOfUnsafe(t *testing.T) {
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
		if err := (&app{err: &out}).checkPlugins(c); err != nil {
			t.Fatal(err)
		}
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
