// Package text finds the text that models read: the installed toolchain's Go source tree, those of its packages that
// the bundled models never saw, or a user's file or folder. The same files give the same documents, in the same order
// and with the same sha256, on every machine.
//
// A corpus holds only the places and lengths of its documents. Text is read in pieces when needed, so a corpus may be
// larger than memory.
package text

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Corpus is a list of documents.
type Corpus struct {
	Source    string // description
	Documents []Document
	LeftOut   []LeftOut // files that are not text or could not be read
}

// Load opens a text file as one document, or every text file below a folder as one document each, sorted by path.
// Hidden and empty files are skipped; anything else that is not text is listed in LeftOut.
func Load(ctx context.Context, path string) (*Corpus, error) {
	var root string
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("load corpus: %w", err)
	}
	c := &Corpus{Source: path}
	if !info.IsDir() {
		err = c.addOne(ctx, path)
	} else if root, err = filepath.EvalSymlinks(path); err == nil {
		err = c.walk(ctx, root, "", func(name string, _ bool) bool { return !strings.HasPrefix(filepath.Base(name), ".") })
	}
	if err == nil && c.Bytes() == 0 {
		err = fmt.Errorf("no UTF-8 text in it%s", because(c.Omissions()))
	}
	if err != nil {
		return nil, fmt.Errorf("load corpus %s: %w", path, err)
	}
	return c, nil
}

// walk adds the files below root/sub that keep accepts, in lexical order.
func (c *Corpus) walk(ctx context.Context, root, sub string, keep func(name string, dir bool) bool) error {
	top := filepath.Join(root, sub)
	return filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil && path == top {
			return err
		}
		name, relErr := filepath.Rel(root, path)
		if relErr != nil {
			return relErr
		}
		name = filepath.ToSlash(name)
		switch {
		case path != top && !keep(name, d.IsDir()):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case err != nil: // an unreadable folder
			c.leaveOut(name, reasonOf(err))
			return nil
		case d.IsDir():
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			c.leaveOut(name, "is a symbolic link")
			return nil
		}
		return c.add(ctx, path, name)
	})
}

// Bytes is the total length of all documents.
func (c *Corpus) Bytes() int64 {
	var n int64
	for _, d := range c.Documents {
		n += d.Bytes
	}
	return n
}

// SHA256 identifies the contents: every document's name and text.
func (c *Corpus) SHA256(ctx context.Context) (string, error) {
	h := sha256.New()
	for _, d := range c.Documents {
		fmt.Fprintf(h, "%d %s %d\n", len(d.Name), d.Name, d.Bytes)
		if err := d.CopyTo(ctx, h); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// CopyTo writes the text to w. It is an error if the document has changed.
func (d Document) CopyTo(ctx context.Context, w io.Writer) error {
	r, err := d.Open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := io.Copy(w, r)
	if err == nil && n < d.Bytes {
		err = d.changed()
	}
	return err
}

// Excerpt returns documents of about total bytes in all. Each is the start of a document, cut at the end of a line, and
// they are as equal in size as the documents' lengths allow. A smaller corpus is returned whole.
func (c *Corpus) Excerpt(total int64) (*Corpus, error) {
	share := c.share(total)
	e := &Corpus{Source: fmt.Sprintf("%s, first %d bytes of each document", c.Source, share)}
	for _, d := range c.Documents {
		start, err := d.start(share)
		if err != nil {
			return nil, err
		}
		if start.Bytes > 0 {
			e.Documents = append(e.Documents, start)
		}
	}
	return e, nil
}

// share finds how much of each document to take for total bytes: the level to which total fills them all.
func (c *Corpus) share(total int64) int64 {
	lengths := make([]int64, len(c.Documents))
	for i, d := range c.Documents {
		lengths[i] = d.Bytes
	}
	slices.Sort(lengths)
	for i, n := range lengths {
		left := int64(len(lengths) - i)
		if n*left >= total {
			return (total + left - 1) / left
		}
		total -= n
	}
	return slices.Max(append(lengths, 0))
}
