package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/internal/regularfile"
	"github.com/archbench/archbench/lm/lmplugin"
)

// maxRecord bounds the record of plugins in bytes.
const maxRecord = 1 << 20

// askedBefore notes the identity of a plugin in the user's state folder, one a line, and reports whether it stood there
// already. A plugin that cannot be noted is new each time.
func askedBefore(sha string) bool {
	path := stateFile("plugins")
	known, err := regularfile.Read(path, maxRecord)
	if err == nil && slices.Contains(strings.Fields(string(known)), sha) {
		return true
	}
	if path == "" || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return false
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return false
	}
	_, _ = fmt.Fprintln(f, sha)
	_ = f.Close()
	return false
}

// stateFile is the path of a file that archbench keeps for a user, as the XDG base directories have it; "" for a user
// without a home.
func stateFile(name string) string {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "archbench", name)
	}
	dir, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, ".local", "state", "archbench", name)
}

// warnOfUnsafe tells of plugins that --plugin names and somebody else could have put there. They are used: the user has
// named them.
func (a *app) warnOfUnsafe(c *cobra.Command) {
	named, err := c.Flags().GetStringArray("plugin")
	if err != nil {
		return // a command without the flag
	}
	f := modelFlags{paths: named}
	for _, path := range f.pluginPaths() {
		if found, err := lmplugin.Find("", path); err == nil {
			path = found
		}
		if reason := lmplugin.Unsafe(path); reason != "" {
			a.warn("plugin " + path + " may not be what you take it for: " + reason)
		}
	}
}
