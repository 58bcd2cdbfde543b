package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// task is a piece of work that every contender of a group does.
type task struct {
	op   string // gemm, gemv, prefill, decode, stream, start, fma or read
	args []int  // see the contenders: for example prefill N, or decode DEPTH COUNT
}

// String is the line that requests the work.
func (t task) String() string {
	words := []string{t.op}
	for _, a := range t.args {
		words = append(words, strconv.Itoa(a))
	}
	return strings.Join(words, " ")
}

// parseTask parses String's output.
func parseTask(line string) (task, error) {
	words := strings.Fields(line)
	if len(words) == 0 {
		return task{}, errors.New("an empty line is no task")
	}
	t := task{op: words[0]}
	for _, w := range words[1:] {
		var n int
		if _, err := fmt.Sscan(w, &n); err != nil {
			return task{}, fmt.Errorf("%q: %q is no number", line, w)
		}
		t.args = append(t.args, n)
	}
	return t, nil
}

// product parses the sizes of "gemm M N K REPS" or "gemv N K REPS": y[rows, out] = x[rows, in]·wᵀ.
func (t task) product() (rows, out, in, reps int, err error) {
	switch {
	case t.op == "gemm" && len(t.args) == 4:
		return t.args[0], t.args[1], t.args[2], t.args[3], nil
	case t.op == "gemv" && len(t.args) == 3:
		return 1, t.args[0], t.args[1], t.args[2], nil
	}
	return 0, 0, 0, 0, fmt.Errorf("%q is no product", t)
}

// reps is how often the task repeats its operation: the last size of a product or of decoding.
func (t task) reps() int {
	if t.op == "prefill" {
		return 1
	}
	return t.args[len(t.args)-1]
}

// amount is the size of the work and its unit, "" if there is none worth reporting.
func (t task) amount() (float64, string) {
	switch t.op {
	case "gemm", "gemv":
		rows, out, in, reps, err := t.product()
		if err != nil {
			return 0, ""
		}
		return 2 * float64(rows) * float64(out) * float64(in) * float64(reps), "FLOP"
	case "prefill", "stream", "decode":
		return float64(t.args[len(t.args)-1]), "token"
	}
	return 0, ""
}
