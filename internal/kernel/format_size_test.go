package kernel

import "testing"

func TestFormatBytes(t *testing.T) {
	for _, name := range FormatNames {
		f, err := ParseFormat(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range [][2]int{{1, 1}, {3, 7}, {5, 64}, {2, 65}, {4, 200}} {
			m := NewMatrix(f, size[0], size[1], func(_ int, dst []float32) { clear(dst) })
			if got := f.Bytes(size[0], size[1]); got != m.Bytes() {
				t.Errorf("%s %v: formula gives %d bytes, the matrix has %d", name, size, got, m.Bytes())
			}
		}
	}
}
