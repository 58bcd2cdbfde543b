package safetensors

import (
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWriteToFullDisk limits the file size, so writes fail as on a full disk.
func TestWriteToFullDisk(t *testing.T) {
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1 << 20, Max: old.Max}); err != nil {
		t.Skipf("cannot limit the size of files: %v", err)
	}
	err := Write(filepath.Join(dir, "w"), []Tensor{{Name: "w", DType: F32, Shape: []int{100, 10_000}, ReadRows: constant(1)}}, nil)
	if restore := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); restore != nil {
		t.Fatal(restore)
	}
	if err == nil {
		t.Error("4 MB were written through a limit of 1 MB")
	}
	t.Log(err)
	wantEmpty(t, dir)
}
