package kernel

import (
	"fmt"
	"testing"
)

// TestTranspose checks every element on every tier, over sizes around the block size.
func TestTranspose(t *testing.T) {
	pool := NewPool(3)
	defer pool.Close()
	for _, tr := range tiers {
		if !tr.usable() {
			continue
		}
		for _, size := range [][2]int{{1, 1}, {1, 70}, {70, 1}, {7, 9}, {16, 16}, {17, 15}, {33, 130}, {64, 64}, {100, 257}} {
			t.Run(fmt.Sprintf("%s/%dx%d", tr.name, size[0], size[1]), func(t *testing.T) {
				rows, cols := size[0], size[1]
				src, dst := gaussians(1, rows*cols), make([]float32, rows*cols)
				withTier(t, tr, func() { Transpose(pool, dst, src, rows, cols) })
				for r := range rows {
					for c := range cols {
						if dst[c*rows+r] != src[r*cols+c] {
							t.Fatalf("row %d, column %d is %v, want %v", r, c, dst[c*rows+r], src[r*cols+c])
						}
					}
				}
			})
		}
	}
}
