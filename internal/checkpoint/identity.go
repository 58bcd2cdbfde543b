package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"

	"github.com/archbench/archbench/internal/regularfile"
)

// SHA256 identifies the weights: the hex hash of the single file, or for shards the hash of sha256sum's output for them
// in name order. Files are streamed, so their pages do not become resident.
func (f *Folder) SHA256() (string, error) {
	all := sha256.New()
	for _, file := range f.files {
		sum, err := fileSHA256(file.Path())
		if err != nil {
			return "", fmt.Errorf("identify checkpoint %s: %w", f.dir, err)
		}
		if len(f.files) == 1 {
			return sum, nil
		}
		fmt.Fprintf(all, "%s  %s\n", sum, filepath.Base(file.Path()))
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}

// fileSHA256 hashes one file.
func fileSHA256(path string) (string, error) {
	file, err := regularfile.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
