// Package atomicfile writes files that are either complete or absent. It writes to a temporary name in the same folder
// and renames. A failure leaves an older file unchanged and no temporary file behind.
package atomicfile

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Write replaces the file at path with what the callback writes, with mode 0644, and syncs it. The writer is buffered.
func Write(path string, content func(w io.Writer) error) error {
	if err := replace(path, content, (*os.File).Sync); err != nil {
		return err
	}
	syncDir(filepath.Dir(path))
	return nil
}

// WriteDerived is Write for a file that can be made again, such as a figure: it does not wait for the disk.
func WriteDerived(path string, content func(w io.Writer) error) error {
	return replace(path, content, func(*os.File) error { return nil })
}

func replace(path string, content func(w io.Writer) error, sync func(*os.File) error) error {
	temporary, err := write(path, content, sync)
	if err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		_ = os.Remove(temporary) // the first error counts
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// write writes a file under a temporary name in the folder of path.
func write(path string, content func(w io.Writer) error, sync func(*os.File) error) (temporary string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return "", fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close() // the first error counts; closing twice is harmless
			_ = os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	w := bufio.NewWriterSize(f, 1<<18)
	if err := content(w); err != nil {
		return "", err
	}
	if err := w.Flush(); err != nil {
		return "", err
	}
	if err := f.Chmod(0o644); err != nil {
		return "", err
	}
	if err := sync(f); err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// WriteBytes replaces the file at path with data.
func WriteBytes(path string, data []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// syncDir makes the rename durable where the file system can; the file is complete either way.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
