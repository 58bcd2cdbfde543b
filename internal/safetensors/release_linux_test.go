package safetensors

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// residentFileKB is the resident memory of the process's mapped files.
func residentFileKB(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	m := regexp.MustCompile(`RssFile:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		t.Skip("/proc/self/status has no RssFile")
	}
	kb, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kb
}

// TestReleasePages reads 32 MB and releases them.
func TestReleasePages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.safetensors")
	if err := Write(path, []Tensor{{Name: "w", DType: F32, Shape: []int{8192, 1024}, ReadRows: constant(1)}}, nil); err != nil {
		t.Fatal(err)
	}
	f := open(t, path)
	before := residentFileKB(t)
	var sum float32
	for _, v := range f.Float32s("w") {
		sum += v
	}
	touched := residentFileKB(t) - before
	f.ReleasePages("w")
	released := residentFileKB(t) - before
	t.Logf("resident after reading %d kB, after release %d kB", touched, released)
	if sum != 8192*1024 || touched < 30_000 || released > 2_000 {
		t.Errorf("sum %v; 32 MB were read: %d kB resident, %d kB after release", sum, touched, released)
	}
}
