package safetensors

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"github.com/archbench/archbench/internal/atomicfile"
)

// Tensor is one tensor to write. Its content comes from either ReadRows or Raw.
type Tensor struct {
	Name  string
	DType DType
	Shape []int
	// ReadRows writes rows [lo, hi) of the tensor, seen as [shape[0], the rest], into dst. Rows are requested once, in
	// order, a few at a time, so a tensor never exists as a whole. DType must be F32, BF16 or F16; narrowing rounds to
	// nearest even.
	ReadRows func(lo, hi int, dst []float32) error
	// Raw is the content as stored in the file, of any type.
	Raw []byte
}

// blockElements is about how many elements of a tensor are in memory at once.
const blockElements = 1 << 16

// Write writes a file like Encode. The file appears under its name only when complete; a failure leaves nothing behind.
func Write(path string, tensors []Tensor, metadata map[string]string) error {
	content, err := Encode(tensors, metadata)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return atomicfile.Write(path, content)
}

// Encode returns a function that writes a file, whose bytes depend only on the tensors and metadata. Like the format's own
// library, it orders tensors by decreasing element size, which keeps them aligned, then by name. Values beyond the range of
// their type fail with an error that wraps an [OverflowError]; infinities and NaNs are kept.
func Encode(tensors []Tensor, metadata map[string]string) (content func(w io.Writer) error, err error) {
	list := slices.Clone(tensors)
	slices.SortStableFunc(list, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(b.DType.Bits(), a.DType.Bits()), cmp.Compare(a.Name, b.Name))
	})
	head, err := formatHeader(list, metadata)
	if err != nil {
		return nil, err
	}
	return func(w io.Writer) error {
		if _, err := w.Write(head); err != nil {
			return err
		}
		return writeTensors(w, list)
	}, nil
}

// SHA256 returns the hash of the content as stored in a file, in hexadecimal digits.
func (t Tensor) SHA256() (string, error) {
	h := sha256.New()
	if err := t.writeTo(h); err != nil {
		return "", fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// formatHeader returns the file's header: length, JSON, and spaces that align the data to 8 bytes.
func formatHeader(list []Tensor, metadata map[string]string) ([]byte, error) {
	var b bytes.Buffer
	b.Write(make([]byte, 8))
	b.WriteByte('{')
	if len(metadata) > 0 {
		fmt.Fprintf(&b, "%s:{", encode(metadataKey))
		for i, key := range slices.Sorted(maps.Keys(metadata)) {
			fmt.Fprintf(&b, "%s%s:%s", comma(i), encode(key), encode(metadata[key]))
		}
		b.WriteString("}")
	}
	seen := map[string]bool{metadataKey: true}
	var at int64
	for _, t := range list {
		size, err := t.check()
		if err == nil && seen[t.Name] {
			err = errors.New("name is taken")
		}
		seen[t.Name] = true
		if err == nil && size > math.MaxInt64-at {
			err = errors.New("file would be too large")
		}
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		fmt.Fprintf(&b, `%s%s:{"dtype":%s,"shape":%s,"data_offsets":[%d,%d]}`, comma(b.Len()-9),
			encode(t.Name), encode(string(t.DType)), encode(append([]int{}, t.Shape...)), at, at+size)
		at += size
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	if b.Len()-8 > maxHeader {
		return nil, fmt.Errorf("header of %d bytes, the format allows %d", b.Len()-8, maxHeader)
	}
	binary.LittleEndian.PutUint64(b.Bytes(), uint64(b.Len()-8))
	return b.Bytes(), nil
}

// check returns the tensor's length in bytes.
func (t Tensor) check() (int64, error) {
	if t.DType.Bits() == 0 {
		return 0, fmt.Errorf("unknown dtype %q", t.DType)
	}
	if t.Raw == nil && t.ReadRows == nil {
		return 0, errors.New("has no content")
	}
	if t.Raw == nil && !t.DType.writable() {
		return 0, fmt.Errorf("rows of float32 cannot be written as %s", t.DType)
	}
	size := int64(t.DType.Bits())
	for _, d := range t.Shape {
		if d < 0 || d > 0 && size > math.MaxInt64/int64(d) {
			return 0, fmt.Errorf("shape %v is impossible", t.Shape)
		}
		size *= int64(d)
	}
	if size%8 != 0 {
		return 0, fmt.Errorf("shape %v of %s does not fill whole bytes", t.Shape, t.DType)
	}
	size /= 8
	if t.Raw != nil && int64(len(t.Raw)) != size {
		return 0, fmt.Errorf("shape %v of %s needs %d bytes, got %d", t.Shape, t.DType, size, len(t.Raw))
	}
	return size, nil
}

// writeTensors writes all tensors. It goes on after an overflow, so the error covers all of them.
func writeTensors(w io.Writer, list []Tensor) error {
	var all OverflowError
	for _, t := range list {
		var o *overflow
		err := t.writeTo(w)
		switch {
		case errors.As(err, &o):
			all.Tensors = append(all.Tensors, fmt.Sprintf("tensor %q: %v", t.Name, o))
		case err != nil:
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
	}
	if len(all.Tensors) > 0 {
		return &all
	}
	return nil
}

// writeTo writes one tensor.
func (t Tensor) writeTo(w io.Writer) error {
	if t.Raw != nil {
		_, err := w.Write(t.Raw)
		return err
	}
	rows, cols := Info{Shape: t.Shape}.Rows()
	block := max(1, blockElements/max(1, cols))
	values := make([]float32, min(block, rows)*cols)
	raw := make([]byte, 0, len(values)*t.DType.bytes())
	o := overflow{dtype: t.DType}
	for lo := 0; lo < rows; lo += block {
		hi := min(lo+block, rows)
		values := values[:(hi-lo)*cols]
		if err := t.ReadRows(lo, hi, values); err != nil {
			return err
		}
		raw = t.DType.narrow(raw[:0], values)
		o.count(raw, values)
		if _, err := w.Write(raw); err != nil {
			return err
		}
	}
	if o.n > 0 {
		return &o
	}
	return nil
}

// encode returns v as JSON without needless escapes.
func encode(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // cannot fail: strings and ints always encode
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// comma is the separator after n written items.
func comma(n int) string {
	if n <= 0 {
		return ""
	}
	return ","
}
