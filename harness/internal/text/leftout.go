package text

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/archbench/archbench/internal/regularfile"
)

// LeftOut is a file or folder that gives no document.
type LeftOut struct {
	Name   string // path below the corpus
	Reason string // for example "is not UTF-8"
}

// addOne adds a corpus's only file, which must be regular.
func (c *Corpus) addOne(ctx context.Context, path string) error {
	f, err := regularfile.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), c.add(ctx, path, filepath.Base(path)))
}

// add inspects a file and makes a document of it, unless it is empty or not text. The only error is the end of the
// context; unreadable files are left out.
func (c *Corpus) add(ctx context.Context, path, name string) error {
	f, err := regularfile.Open(path)
	if err != nil {
		c.leaveOut(name, reasonOf(err))
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	var notText string
	if err == nil {
		notText, err = inspect(cancellable{ctx, f})
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		c.leaveOut(name, reasonOf(err))
	case notText != "":
		c.leaveOut(name, notText)
	case info.Size() > 0:
		c.Documents = append(c.Documents, fromFile(path, name, info.Size(), info.ModTime()))
	}
	return nil
}

func (c *Corpus) leaveOut(name, reason string) {
	c.LeftOut = append(c.LeftOut, LeftOut{name, reason})
}

// reasonOf removes the path from an error that is printed beside a name.
func reasonOf(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	if errors.Is(err, regularfile.ErrNotRegular) {
		return err.Error()
	}
	return "cannot be read: " + err.Error()
}

// mostNamed is how many files Omissions names.
const mostNamed = 3

// Omissions describes what was left out in one line, "" if nothing.
func (c *Corpus) Omissions() string {
	if len(c.LeftOut) == 0 {
		return ""
	}
	var words []string
	for _, l := range c.LeftOut[:min(mostNamed, len(c.LeftOut))] {
		words = append(words, l.Name+" "+l.Reason)
	}
	if more := len(c.LeftOut) - mostNamed; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	files := "files"
	if len(c.LeftOut) == 1 {
		files = "file"
	}
	return fmt.Sprintf("%d %s left out: %s", len(c.LeftOut), files, strings.Join(words, ", "))
}

// because appends an explanation to a message, if there is one.
func because(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}
