package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/archbench/archbench/internal/kernel"
)

// product is a contender's work with one weight matrix, prepacked as a plugin does on loading.
type product struct {
	*child
	format kernel.Format
}

// cost implements priced.
func (p product) cost(_ context.Context, t task) (flops, bytes int64, err error) {
	rows, out, in, reps, err := t.product()
	return 2 * int64(rows*out*in*reps), int64(reps) * p.format.Bytes(out, in), err
}

// serveProducts is the child side of a product: it runs archbench's kernels in one format.
func serveProducts(in io.Reader, out io.Writer, precision string, threads int) error {
	format, err := kernel.ParseFormat(precision)
	if err == nil {
		err = kernel.Available()
	}
	if err != nil {
		return err
	}
	pool := kernel.NewPool(threads)
	defer pool.Close()
	answer := fmt.Sprintf("ready archbench kernels %s, %s", kernel.Tier(), format)
	var packed packedMatrix
	for lines := bufio.NewScanner(in); ; {
		if _, err := fmt.Fprintln(out, answer); err != nil {
			return err
		}
		if !lines.Scan() {
			return lines.Err()
		}
		seconds, err := packed.time(pool, format, lines.Text())
		answer = fmt.Sprintf("%.9f", seconds)
		if err != nil {
			answer = "error " + err.Error()
		}
	}
}

// packedMatrix keeps the last shape's operands.
type packedMatrix struct {
	w    kernel.Matrix
	x, y []float32
}

func (p *packedMatrix) time(pool *kernel.Pool, f kernel.Format, line string) (float64, error) {
	t, err := parseTask(line)
	if err != nil {
		return 0, err
	}
	rows, out, in, reps, err := t.product()
	if err != nil {
		return 0, err
	}
	p.reshape(f, rows, out, in)
	start := time.Now()
	for range reps {
		p.w.MulT(pool, p.y, p.x, rows)
	}
	return time.Since(start).Seconds(), nil
}

func (p *packedMatrix) reshape(f kernel.Format, rows, out, in int) {
	if p.w != nil {
		if o, i := p.w.Shape(); o == out && i == in && len(p.y) == rows*out {
			return
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	fill := func(x []float32) {
		for i := range x {
			x[i] = random.Float32() - 0.5
		}
	}
	p.w = kernel.NewMatrix(f, out, in, func(_ int, row []float32) { fill(row) })
	if f == kernel.F32 { // rows in file order, as a model maps them
		w := make([]float32, out*in)
		fill(w)
		p.w = kernel.NewF32(w, out, in)
	}
	p.x, p.y = make([]float32, rows*in), make([]float32, rows*out)
	fill(p.x)
}
