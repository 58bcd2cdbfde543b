package text

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/archbench/archbench/internal/regularfile"
)

// Document is one independent piece of text: a file or the start of one.
type Document struct {
	Name  string // path below the corpus
	Bytes int64

	open func() (source, error)
}

// source is an open document.
type source interface {
	io.ReaderAt
	io.Closer
}

// fromFile returns a document that is read from its file. If the file has changed since, reading is an error: results
// would not belong to the corpus.
func fromFile(path, name string, size int64, modified time.Time) Document {
	d := Document{Name: name, Bytes: size}
	d.open = func() (source, error) {
		f, err := regularfile.Open(path)
		if err != nil {
			return nil, err
		}
		info, err := f.Stat()
		if err == nil && (info.Size() != size || !info.ModTime().Equal(modified)) {
			err = d.changed()
		}
		if err != nil {
			_ = f.Close() // the first error counts
			return nil, err
		}
		return f, nil
	}
	return d
}

// FromString returns a document that is in memory.
func FromString(name, text string) Document {
	return Document{Name: name, Bytes: int64(len(text)), open: func() (source, error) { return inMemory{strings.NewReader(text)}, nil }}
}

// inMemory is a source that needs no closing.
type inMemory struct{ io.ReaderAt }

// Close implements io.Closer.
func (inMemory) Close() error { return nil }

// Open opens the document for reading from its start. Reading ends with the context.
func (d Document) Open(ctx context.Context) (io.ReadCloser, error) {
	r, err := d.open()
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{cancellable{ctx, io.NewSectionReader(r, 0, d.Bytes)}, r}, nil
}

// changed is the error for a document that has changed.
func (d Document) changed() error {
	return fmt.Errorf("text %s has changed since the corpus was looked at: run again", d.Name)
}

// read returns n bytes of the text starting at position at.
func (d Document) read(at, n int64) (string, error) {
	r, err := d.open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	b := make([]byte, n)
	if got, err := r.ReadAt(b, at); int64(got) < n {
		if err == io.EOF { //nolint:errorlint // io.ReaderAt returns it bare
			err = d.changed()
		}
		return "", err
	}
	return string(b), nil
}

// start returns the document's start, at most n bytes, up to the end of a line if there is one, else of a rune.
func (d Document) start(n int64) (Document, error) {
	if d.Bytes <= n {
		return d, nil
	}
	const block = 1 << 16
	for end := n; end > 0; end -= min(end, block) {
		at := max(0, end-block)
		text, err := d.read(at, end-at)
		if err != nil {
			return d, err
		}
		if last := strings.LastIndexByte(text, '\n'); last >= 0 {
			d.Bytes = at + int64(last) + 1
			return d, nil
		}
	}
	return d.startOfRunes(n)
}

// startOfRunes returns the start, at most n bytes, that ends on a rune boundary.
func (d Document) startOfRunes(n int64) (Document, error) {
	at := max(0, n-utf8.UTFMax)
	text, err := d.read(at, n+1-at)
	if err != nil {
		return d, err
	}
	d.Bytes = at + int64(runeStart(text, len(text)-1))
	return d, nil
}

// cancellable is a reader that stops when its context ends.
type cancellable struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (c cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// inspect reads a file to its end, or to the first bytes that are not text, and classifies it.
func inspect(r io.Reader) (notText string, err error) {
	buffer := make([]byte, 1<<18)
	rest := 0 // bytes of a rune split by the block's end
	for first := true; ; first = false {
		n, err := io.ReadFull(r, buffer[rest:])
		last := err == io.EOF || err == io.ErrUnexpectedEOF // which io.ReadFull returns bare
		if err != nil && !last {
			return "", err
		}
		block := buffer[:rest+n]
		if first && hasUTF16Mark(block) {
			return "is UTF-16: convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)", nil
		}
		rest = 0
		if !last {
			rest = cutRune(block)
		}
		switch whole := block[:len(block)-rest]; {
		case bytes.IndexByte(whole, 0) >= 0:
			return "holds a NUL byte", nil
		case !utf8.Valid(whole):
			return "is not UTF-8", nil
		case last:
			return "", nil
		}
		copy(buffer, block[len(block)-rest:])
	}
}

// hasUTF16Mark reports whether b begins with a UTF-16 byte order mark.
func hasUTF16Mark(b []byte) bool {
	return bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff"))
}

// cutRune is the number of bytes of an incomplete rune at the end of b.
func cutRune(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if start := b[len(b)-n:]; utf8.RuneStart(start[0]) {
			if utf8.FullRune(start) {
				return 0
			}
			return n
		}
	}
	return 0
}
