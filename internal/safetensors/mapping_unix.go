//go:build linux || darwin || freebsd || netbsd || openbsd

package safetensors

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/archbench/archbench/internal/regularfile"
)

// mapping is the file's contents in memory.
type mapping struct{ bytes []byte }

// openMapping maps the file read-only.
func openMapping(path string) (mapping, error) {
	file, err := regularfile.Open(path)
	if err != nil {
		return mapping{}, err
	}
	defer file.Close()
	stat, err := file.Stat()
	if err != nil {
		return mapping{}, err
	}
	size := stat.Size()
	switch {
	case size == 0:
		return mapping{}, nil
	case size != int64(int(size)):
		return mapping{}, fmt.Errorf("%s: %d bytes do not fit this machine's address space", path, size)
	}
	data, err := unix.Mmap(int(file.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return mapping{}, fmt.Errorf("map %s: %w", path, err)
	}
	return mapping{data}, nil
}

// release gives back the pages that hold bytes [begin, end). Dropping a page shared with a neighbour is safe: the
// mapping is read-only, so the page can be read again.
func (m mapping) release(begin, end int64) {
	begin -= begin % int64(os.Getpagesize())
	if begin < end {
		_ = unix.Madvise(m.bytes[begin:end], unix.MADV_DONTNEED) // only advice: if refused, it costs memory
	}
}

// close unmaps the file. It may be called twice.
func (m *mapping) close() error {
	data := m.bytes
	m.bytes = nil
	if data == nil {
		return nil
	}
	return unix.Munmap(data)
}
