package lmplugin

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/archbench/archbench/internal/regularfile"
)

// Identity returns the SHA-256 of a plugin's files, in hexadecimal. For a binary it is that of the file. For a script it is
// that of the listing "sha256  path\n" of every file in its folder, sorted by path, as sha256sum prints it. Names that
// start with a dot and __pycache__ are left out. For a script in a folder shared with other programs (one of PATH, or that
// of the running binary) only the script itself counts, so give it a folder of its own.
func Identity(path string) (string, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", fmt.Errorf("identify plugin: %w", err)
	}
	script, err := isScript(path)
	if err != nil {
		return "", fmt.Errorf("identify plugin: %w", err)
	}
	if !script || isShared(filepath.Dir(path)) {
		return fileSHA256(path)
	}
	return folderSHA256(filepath.Dir(path))
}

func isScript(path string) (bool, error) {
	f, err := regularfile.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	magic := make([]byte, 2)
	n, err := io.ReadFull(f, magic)
	if err != nil && n < 2 {
		return false, fmt.Errorf("%s is too short to be a program", path)
	}
	return bytes.Equal(magic, []byte("#!")), nil
}

func isShared(dir string) bool {
	return slices.ContainsFunc(sharedDirs(), func(shared string) bool {
		resolved, err := filepath.EvalSymlinks(shared)
		return err == nil && resolved == dir
	})
}

func fileSHA256(path string) (string, error) {
	f, err := regularfile.Open(path)
	if err != nil {
		return "", fmt.Errorf("identify plugin: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("identify plugin: %s: %w", path, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// folderSHA256 hashes the listing of a folder. WalkDir goes in lexical order.
func folderSHA256(dir string) (string, error) {
	listing := sha256.New()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		hidden := path != dir && (strings.HasPrefix(name, ".") || name == "__pycache__")
		if hidden && entry.IsDir() {
			return fs.SkipDir
		}
		if hidden || entry.IsDir() {
			return nil
		}
		sum, err := fileSHA256(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(listing, "%s  %s\n", sum, filepath.ToSlash(relative))
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("identify plugin: %w", err)
	}
	return hex.EncodeToString(listing.Sum(nil)), nil
}
