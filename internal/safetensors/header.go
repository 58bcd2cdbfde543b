package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/archbench/archbench/internal/strictjson"
)

// maxHeader is the format's limit on the header length.
const maxHeader = 100_000_000

// metadataKey is the header key that is not a tensor.
const metadataKey = "__metadata__"

// Info describes one tensor.
type Info struct {
	Name  string
	DType DType
	Shape []int // empty for a scalar
	begin int64 // offset relative to the data section
	end   int64
}

// Bytes is the length of the tensor in the file.
func (t Info) Bytes() int64 { return t.end - t.begin }

// Elements is the number of elements, 1 for a scalar.
func (t Info) Elements() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Rows sees the tensor as a matrix [shape[0], the rest]; a scalar is one row of one element.
func (t Info) Rows() (rows, cols int) {
	if len(t.Shape) == 0 {
		return 1, 1
	}
	cols = 1
	for _, d := range t.Shape[1:] {
		cols *= d
	}
	return t.Shape[0], cols
}

// count is a JSON number for counts: whole and not negative or null.
type count int64

// UnmarshalJSON implements [json.Unmarshaler].
func (c *count) UnmarshalJSON(text []byte) error {
	v, err := strconv.ParseUint(string(text), 10, 63)
	if err != nil {
		return fmt.Errorf("%s is not a count", text)
	}
	*c = count(v)
	return nil
}

// header is the parsed and checked header of a file.
type header struct {
	tensors  []Info // in data order
	metadata map[string]string
	dataAt   int64
}

// parseHeader reads the header of a file of the given size. head holds the file's bytes, or a prefix of them.
func parseHeader(head []byte, size int64) (header, error) {
	if size < 8 || len(head) < 8 {
		return header{}, fmt.Errorf("is %d bytes long: too short for a header length", size)
	}
	n := binary.LittleEndian.Uint64(head)
	switch {
	case n > maxHeader:
		return header{}, fmt.Errorf("claims a header of %d bytes, the format allows %d", n, maxHeader)
	case n > uint64(size-8), n > uint64(len(head)-8):
		return header{}, fmt.Errorf("is truncated: its header of %d bytes ends after %d: fetch it again", n, size-8)
	}
	text := head[8 : 8+n]
	if !utf8.Valid(text) {
		return header{}, errors.New("header is not valid UTF-8")
	}
	h := header{dataAt: int64(8 + n)}
	dec := json.NewDecoder(bytes.NewReader(text))
	err := strictjson.Object(dec, func(key string) error {
		if key == metadataKey {
			return h.parseMetadata(dec)
		}
		return h.parseTensor(dec, key)
	})
	if err == nil {
		err = strictjson.End(dec)
	}
	if err != nil {
		return header{}, fmt.Errorf("header: %w", err)
	}
	return h, h.checkLayout(size - h.dataAt)
}

// parseMetadata reads the free-form strings.
func (h *header) parseMetadata(dec *json.Decoder) error {
	h.metadata = map[string]string{}
	return strictjson.Object(dec, func(key string) error {
		var value *string
		if err := dec.Decode(&value); err != nil || value == nil {
			return fmt.Errorf("%s: value of %q is not a string", metadataKey, key)
		}
		h.metadata[key] = *value
		return nil
	})
}

// parseTensor reads one entry and checks it on its own.
func (h *header) parseTensor(dec *json.Decoder, name string) error {
	t := Info{Name: name}
	var shape, offsets []count
	err := strictjson.Object(dec, func(key string) error {
		switch key {
		case "dtype":
			return dec.Decode(&t.DType)
		case "shape":
			return dec.Decode(&shape)
		case "data_offsets":
			return dec.Decode(&offsets)
		}
		return fmt.Errorf("unknown key %q", key)
	})
	switch {
	case err != nil:
	case t.DType == "":
		err = errors.New("has no dtype")
	case t.DType.Bits() == 0:
		err = fmt.Errorf("unknown dtype %q", t.DType)
	case shape == nil:
		err = errors.New("has no shape")
	case len(offsets) != 2:
		err = fmt.Errorf("data_offsets %v are not a pair", offsets)
	case offsets[1] < offsets[0]:
		err = fmt.Errorf("data_offsets %v are not a range", offsets)
	default:
		t.begin, t.end = int64(offsets[0]), int64(offsets[1])
		t.Shape, err = checkShape(shape, t.DType, t.Bytes())
	}
	if err != nil {
		return fmt.Errorf("tensor %q: %w", name, err)
	}
	h.tensors = append(h.tensors, t)
	return nil
}

// checkShape checks that a tensor of this shape has exactly the given number of bytes.
func checkShape(shape []count, dtype DType, bytes int64) ([]int, error) {
	ints := make([]int, len(shape))
	want, overflow, empty := int64(dtype.Bits()), false, false // want counts bits
	for i, d := range shape {
		ints[i] = int(d)
		switch {
		case d == 0:
			empty = true
		case want > math.MaxInt/int64(d):
			overflow = true
		default:
			want *= int64(d)
		}
	}
	if overflow { // for empty tensors, too: products of its dimensions must be safe to compute
		return nil, fmt.Errorf("shape %v is too large to count", shape)
	}
	if empty {
		want = 0
	}
	if want%8 != 0 {
		return nil, fmt.Errorf("shape %v of %s does not fill whole bytes", shape, dtype)
	}
	if want/8 != bytes {
		return nil, fmt.Errorf("shape %v of %s needs %d bytes, data_offsets span %d", shape, dtype, want/8, bytes)
	}
	return ints, nil
}

// checkLayout sorts the tensors by offset and checks that they fill the data section without gaps or overlaps.
func (h *header) checkLayout(size int64) error {
	slices.SortStableFunc(h.tensors, func(a, b Info) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	var at int64
	for i, t := range h.tensors {
		switch {
		case t.begin < at:
			return fmt.Errorf("tensor %q overlaps tensor %q", t.Name, h.tensors[i-1].Name)
		case t.begin > at:
			return fmt.Errorf("tensor %q begins at byte %d, want %d: the data has a hole", t.Name, t.begin, at)
		}
		at = t.end
	}
	switch {
	case at > size:
		return fmt.Errorf("is truncated: %d of %d bytes of its tensors are missing: fetch it again", at-size, at)
	case at < size:
		return fmt.Errorf("holds %d bytes of data, its tensors cover %d", size, at)
	}
	return nil
}
