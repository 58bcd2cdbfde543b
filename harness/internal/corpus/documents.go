package corpus

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/archbench/archbench/harness/internal/text"
)

// jsonLines ends the names of files with one document a line.
const jsonLines = ".jsonl"

// longestLine bounds a line of a file that is read by lines.
const longestLine = 64 << 20

// AtLeast reports whether sources have that many documents. It reads .jsonl files only as far as it must.
func AtLeast(ctx context.Context, sources []Source, documents int) (bool, error) {
	n := 0
	for _, s := range sources {
		for _, d := range s.Text.Documents {
			if n >= documents {
				return true, nil
			}
			if !strings.HasSuffix(d.Name, jsonLines) {
				n++
				continue
			}
			err := lines(ctx, d, func(_ int, line []byte) error {
				if len(bytes.TrimSpace(line)) > 0 {
					n++
				}
				if n >= documents {
					return errEnough
				}
				return nil
			})
			if err != nil && !errors.Is(err, errEnough) {
				return false, fmt.Errorf("corpus %s: %w", s.Text.Source, err)
			}
		}
	}
	return n >= documents, nil
}

// errEnough ends a count.
var errEnough = errors.New("enough")

// file adds the documents of a file.
func (r *reader) file(ctx context.Context, d text.Document) error {
	if !strings.HasSuffix(d.Name, jsonLines) {
		return r.document(ctx, d)
	}
	return lines(ctx, d, func(n int, line []byte) error {
		written, err := textOf(line)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", d.Name, n, err)
		}
		return r.document(ctx, text.FromString(fmt.Sprintf("%s:%d", d.Name, n), written))
	})
}

// document adds a document, in pieces if it is long.
func (r *reader) document(ctx context.Context, d text.Document) error {
	switch {
	case d.Bytes == 0:
		return nil
	case r.Cut > 0 && d.Bytes > int64(r.Cut):
		return r.pieces(ctx, d)
	}
	return r.add(ctx, d)
}

// pieces adds a document cut at ends of lines.
func (r *reader) pieces(ctx context.Context, d text.Document) error {
	var open strings.Builder
	number := 0
	add := func() error {
		if open.Len() == 0 {
			return nil
		}
		number++
		piece := text.FromString(fmt.Sprintf("%s, piece %d", d.Name, number), open.String())
		open.Reset()
		return r.add(ctx, piece)
	}
	err := lines(ctx, d, func(_ int, line []byte) error {
		open.Write(line)
		if open.Len() < r.Cut {
			return nil
		}
		return add()
	})
	if err != nil {
		return err
	}
	return add()
}

// lines calls do for each line of a document, with its end and its number.
func lines(ctx context.Context, d text.Document, do func(n int, line []byte) error) error {
	f, err := d.Open(ctx)
	if err != nil {
		return err
	}
	defer f.Close()
	buffered := bufio.NewReaderSize(f, 1<<18)
	for n := 1; ; n++ {
		line, err := readLine(buffered)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s:%d: %w", d.Name, n, err)
		}
		if len(line) > 0 {
			if err := do(n, line); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

// readLine returns a line with its end, and io.EOF with the last.
func readLine(r *bufio.Reader) (line []byte, err error) {
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > longestLine:
			return nil, fmt.Errorf("the line is longer than %d MiB: does the file have one document a line?", longestLine>>20)
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, err
		}
	}
}

// textOf returns the text of a line of a .jsonl file, "" if the line is blank.
func textOf(line []byte) (string, error) {
	if len(bytes.TrimSpace(line)) == 0 {
		return "", nil
	}
	var document struct {
		Text *string `json:"text"`
	}
	if err := json.Unmarshal(line, &document); err != nil {
		return "", fmt.Errorf("want {\"text\": \"...\"}: %w", err)
	}
	if document.Text == nil {
		return "", errors.New(`the object has no "text": want {"text": "..."}`)
	}
	return *document.Text, nil
}
