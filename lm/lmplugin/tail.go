package lmplugin

import (
	"bytes"
	"io"
	"sync"

	"github.com/archbench/archbench/internal/printable"
)

// tailBytes is how much of a plugin's output a tail keeps.
const tailBytes = 64 << 10

// tail is a writer that keeps the end of what is written to it. It never blocks and never fails.
type tail struct {
	mu   sync.Mutex
	data []byte // up to 2·tailBytes, so that old bytes are rarely dropped
	lost bool
	also io.Writer // receives a copy, if set
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.also != nil {
		_, _ = t.also.Write(p)
	}
	n := len(p)
	if len(p) > tailBytes {
		t.lost, p = true, p[len(p)-tailBytes:]
	}
	if len(t.data)+len(p) > 2*tailBytes {
		t.lost = true
		t.data = append(t.data[:0], t.data[len(t.data)-tailBytes:]...)
	}
	t.data = append(t.data, p...)
	return n, nil
}

// String returns at most the last tailBytes, safe to print; if older bytes are gone, it starts at the start of a line.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	data, cut := t.data, t.lost
	if len(data) > tailBytes {
		data, cut = data[len(data)-tailBytes:], true
	}
	if i := bytes.IndexByte(data, '\n'); cut && i >= 0 {
		data = data[i+1:]
	}
	return printable.Text(string(data))
}
