package run

import (
	"context"
	"fmt"

	"github.com/archbench/archbench/lm/lmplugin"
)

// Installed finds plugins where lmplugin looks for them and starts them as processes.
type Installed struct {
	// Paths names the executable or folder of architectures that are not searched for.
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

// Start implements [Plugins]. The threads bind the run-times of Go and of the usual numeric libraries.
func (i Installed) Start(ctx context.Context, path string, threads int, memory int64) (Process, error) {
	var env []string
	for _, variable := range []string{"GOMAXPROCS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"} {
		env = append(env, fmt.Sprintf("%s=%d", variable, threads))
	}
	p, err := lmplugin.Launch(ctx, lmplugin.Options{Path: path, Env: env, MemoryLimit: memory})
	if err != nil {
		return nil, err
	}
	return p, nil
}
