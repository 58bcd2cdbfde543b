package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// piece is what one method measured without a break. Calls are in microseconds.
type piece struct {
	Condition string    `json:"condition"` // what else ran on the machine
	Method    string    `json:"method"`
	Machine   string    `json:"machine"`
	Start     time.Time `json:"start"`
	Seconds   float64   `json:"seconds"` // wall time
	Chunks    []chunk   `json:"chunks"`  // in order of time
	Decided   []decided `json:"decided,omitempty"`
}

// The methods of pieces.
const (
	alternating = "archbench"  // a chunk is a block of one model; the calls of a block alternate
	sequential  = "sequential" // a chunk is a process of its own that calls for a minute
	hyperfine   = "hyperfine"  // a chunk is a command, a call is a process with 20 calls inside
)

// chunk is consecutive calls of a model.
type chunk struct {
	Model string  `json:"model"`
	Block int     `json:"block"`
	Calls []int64 `json:"calls"`
}

// decided is what archbench itself said about a model and the base.
type decided struct {
	Model    string  `json:"model"`
	Time     float64 `json:"time"` // relative to the base's
	Adjusted float64 `json:"p_adjusted"`
	Verdict  string  `json:"verdict"`
}

func (p *piece) end() time.Time { return p.Start.Add(time.Duration(p.Seconds * float64(time.Second))) }

// read reads recordings, each in order of time.
func read(paths []string) (pieces []*piece, err error) {
	for _, path := range paths {
		some, err := readFile(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		pieces = append(pieces, some...)
	}
	return pieces, nil
}

func readFile(path string) (pieces []*piece, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(z)
	for {
		p := new(piece)
		if err := d.Decode(p); errors.Is(err, io.EOF) {
			return pieces, nil
		} else if err != nil {
			return nil, err
		}
		pieces = append(pieces, p)
	}
}

// add appends a piece to a recording. Gzip files may be joined end to end.
func add(path string, p *piece) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(f)
	return errors.Join(json.NewEncoder(z).Encode(p), z.Close(), f.Close())
}

func conditions(pieces []*piece) (all []string) {
	for _, p := range pieces {
		if !slices.Contains(all, p.Condition) {
			all = append(all, p.Condition)
		}
	}
	return all
}

// under returns the pieces recorded under a condition.
func under(pieces []*piece, condition string) []*piece {
	return slices.DeleteFunc(slices.Clone(pieces), func(p *piece) bool { return p.Condition != condition })
}
