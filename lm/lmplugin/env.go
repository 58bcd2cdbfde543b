package lmplugin

import (
	"maps"
	"os"
	"slices"
	"strings"
)

// inherited names the variables that plugins inherit from the host: those that any program needs, and those that control
// the numeric kernels and the Go runtime.
var inherited = []string{
	"PATH", "HOME", "TMPDIR", "LANG",
	"ARCHBENCH_KERNEL", "GOMAXPROCS", "GOMEMLIMIT", "GOGC", "GODEBUG", "GOTRACEBACK",
}

// Inherited returns the part of the host's environment that plugins inherit.
func Inherited() []string {
	var env []string
	for _, key := range inherited {
		if value, ok := os.LookupEnv(key); ok {
			env = append(env, key+"="+value)
		}
	}
	return env
}

// environment adds entries to the inherited ones; later values win. The result is sorted, with one entry per key.
func environment(extra []string) []string {
	entries := map[string]string{}
	for _, entry := range append(Inherited(), extra...) {
		key, value, _ := strings.Cut(entry, "=")
		entries[key] = key + "=" + value
	}
	return slices.Sorted(maps.Values(entries))
}
