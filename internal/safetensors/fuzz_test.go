package safetensors

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzOpen opens arbitrary bytes. Any file that opens must be readable to its last element.
func FuzzOpen(f *testing.F) {
	f.Add(container(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[],"data_offsets":[8,10]}}`, 10))
	f.Add(container(`{"__metadata__":{"format":"pt"},"n":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}  `, 8))
	f.Add(container(`{"e":{"dtype":"F16","shape":[0,3],"data_offsets":[0,0]}}`, 0))
	f.Add(container(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0))
	f.Add(container(`{"a":{"dtype":"F4","shape":[3,2],"data_offsets":[0,3]},"b":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[3,6]}}`, 6))
	f.Add(container(`{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},"b":{"dtype":"C64","shape":[1],"data_offsets":[16,24]}}`, 24))
	f.Add([]byte("version https://git-lfs.github.com/spec/v1\n"))
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255})
	path := filepath.Join(f.TempDir(), "fuzz.safetensors")
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := parseHeader(data, int64(len(data)))
		if err != nil {
			return
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := Open(path)
		if err != nil {
			t.Fatalf("parseHeader accepts what Open refuses: %v", err)
		}
		defer file.Close()
		var total int64
		for _, info := range h.tensors {
			raw, err := file.Raw(info.Name)
			if err != nil || 8*len(raw) != info.Elements()*info.DType.Bits() {
				t.Fatalf("%q: %d bytes, %v", info.Name, len(raw), err)
			}
			total += info.Bytes()
			_, _ = file.Widen(info.Name)
			_ = file.Float32s(info.Name)
			rows, _ := info.Rows()
			if n, at := file.NonFinite(info.Name, 0, rows); n < 0 || n > info.Elements() || n > 0 && at >= info.Elements() {
				t.Fatalf("%q: %d values, the first at %d, of %d", info.Name, n, at, info.Elements())
			}
			file.ReleasePages(info.Name)
		}
		if total != int64(len(data))-h.dataAt {
			t.Fatalf("tensors cover %d of %d bytes", total, int64(len(data))-h.dataAt)
		}
	})
}
