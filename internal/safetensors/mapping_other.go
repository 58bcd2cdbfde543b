//go:build !(linux || darwin || freebsd || netbsd || openbsd)

package safetensors

import (
	"math"

	"github.com/archbench/archbench/internal/regularfile"
)

// mapping is the file's contents in memory, here a copy.
type mapping struct{ bytes []byte }

// openMapping reads the file.
func openMapping(path string) (mapping, error) {
	data, err := regularfile.Read(path, math.MaxInt64)
	return mapping{data}, err
}

// release does nothing: a copy cannot be reloaded.
func (m mapping) release(begin, end int64) {}

// close drops the copy.
func (m *mapping) close() error {
	m.bytes = nil
	return nil
}
