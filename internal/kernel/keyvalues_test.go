package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"unsafe"

	"github.com/archbench/archbench/internal/half"
)

// keyHeads is the number of key heads in these tests.
const keyHeads = 3

// eachKeyValues runs a test on every usable tier, for heads that fill vectors and panels and heads that do not.
func eachKeyValues(t *testing.T, test func(t *testing.T, dim int)) {
	for _, tr := range append(usableTiers(), &reference) {
		for _, dim := range []int{7, 32, 40, 64} {
			t.Run(fmt.Sprint(tr.name, " ", dim), func(t *testing.T) {
				withTier(t, tr, func() { test(t, dim) })
			})
		}
	}
}

// plainKeyValues is a simple model of KeyValues: bf16 keys and values, [rows, heads*dim] each.
type plainKeyValues struct {
	rows, width int
	k, v        []uint16
}

func newPlain(dim, rows int) *plainKeyValues {
	width := keyHeads * dim
	return &plainKeyValues{rows, width, make([]uint16, rows*width), make([]uint16, rows*width)}
}

// row returns the key and the value of a position.
func (m *plainKeyValues) row(pos int) (k, v []uint16) {
	at := pos % m.rows * m.width
	return m.k[at:][:m.width], m.v[at:][:m.width]
}

// put stores position by position.
func (m *plainKeyValues) put(pos int, k, v Rows, n int) {
	for i := range n {
		keys, values := m.row(pos + i)
		for j := range m.width {
			keys[j], values[j] = half.ToBF16(k.From(i, j).Data[0]), half.ToBF16(v.From(i, j).Data[0])
		}
	}
}

// copyRow copies a position from another model.
func (m *plainKeyValues) copyRow(from *plainKeyValues, pos int) {
	k, v := m.row(pos)
	fromK, fromV := from.row(pos)
	copy(k, fromK)
	copy(v, fromV)
}

// unpack reads c according to the documented shapes of its fields. Padding must be zero.
func unpack(t *testing.T, c *KeyValues) *plainKeyValues {
	t.Helper()
	m := newPlain(c.dim, c.rows)
	inputs, outputs := roundUp(c.dim, pairInputs), roundUp(c.dim, c.cols)
	for head := range keyHeads {
		for row := range c.rows {
			k, v := m.row(row)
			for i := range max(inputs, outputs) {
				var key, value uint16
				if i < inputs {
					key = c.k[(((head*c.rows/c.cols+row/c.cols)*inputs/2+i/2)*c.cols+row%c.cols)*2+i%2]
				}
				if i < outputs {
					value = c.v[(((head*outputs/c.cols+i/c.cols)*c.rows/2+row/2)*c.cols+i%c.cols)*2+row%2]
				}
				switch {
				case i < c.dim:
					k[head*c.dim+i], v[head*c.dim+i] = key, value
				case key != 0 || value != 0:
					t.Fatalf("head %d, row %d: filled with %#x and %#x at %d", head, row, key, value, i)
				}
			}
		}
	}
	return m
}

// check fails unless c matches the model.
func (m *plainKeyValues) check(t *testing.T, c *KeyValues) {
	t.Helper()
	got := unpack(t, c)
	if got.rows != m.rows {
		t.Fatalf("%d rows, want %d", got.rows, m.rows)
	}
	for row := range m.rows {
		k, v := m.row(row)
		gotK, gotV := got.row(row)
		for i := range m.width {
			if gotK[i] != k[i] || gotV[i] != v[i] {
				t.Fatalf("row %d, element %d: key %#04x, want %#04x, value %#04x, want %#04x", row, i, gotK[i], k[i], gotV[i], v[i])
			}
		}
	}
}

// drawnKeys returns n keys or values inside a wider matrix.
func drawnKeys(seed uint64, dim, n int) Rows {
	stride := keyHeads*dim + 5
	return Rows{gaussians(seed, (n+2)*stride), stride}.From(1, 2)
}

// filled returns a KeyValues with positions [pos, pos+n), and its model.
func filled(seed uint64, dim, rows, pos, n int) (*KeyValues, *plainKeyValues) {
	c := NewKeyValues(keyHeads, dim, rows, nil)
	m := newPlain(dim, c.Rows())
	k, v := drawnKeys(seed, dim, n), drawnKeys(seed+1, dim, n)
	c.Put(nil, pos, k, v, n)
	m.put(pos, k, v, n)
	return c, m
}

// Each row has the keys and values of the last position stored in it, however positions arrive: one at a time, in
// pieces with any borders, across the ring's end, or more than fit at once; on any number of threads.
func TestKeyValuesPut(t *testing.T) {
	pool := NewPool(3)
	defer pool.Close()
	special := []float32{float32(math.Inf(1)), float32(math.Inf(-1)), 1e-40, -0x1p-149, 3.4e38, 1 + 0x1p-8, 1 + 3*0x1p-8, 0}
	eachKeyValues(t, func(t *testing.T, dim int) {
		for _, pos := range []int{0, 37, 255, 1000} {
			one, three := NewKeyValues(keyHeads, dim, 200, nil), NewKeyValues(keyHeads, dim, 200, nil)
			m := newPlain(dim, 256)
			for i, n := range []int{1, 2, 0, 3, 32, 61, 1, 128, 130, 256, 257, 701, 64, 5} {
				k, v := drawnKeys(uint64(2*i+1), dim, n), drawnKeys(uint64(2*i+2), dim, n)
				if n > 0 {
					copy(k.Data[:dim], special)
					copy(v.From(n-1, 0).Data[:dim], special)
				}
				m.put(pos, k, v, n)
				one.Put(nil, pos, k, v, n)
				three.Put(pool, pos, k, v, n)
				pos += n
				m.check(t, one)
				if !slices.Equal(one.k, three.k) || !slices.Equal(one.v, three.v) {
					t.Fatalf("%d positions up to %d: three threads store something else", n, pos)
				}
			}
		}
	})
}

// Products with rows of a unit matrix read single keys and values.
func TestKeyValuesProducts(t *testing.T) {
	eachKeyValues(t, func(t *testing.T, dim int) {
		c, m := filled(1, dim, 256, 3, 300)
		for _, span := range [][2]int{{0, 128}, {128, 128}, {64, 64}, {96, 5}, {160, 33}, {256, 31}} {
			pos, n := span[0], span[1]
			for head := range keyHeads {
				var w operand
				keys, values := make([]float32, dim*n), make([]float32, n*dim)
				c.keyWeights(&w, head, pos, n)
				multiplyPanels(&w, keys, unitMatrix(dim), dim)
				c.valueWeights(&w, head, pos, n)
				multiplyPanels(&w, values, unitMatrix(n), n)
				for r := range n {
					k, v := m.row(pos + r)
					for i := range dim {
						wantK, wantV := half.FromBF16(k[head*dim+i]), half.FromBF16(v[head*dim+i])
						if keys[i*n+r] != wantK || values[r*dim+i] != wantV {
							t.Fatalf("head %d, position %d, element %d: key %g, want %g, value %g, want %g",
								head, pos+r, i, keys[i*n+r], wantK, values[r*dim+i], wantV)
						}
					}
				}
			}
		}
	})
}

// unitMatrix is that of n rows.
func unitMatrix(n int) []float32 {
	x := make([]float32, n*n)
	for i := range n {
		x[i*n+i] = 1
	}
	return x
}

// Borrowed memory is cleared, and panels start at a cache line wherever it starts.
func TestKeyValuesMemory(t *testing.T) {
	eachKeyValues(t, func(t *testing.T, dim int) {
		for skip := range 16 {
			c := NewKeyValues(keyHeads, dim, 1, func(floats int) []float32 {
				return slices.Repeat([]float32{float32(math.NaN())}, floats+skip)[skip:]
			})
			newPlain(dim, keyTile).check(t, c)
			if at := uintptr(unsafe.Pointer(&c.k[0])) % 64; at != 0 {
				t.Fatalf("keys begin %d bytes behind a cache line", at)
			}
		}
	})
}

// A grown copy keeps every position and shares no memory. If no more rows are needed, the ring may have wrapped.
func TestKeyValuesGrown(t *testing.T) {
	eachKeyValues(t, func(t *testing.T, dim int) {
		c, m := filled(1, dim, 256, 0, 191)
		grown, want := c.Grown(300), newPlain(dim, 384)
		for pos := range 191 {
			want.copyRow(m, pos)
		}
		want.check(t, grown)
		k, v := drawnKeys(5, dim, 150), drawnKeys(6, dim, 150)
		grown.Put(nil, 191, k, v, 150)
		want.put(191, k, v, 150)
		want.check(t, grown)
		m.check(t, c)

		turned, m := filled(7, dim, 256, 100, 300)
		m.check(t, turned.Grown(10))
	})
}

// Clear restores the state of a new KeyValues.
func TestKeyValuesClear(t *testing.T) {
	eachKeyValues(t, func(t *testing.T, dim int) {
		c, _ := filled(1, dim, 128, 9, 200)
		c.Clear()
		newPlain(dim, 128).check(t, c)
	})
}

// CopyTiles copies whole tiles between rings of different lengths and leaves other tiles unchanged. A ring of TileRows
// has room for them.
func TestKeyValuesCopyTiles(t *testing.T) {
	eachKeyValues(t, func(t *testing.T, dim int) {
		from, source := filled(1, dim, 384, 150, 300)
		for _, span := range [][2]int{{130, 300}, {256, 257}, {300, 450}, {128, 384}} {
			first, end := span[0], span[1]
			for _, rows := range []int{TileRows(first, end), 640} {
				c, m := filled(3, dim, max(rows, 1), 0, 640)
				c.CopyTiles(from, first, end)
				for pos := first / keyTile * keyTile; pos < roundUp(end, keyTile); pos++ {
					m.copyRow(source, pos)
				}
				m.check(t, c)
			}
		}
	})
}
