package kernel

import (
	"fmt"
	"testing"
	"time"
)

// Ceilings run in every tier, and reading stays within its memory.
func TestCeilings(t *testing.T) {
	for _, tr := range tiers {
		if !tr.usable() {
			continue
		}
		for _, c := range tr.ceilings {
			const rounds = 1 << 13
			start := time.Now()
			c.Run(rounds)
			t.Logf("%s %s: %.3g %s", tr.name, c.Name, c.Amount*rounds/time.Since(start).Seconds(), c.Unit)
			if c.Amount <= 0 || c.Name == "" || c.Unit == "" {
				t.Errorf("%s has a ceiling without name, unit or amount: %+v", tr.name, c)
			}
		}
		for _, n := range []int{0, 1, 255, 256, 512, 5000} {
			tr.read(make([]byte, n))
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for _, size := range []int{1 << 15, 1 << 20, 16 << 20, 256 << 20} {
		x := make([]byte, size)
		for i := range x {
			x[i] = byte(i)
		}
		b.Run(fmt.Sprintf("%s/%dKiB", Tier(), size>>10), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				Read(x)
			}
		})
	}
}
