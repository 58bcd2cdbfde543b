//go:build !cgo

package store

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
)

// TestWithoutCgo is for CGO_ENABLED=0 go test.
func TestWithoutCgo(t *testing.T) {
	_, err := Open(context.Background(), filepath.Join(t.TempDir(), "x.db"))
	if err == nil || !strings.Contains(err.Error(), "build it with CGO_ENABLED=1 and a C compiler") {
		t.Errorf("got %v", err)
	}
}
