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

// maxRecord bounds the file of known plugins in bytes.
const maxRecord = 1 << 20

// askedBefore records the identity of a plugin in the user's state folder, one per line, and reports whether it was there
// already. A plugin that cannot be recorded is new each time.
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

// stateFile is the path of a file that archbench keeps for a user, by the XDG base directory specification; "" without a
// home folder.
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

// checkPlugins rejects values of --plugin that cannot be plugins, and warns of plugins that other users could have
// replaced. Those are used all the same, because the user named them.
func (a *app) checkPlugins(c *cobra.Command) error {
	named, err := c.Flags().GetStringArray("plugin")
	if err != nil {
		return nil //nolint:nilerr // a command without the flag
	}
	for _, words := range named {
		_, path := plugin(words)
		if err := a.checkPlugin(words, path); err != nil {
			return err
		}
	}
	return nil
}

// checkPlugin rejects a path that cannot be a plugin, and warns of one that other users could have replaced.
func (a *app) checkPlugin(words, path string) error {
	path, err := lmplugin.Find("", path)
	if err != nil {
		return usage("--plugin %s: %w", words, err)
	}
	if reason := lmplugin.Unsafe(path); reason != "" {
		a.warn("plugin " + path + " may have been replaced: " + reason)
	}
	return nil
}
