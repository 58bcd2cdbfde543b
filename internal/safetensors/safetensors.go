// Package safetensors reads and writes Hugging Face's safetensors container: eight bytes for the header length, a JSON
// header that gives every tensor a type, a shape and a byte range, then the tensors, row-major and little-endian.
//
// Files are memory-mapped, so opening is cheap and float32 or bfloat16 weights can be used in place. The whole header
// is checked before any tensor is read; errors name the file, the tensor and the problem. Nothing protects against a
// file that is truncated while open: replace files by rename.
package safetensors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"unsafe"

	"github.com/archbench/archbench/internal/signature"
)

// ErrCorrupt is wrapped by every error about a file that contradicts itself or the format.
var ErrCorrupt = errors.New("not a sound safetensors file")

// File is an open file. All methods except Close are safe for concurrent use.
type File struct {
	path    string
	mapping mapping
	header
	data  []byte
	index map[string]int
}

// Open maps the file and checks its header.
func Open(path string) (*File, error) {
	m, err := openMapping(path)
	if err != nil {
		return nil, fmt.Errorf("open safetensors: %w", err)
	}
	h, err := parseHeader(m.bytes, int64(len(m.bytes)))
	if err != nil {
		err = diagnose(path, m.bytes, err)
		_ = m.close() // the first error counts
		return nil, fmt.Errorf("open safetensors: %w", err)
	}
	f := &File{path: path, mapping: m, header: h, data: m.bytes[h.dataAt:], index: map[string]int{}}
	for i, t := range h.tensors {
		f.index[t.Name] = i
	}
	return f, nil
}

// diagnose says what the file is instead, or returns err.
func diagnose(path string, data []byte, err error) error {
	headed := len(data) > 8 && data[8] == '{' && binary.LittleEndian.Uint64(data) <= maxHeader
	if is := signature.Describe(data, "the weights"); is != "" && !headed {
		return corrupt{fmt.Errorf("%s %s", path, is)}
	}
	return fmt.Errorf("%s: %w: %w", path, ErrCorrupt, err)
}

// corrupt is an error that wraps ErrCorrupt without its text.
type corrupt struct{ error }

// Unwrap returns ErrCorrupt.
func (corrupt) Unwrap() error { return ErrCorrupt }

// Close unmaps the file. Slices returned earlier must not be used afterwards.
func (f *File) Close() error {
	f.data, f.index, f.tensors = nil, nil, nil
	return f.mapping.close()
}

// Path is the path the file was opened with.
func (f *File) Path() string { return f.path }

// Tensors returns all tensors in data order.
func (f *File) Tensors() []Info { return slices.Clone(f.tensors) }

// Names returns the names of all tensors in data order.
func (f *File) Names() []string {
	names := make([]string, len(f.tensors))
	for i, t := range f.tensors {
		names[i] = t.Name
	}
	return names
}

// Metadata returns the header's free-form strings.
func (f *File) Metadata() map[string]string { return maps.Clone(f.metadata) }

// Info describes the named tensor.
func (f *File) Info(name string) (Info, bool) {
	i, ok := f.index[name]
	if !ok {
		return Info{}, false
	}
	return f.tensors[i], true
}

// lookup is Info with an error.
func (f *File) lookup(name string) (Info, error) {
	t, ok := f.Info(name)
	if !ok {
		return t, fmt.Errorf("%s: has no tensor %q", f.path, name)
	}
	return t, nil
}

// Raw returns the tensor's bytes in the file's own memory. They must not be written.
func (f *File) Raw(name string) ([]byte, error) {
	t, err := f.lookup(name)
	return f.raw(t), err
}

// raw returns the bytes of t.
func (f *File) raw(t Info) []byte { return f.data[t.begin:t.end:t.end] }

// ReadRows widens rows [lo, hi) of a floating-point tensor, seen as [shape[0], the rest], into dst, which must have
// exactly that many elements. A scalar is one row.
func (f *File) ReadRows(name string, lo, hi int, dst []float32) error {
	t, err := f.lookup(name)
	if err != nil {
		return err
	}
	rows, cols := t.Rows()
	if lo < 0 || hi < lo || hi > rows {
		return fmt.Errorf("%s: tensor %q: rows %d to %d of %d", f.path, name, lo, hi, rows)
	}
	if len(dst) != (hi-lo)*cols {
		return fmt.Errorf("%s: tensor %q: %d rows of %d do not fit %d elements", f.path, name, hi-lo, cols, len(dst))
	}
	size := t.DType.bytes()
	if err := t.DType.widen(dst, f.raw(t)[lo*cols*size:hi*cols*size]); err != nil {
		return fmt.Errorf("%s: tensor %q: %w", f.path, name, err)
	}
	return nil
}

// Widen returns a whole floating-point tensor as float32, in new memory.
func (f *File) Widen(name string) ([]float32, error) {
	t, err := f.lookup(name)
	if err != nil {
		return nil, err
	}
	rows, _ := t.Rows()
	dst := make([]float32, t.Elements())
	return dst, f.ReadRows(name, 0, rows, dst)
}

// Float64s returns a whole F64 tensor in new memory.
func (f *File) Float64s(name string) ([]float64, error) {
	raw, err := f.typed(name, F64)
	dst := make([]float64, len(raw)/8)
	for i := range dst {
		dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
	}
	return dst, err
}

// Int64s returns a whole I64 or I32 tensor in new memory.
func (f *File) Int64s(name string) ([]int64, error) {
	if t, _ := f.Info(name); t.DType == I32 {
		raw := f.raw(t)
		dst := make([]int64, len(raw)/4)
		for i := range dst {
			dst[i] = int64(int32(binary.LittleEndian.Uint32(raw[4*i:])))
		}
		return dst, nil
	}
	raw, err := f.typed(name, I64)
	dst := make([]int64, len(raw)/8)
	for i := range dst {
		dst[i] = int64(binary.LittleEndian.Uint64(raw[8*i:]))
	}
	return dst, err
}

// typed returns the bytes of a tensor, which must have the given type.
func (f *File) typed(name string, want DType) ([]byte, error) {
	t, err := f.lookup(name)
	if err == nil && t.DType != want {
		err = fmt.Errorf("%s: tensor %q holds %s, want %s", f.path, name, t.DType, want)
	}
	if err != nil {
		return nil, err
	}
	return f.raw(t), nil
}

// Float32s returns an F32 tensor in the file's own memory, or nil if the tensor is absent, of another type or
// unaligned. The slice is valid until Close and must not be written.
func (f *File) Float32s(name string) []float32 { return view[float32](f, name, F32) }

// BF16s is like Float32s for bfloat16.
func (f *File) BF16s(name string) []uint16 { return view[uint16](f, name, BF16) }

// view reinterprets a tensor's bytes if the machine's format matches the file's.
func view[T float32 | uint16](f *File, name string, want DType) []T {
	raw, err := f.typed(name, want)
	if err != nil || len(raw) == 0 || !littleEndian {
		return nil
	}
	p := unsafe.Pointer(unsafe.SliceData(raw))
	if uintptr(p)%uintptr(want.bytes()) != 0 {
		return nil
	}
	return unsafe.Slice((*T)(p), len(raw)/want.bytes())
}

// littleEndian reports whether this machine is little-endian.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// ReleasePages tells the system that the tensor's memory is not needed for now, typically after conversion. The tensor
// stays readable: a later access reads the file again.
func (f *File) ReleasePages(name string) {
	if t, ok := f.Info(name); ok {
		f.mapping.release(f.dataAt+t.begin, f.dataAt+t.end)
	}
}
