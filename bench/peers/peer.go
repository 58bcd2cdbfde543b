package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/archbench/archbench/bench/gguf"
)

// sources are the contenders not written in Go, unpacked into the work folder at start.
//
//go:embed contenders
var sources embed.FS

// workshop locates tools and builds what the peers need.
type workshop struct {
	work    string // for generated sources, binaries and model files
	bin     string // holds archbench's plugins
	python  string // an interpreter that finds PyTorch
	blasDir string // holds the OpenBLAS library used by OpenBLAS and PyTorch

	compiling   sync.Once
	notCompiled error
}

// unpack writes the sources into the work folder.
func (w *workshop) unpack() error {
	return fs.WalkDir(sources, "contenders", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := w.path(strings.TrimPrefix(path, "contenders"))
		if entry.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		data, err := sources.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o644)
	})
}

func (w *workshop) path(name string) string { return filepath.Join(w.work, name) }

// command runs a tool in the work folder; if it fails, its output is the reason.
func (w *workshop) command(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = w.work
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, lastLine(string(out)))
	}
	return nil
}

// blasEnv gives every thread pool that many threads and selects the OpenBLAS library.
func (w *workshop) blasEnv(threads int) []string {
	return environment(fmt.Sprintf("OMP_NUM_THREADS=%d", threads), fmt.Sprintf("OPENBLAS_NUM_THREADS=%d", threads),
		"LD_LIBRARY_PATH="+w.blasDir)
}

// openBLAS compiles and starts the contender that multiplies with OpenBLAS and measures ceilings.
func (w *workshop) openBLAS(ctx context.Context, threads int) (*child, error) {
	w.compiling.Do(func() {
		w.notCompiled = w.command(ctx, "gcc", "-O3", "-march=native", "-fopenmp", "blas.c", "-o", "blas", "-lopenblas")
	})
	if w.notCompiled != nil {
		return nil, w.notCompiled
	}
	return startChild(ctx, w.blasEnv(threads), w.path("blas"), fmt.Sprint(threads))
}

// torch starts PyTorch with one of the models in torch_models.py.
func (w *workshop) torch(ctx context.Context, architecture string, threads int) (*child, error) {
	return startChild(ctx, w.blasEnv(threads), w.python, w.path("torch_models.py"), architecture, fmt.Sprint(threads))
}

// llama starts llama.cpp with a model file of random weights, creating the file if needed.
func (w *workshop) llama(ctx context.Context, shape llamaShape, kind gguf.Type, threads int) (*child, error) {
	const module = "node_modules/@node-llama-cpp/linux-x64"
	if _, err := os.Stat(w.path(module)); errors.Is(err, fs.ErrNotExist) {
		if err := w.command(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"); err != nil {
			return nil, err
		}
	}
	file := w.path(fmt.Sprintf("%s-%s.gguf", shape.name, kind))
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		if err := shape.write(file, kind); err != nil {
			return nil, err
		}
	}
	// All of Node's background work runs on one thread, so the library always sees the same one.
	env := environment("UV_THREADPOOL_SIZE=1")
	return startChild(ctx, env, "node", w.path("llama.mjs"), w.path(module), file, fmt.Sprint(threads), "1024", fmt.Sprint(shape.vocab))
}

// checkpoint creates a folder with a seeded model of an architecture, if there is none.
func (w *workshop) checkpoint(ctx context.Context, architecture, variant string) (string, error) {
	dir := w.path(architecture + "-" + variant)
	if _, err := os.Stat(filepath.Join(dir, "config.json")); err == nil {
		return dir, nil
	}
	m, err := load(ctx, w.bin, architecture, seeded(variant, "f32", "", 0))
	if err != nil {
		return "", err
	}
	defer m.close()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return dir, m.save(ctx, dir)
}

// ceiling is the machine's limit as a contender: it does the minimum that another contender's task needs. For products
// of many rows that is their float32 arithmetic; for products of one row it is reading the weights.
type ceiling struct {
	*child
	of priced
}

func (c ceiling) version() string { return "float32 multiply-adds in registers; reads of memory" }

func (c ceiling) run(ctx context.Context, t task) (timing, error) {
	flops, bytes, err := c.of.cost(ctx, t)
	if err != nil {
		return timing{}, err
	}
	switch t.op {
	case "gemm", "prefill":
		return c.child.run(ctx, task{"fma", []int{int(flops)}})
	default:
		return c.child.run(ctx, task{"read", []int{int(bytes) / t.reps(), t.reps()}})
	}
}
