package store

import (
	"path/filepath"
	"syscall"
	"testing"
)

// TestNetworkFileSystem takes the file system of a folder for one of a network, also before the folder exists.
func TestNetworkFileSystem(t *testing.T) {
	dir := t.TempDir()
	later := filepath.Join(dir, "not", "yet")
	if name := NetworkFileSystem(later); name != "" {
		t.Skipf("the tests run on %s", name)
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	networkFileSystems[uint32(s.Type)] = "here"
	defer delete(networkFileSystems, uint32(s.Type))
	for _, path := range []string{dir, later} {
		if name := NetworkFileSystem(path); name != "here" {
			t.Errorf("%s is on %q", path, name)
		}
	}
	if name := NetworkFileSystem("/proc"); name != "" {
		t.Errorf("/proc is on %q", name)
	}
}
