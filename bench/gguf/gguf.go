// Package gguf writes model files for llama.cpp in GGUF version 3: metadata, then tensor descriptions, then the
// tensors' data, each aligned to 32 bytes. See https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
package gguf

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/archbench/archbench/internal/atomicfile"
)

const (
	magic     = "GGUF"
	version   = 3
	alignment = 32
)

// Value is a metadata entry. Data is a string, uint32 or float32.
type Value struct {
	Key  string
	Data any
}

// Tensor is one tensor of a file. Its data is requested row by row, in order, so it never exists as a whole.
type Tensor struct {
	Name string
	Type Type
	// Rows and Cols are the shape [rows, cols], row-major; a vector has Rows 0. A row of a block type must be whole
	// blocks.
	Rows, Cols int
	// Fill writes the next row.
	Fill func(row []float32)
}

// rows is the number of rows, 1 for a vector.
func (t Tensor) rows() int { return max(1, t.Rows) }

// bytes is the size of the data.
func (t Tensor) bytes() int { return t.rows() * t.Type.rowBytes(t.Cols) }

// check refuses what the format cannot represent.
func (t Tensor) check() error {
	switch {
	case t.Cols < 1 || t.Rows < 0:
		return fmt.Errorf("tensor %s has the shape [%d, %d]", t.Name, t.Rows, t.Cols)
	case t.Type.Block() == 0:
		return fmt.Errorf("tensor %s has the unsupported type %d", t.Name, uint32(t.Type))
	case t.Cols%t.Type.Block() != 0:
		return fmt.Errorf("tensor %s: a row of %d is not a whole number of %s's blocks of %d", t.Name, t.Cols, t.Type, t.Type.Block())
	}
	return nil
}

// Write writes a file at path. It appears only when complete.
func Write(path string, metadata []Value, tensors []Tensor) error {
	for _, t := range tensors {
		if err := t.check(); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	return atomicfile.Write(path, func(out io.Writer) error {
		w := &writer{out: out}
		w.header(metadata, tensors)
		for _, t := range tensors {
			w.data(t)
		}
		return w.err
	})
}

// The metadata types in use.
const (
	valueUint32  = 4
	valueFloat32 = 6
	valueString  = 8
)

// writer is a writer that keeps the first error.
type writer struct {
	out io.Writer
	at  int
	err error
}

func (w *writer) bytes(b []byte) {
	if w.err == nil {
		_, w.err = w.out.Write(b)
		w.at += len(b)
	}
}

// number writes a fixed-size value in little-endian order.
func (w *writer) number(v any) {
	b, err := binary.Append(nil, binary.LittleEndian, v)
	if err != nil && w.err == nil {
		w.err = err
	}
	w.bytes(b)
}

func (w *writer) text(s string) {
	w.number(uint64(len(s)))
	w.bytes([]byte(s))
}

// pad writes zeros up to the alignment.
func (w *writer) pad() { w.bytes(make([]byte, aligned(w.at)-w.at)) }

func aligned(at int) int { return (at + alignment - 1) / alignment * alignment }

// header writes everything before the data. Offsets count from the end of the header.
func (w *writer) header(metadata []Value, tensors []Tensor) {
	w.bytes([]byte(magic))
	w.number(uint32(version))
	w.number(uint64(len(tensors)))
	w.number(uint64(len(metadata)))
	for _, v := range metadata {
		w.value(v)
	}
	offset := 0
	for _, t := range tensors {
		w.describe(t, offset)
		offset += aligned(t.bytes())
	}
	w.pad()
}

func (w *writer) value(v Value) {
	w.text(v.Key)
	switch data := v.Data.(type) {
	case string:
		w.number(uint32(valueString))
		w.text(data)
	case uint32:
		w.number(uint32(valueUint32))
		w.number(data)
	case float32:
		w.number(uint32(valueFloat32))
		w.number(data)
	default:
		w.err = fmt.Errorf("metadata %s: no type for %T", v.Key, v.Data)
	}
}

// describe writes a tensor's name, shape, type and offset. The format lists the innermost dimension first.
func (w *writer) describe(t Tensor, offset int) {
	w.text(t.Name)
	dims := []uint64{uint64(t.Cols)}
	if t.Rows > 0 {
		dims = append(dims, uint64(t.Rows))
	}
	w.number(uint32(len(dims)))
	w.number(dims)
	w.number(uint32(t.Type))
	w.number(uint64(offset))
}

func (w *writer) data(t Tensor) {
	row, packed := make([]float32, t.Cols), make([]byte, 0, t.Type.rowBytes(t.Cols))
	for range t.rows() {
		t.Fill(row)
		packed = t.Type.Append(packed[:0], row)
		w.bytes(packed)
	}
	w.pad()
}
