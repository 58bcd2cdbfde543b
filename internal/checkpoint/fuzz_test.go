package checkpoint

import (
	"path/filepath"
	"testing"
)

// FuzzIndex parses arbitrary index files. An accepted index names only files of its own folder.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":36},"weight_map":{"x":"a.safetensors","y":"b.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"x":"../a"}}`))
	f.Add([]byte(`{"weight_map":{"x":"a","x":"b"}} 1`))
	f.Fuzz(func(t *testing.T, text []byte) {
		x, err := parseIndex(text)
		if err != nil {
			return
		}
		names := x.files()
		if len(names) == 0 || len(names) > len(x) {
			t.Fatalf("%d files of %d tensors", len(names), len(x))
		}
		for _, name := range names {
			if filepath.Base(name) != name || name == ".." {
				t.Fatalf("%q leaves the folder", name)
			}
		}
	})
}
