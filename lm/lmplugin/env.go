package lmplugin

import (
	"os"
	"slices"
	"strings"
)

// inherited names the variables that a plugin gets from the host's environment: what any program needs to start,
// and those that people set to control the numeric kernels and the run-time of Go.
var inherited = []string{
	"PATH", "HOME", "TMPDIR", "LANG",
	"ARCHBENCH_KERNEL", "GOMAXPROCS", "GOMEMLIMIT", "GOGC", "GODEBUG", "GOTRACEBACK",
}

// Inherited returns the part of the host's environment that plugins get. They get nothing else of it.
func Inherited() []string {
	var env []string
	for _, key := range inherited {
		if value, ok := os.LookupEnv(key); ok {
			env = append(env, key+"="+value)
		}
	}
	return env
}

// environment adds to what is inherited; later values win. The result is sorted, one entry per key.
func environment(extra []string) []string {
	values := map[string]string{}
	for _, entry := range append(Inherited(), extra...) {
		key, value, _ := strings.Cut(entry, "=")
		values[key] = value
	}
	env := make([]string, 0, len(values))
	for key, value := range values {
		env = append(env, key+"="+value)
	}
	slices.Sort(env)
	return env
}
