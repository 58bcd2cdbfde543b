package session

import (
	"cmp"
	"context"
	"fmt"

	"github.com/archbench/archbench/harness/internal/host"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

// Plugins finds and starts plugins.
type Plugins interface {
	// Find returns the path of an architecture's plugin and the sha256 of its files.
	Find(architecture string) (path, sha string, err error)
	// Start starts a plugin within limits.
	Start(ctx context.Context, path string, l Limits) (Process, error)
}

// Limits limits the resources of a process.
type Limits struct {
	Threads int   // of the process and of each model; 0: as many as this process may use
	Memory  int64 // in bytes; 0: no limit
}

// Process is a running plugin.
type Process interface {
	lm.Architecture
	PID() int       // 0: it runs in this process
	Env() []string  // its whole environment
	Stderr() string // the last lines that it printed
	Kill()          // kills it and its descendants at once
	Close() error   // ends it
}

// Installed finds installed plugins with [lmplugin.Find] and starts them as processes.
type Installed struct {
	// Paths holds the plugin executables or folders given by the user, by architecture.
	Paths map[string]string
}

// Find implements [Plugins].
func (i Installed) Find(architecture string) (path, sha string, err error) {
	if path, err = lmplugin.Find(architecture, i.Paths[architecture]); err != nil {
		return "", "", err
	}
	sha, err = lmplugin.Identity(path)
	return path, sha, err
}

// Start implements [Plugins]. The thread limit applies to the runtimes of Go and of the usual numeric libraries.
func (i Installed) Start(ctx context.Context, path string, l Limits) (Process, error) {
	var env []string
	for _, variable := range []string{"GOMAXPROCS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"} {
		env = append(env, fmt.Sprintf("%s=%d", variable, l.Threads))
	}
	p, err := lmplugin.Launch(ctx, lmplugin.Options{Path: path, Env: env, MemoryLimit: l.Memory})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Plugin is an installed plugin with the limits of its processes.
type Plugin struct {
	Path, SHA256 string
	Limits       Limits
	plugins      Plugins
}

// Find finds the plugin of an architecture.
func Find(plugins Plugins, architecture string, l Limits) (*Plugin, error) {
	path, sha, err := plugins.Find(architecture)
	if err != nil {
		return nil, err
	}
	l.Threads = cmp.Or(l.Threads, host.Threads())
	return &Plugin{Path: path, SHA256: sha, Limits: l, plugins: plugins}, nil
}

// Start starts a process of the plugin. The caller ends the session even after an error.
func (p *Plugin) Start(ctx context.Context) (*Session, error) {
	process, err := p.plugins.Start(ctx, p.Path, p.Limits)
	if err != nil {
		return nil, err
	}
	d, err := process.Describe(ctx)
	return &Session{Process: process, Description: d, threads: p.Limits.Threads}, err
}

// Open finds the plugin of an architecture and starts one session.
func Open(ctx context.Context, plugins Plugins, architecture string, l Limits) (*Session, error) {
	p, err := Find(plugins, architecture, l)
	if err != nil {
		return nil, err
	}
	return p.Start(ctx)
}
