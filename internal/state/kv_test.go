package state

import (
	"testing"

	"github.com/archbench/archbench/internal/kernel"
)

// fill appends n positions whose key is the position and whose value is its negative.
func fill(c *KV, n int) {
	for range n {
		p := float32(c.Len())
		c.Append(nil, kernel.Rows{Data: []float32{p, p}, Stride: 2}, kernel.Rows{Data: []float32{-p, -p}, Stride: 2}, 1)
	}
}

// check verifies that every position still in the ring is in its row.
func check(t *testing.T, c *KV, length int) {
	t.Helper()
	if c.Len() != length {
		t.Fatalf("length %d, want %d", c.Len(), length)
	}
	kv := c.ring.(*floatRing)
	rows := kv.Rows()
	for p := max(0, length-rows); p < length; p++ {
		if k, v := kv.k[p%rows*2+1], kv.v[p%rows*2]; k != float32(p) || v != -float32(p) {
			t.Fatalf("position %d holds key %v and value %v", p, k, v)
		}
	}
}

func TestKVNeverPassesItsSlots(t *testing.T) {
	const slots = 100
	c := NewKV(slots, 1, 2, false)
	for length := range 350 {
		check(t, c, length)
		if rows := c.Rows(); rows > slots {
			t.Fatalf("%d rows at length %d, want at most %d", rows, length, slots)
		}
		fill(c, 1)
	}
	if got, want := c.Bytes(), int64(2*slots*2*4); got != want {
		t.Errorf("a full cache holds %d bytes, want 2·slots·width·4 = %d", got, want)
	}
}

func TestKVChunks(t *testing.T) {
	for _, slots := range []int{0, 1, 7, 64, 100} {
		for _, step := range []int{1, 3, 64, 250} {
			c := NewKV(slots, 1, 2, false)
			for length := 0; length < 250; length += step {
				k := kernel.Rows{Data: make([]float32, 6*step), Stride: 6}
				v := kernel.Rows{Data: make([]float32, 4*step), Stride: 4}
				for i := range step {
					p := float32(length + i)
					k.Data[6*i], k.Data[6*i+1] = p, p
					v.Data[4*i], v.Data[4*i+1] = -p, -p
				}
				c.Append(nil, k, v, step)
				check(t, c, length+step)
			}
		}
	}
}

// TestKVHeads checks that every head keeps its rows while the cache grows and turns.
func TestKVHeads(t *testing.T) {
	const heads, dim, slots, n = 3, 2, 100, 250
	kv := NewKV(slots, heads, dim, false)
	for p := range n {
		k, v := make([]float32, heads*dim), make([]float32, heads*dim)
		for i := range k {
			k[i], v[i] = float32(10*p+i), -float32(10*p+i)
		}
		kv.Append(nil, kernel.Rows{Data: k, Stride: len(k)}, kernel.Rows{Data: v, Stride: len(v)}, 1)
		r, rows := kv.ring.(*floatRing), kv.Rows()
		for q := max(0, p+1-rows); q <= p; q++ {
			for i := range heads * dim {
				at := (i/dim*rows+q%rows)*dim + i%dim
				if want := float32(10*q + i); r.k[at] != want || r.v[at] != -want {
					t.Fatalf("after %d positions element %d of position %d is %v and %v, want ±%v", p+1, i, q, r.k[at], r.v[at], want)
				}
			}
		}
	}
}

func TestKVForkAndReset(t *testing.T) {
	c := NewKV(10, 1, 2, false)
	fill(c, 25)
	f := c.Fork().(*KV)
	fill(c, 6)
	check(t, f, 25)
	check(t, c, 31)
	bytes := c.Bytes()
	c.Reset()
	check(t, c, 0)
	fill(c, 3)
	check(t, c, 3)
	if c.Bytes() != bytes {
		t.Errorf("Reset changed the memory from %d to %d bytes", bytes, c.Bytes())
	}
}

// TestKVBytes compares what states hold with the formula, for documents that come at once, on one side and the other of
// tiles and slots, and that in bf16 keys and values of whole vectors and tiles take half the memory.
func TestKVBytes(t *testing.T) {
	for _, bf16 := range []bool{false, true} {
		for _, dim := range []int{8, 24, 32, 80} {
			for _, slots := range []int{0, 16, 128, 200} {
				for _, n := range []int{1, 100, 129, 300} {
					d := New(2, func(l int) Layer { return NewKV([]int{slots, 0}[l], 3, dim, bf16) })
					rows := kernel.Rows{Data: make([]float32, n*3*dim), Stride: 3 * dim}
					for l := range 2 {
						Of[*KV](d, l).Append(nil, rows, rows, n)
					}
					want := KVBytes([]int{slots, 0}, 3, dim, bf16, max(n, firstRows))
					if got := d.Bytes(); got != want || d.Fork().Bytes() != want {
						t.Errorf("bf16=%v, dim %d, %d slots, %d positions: %d bytes, want %d", bf16, dim, slots, n, got, want)
					}
				}
			}
		}
	}
	if half, whole := KVBytes([]int{0, 0}, 3, 64, true, 256), KVBytes([]int{0, 0}, 3, 64, false, 256); 2*half != whole {
		t.Errorf("256 positions take %d bytes in bf16 and %d in float32", half, whole)
	}
}
