// Package text finds the text that models read: the Go source tree of the toolchain at hand, its packages that the
// bundled models never saw, or a file or folder of the user's. The same files give the same documents, in the same
// order and with the same sha256, on every machine.
package text

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// Document is one independent piece of text.
type Document struct {
	Name string // path below the corpus
	Text string
}

// Corpus is a list of documents.
type Corpus struct {
	Source    string // what it is, in words
	Documents []Document
}

// Load reads a text file as one document, or every text file below a folder as one document each, sorted by path.
// Hidden files and files that are not UTF-8 are left out.
func Load(path string) (*Corpus, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("load corpus: %w", err)
	}
	c := &Corpus{Source: path}
	if !info.IsDir() {
		err = c.add(path, filepath.Base(path))
	} else {
		err = c.walk(path, "", func(name string, _ bool) bool { return !strings.HasPrefix(filepath.Base(name), ".") })
	}
	if err != nil {
		return nil, fmt.Errorf("load corpus %s: %w", path, err)
	}
	if c.Bytes() == 0 {
		return nil, fmt.Errorf("load corpus %s: no UTF-8 text in it", path)
	}
	return c, nil
}

// walk adds the files below root/sub for which keep says yes, in lexical order.
func (c *Corpus) walk(root, sub string, keep func(name string, dir bool) bool) error {
	return filepath.WalkDir(filepath.Join(root, sub), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		switch {
		case name != "." && name != sub && !keep(filepath.ToSlash(name), d.IsDir()):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.Type().IsRegular():
			return c.add(path, filepath.ToSlash(name))
		default:
			return nil
		}
	})
}

// add reads one file, unless it is empty or not text.
func (c *Corpus) add(path, name string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if len(b) > 0 && utf8.Valid(b) && !bytes.ContainsRune(b, 0) {
		c.Documents = append(c.Documents, Document{Name: name, Text: string(b)})
	}
	return nil
}

// Bytes is the length of all documents.
func (c *Corpus) Bytes() int {
	n := 0
	for _, d := range c.Documents {
		n += len(d.Text)
	}
	return n
}

// SHA256 identifies the contents: every document's name and text.
func (c *Corpus) SHA256() string {
	h := sha256.New()
	for _, d := range c.Documents {
		fmt.Fprintf(h, "%d %s %d\n", len(d.Name), d.Name, len(d.Text))
		h.Write([]byte(d.Text))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Excerpt returns documents of about total bytes in all, the shares of the documents as equal as their lengths
// allow, each share the start of its document cut at the end of a line. A corpus of less is returned whole.
func (c *Corpus) Excerpt(total int) *Corpus {
	share := c.share(total)
	e := &Corpus{Source: fmt.Sprintf("%s, first %d bytes of each document", c.Source, share)}
	for _, d := range c.Documents {
		if text := cutLine(d.Text, share); text != "" {
			e.Documents = append(e.Documents, Document{d.Name, text})
		}
	}
	return e
}

// share finds how much of each document makes total bytes: the level to which total fills them.
func (c *Corpus) share(total int) int {
	lengths := make([]int, len(c.Documents))
	for i, d := range c.Documents {
		lengths[i] = len(d.Text)
	}
	slices.Sort(lengths)
	for i, n := range lengths {
		left := len(lengths) - i
		if n*left >= total {
			return (total + left - 1) / left
		}
		total -= n
	}
	return slices.Max(append(lengths, 0))
}

// cutLine returns the start of text of at most n bytes, up to the end of a line where there is one, else of a rune.
func cutLine(text string, n int) string {
	if len(text) <= n {
		return text
	}
	if end := strings.LastIndexByte(text[:n], '\n'); end >= 0 {
		return text[:end+1]
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
