package kernel

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"
)

// fence allocates memory between two inaccessible pages, so a kernel that reads or writes beyond its operands faults.
// Mapped files, for one, end just as abruptly.
type fence struct {
	t     testing.TB
	front bool // operands start at the start of their page; otherwise they end at its end
	maps  [][]byte
}

// fenced returns a copy of x in fenced memory.
func fenced[T any](f *fence, x []T) []T {
	f.t.Helper()
	page, size := syscall.Getpagesize(), len(x)*int(unsafe.Sizeof(*new(T)))
	room := roundUp(max(1, size), page)
	b, err := syscall.Mmap(-1, 0, room+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		f.t.Fatal(err)
	}
	f.maps = append(f.maps, b)
	for _, guard := range [][]byte{b[:page], b[page+room:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			f.t.Fatal(err)
		}
	}
	at := page
	if !f.front {
		at += room - size
	}
	y := unsafe.Slice((*T)(unsafe.Pointer(&b[at])), len(x))
	copy(y, x)
	return y
}

// rows returns a copy of x in fenced memory.
func (f *fence) rows(x Rows) Rows { return Rows{fenced(f, x.Data), x.Stride} }

// zeros returns n zeros in fenced memory.
func (f *fence) zeros(n int) []float32 { return fenced(f, make([]float32, n)) }

// release frees the memory.
func (f *fence) release() {
	for _, b := range f.maps {
		if err := syscall.Munmap(b); err != nil {
			f.t.Error(err)
		}
	}
	f.maps = nil
}

// betweenFences runs a test on every tier.
func betweenFences(t *testing.T, test func(f *fence)) {
	everyTier(t, func(t *testing.T) {
		for _, front := range []bool{false, true} {
			f := &fence{t: t, front: front}
			defer f.release()
			test(f)
		}
	})
}

func TestProductsStayWithinOperands(t *testing.T) {
	formats := allFormats(t)
	betweenFences(t, func(f *fence) {
		for i, size := range [][2]int{{1, 1}, {3, 33}, {16, 16}, {33, 65}, {47, 130}, {70, 31}} {
			out, in := size[0], size[1]
			for _, rows := range []int{1, 2, 4, 6, 7, 15, 33} {
				w, x := fenced(f, gaussians(1, out*in)), fenced(f, gaussians(2, rows*in))
				NewF32(w, out, in).MulT(nil, f.zeros(rows*out), x, rows)
				for j := i % 2; j < len(formats); j += 2 {
					m := NewMatrix(formats[j], out, in, func(o int, dst []float32) { copy(dst, w[o*in:(o+1)*in]) })
					m.MulT(nil, f.zeros(rows*out), x, rows)
				}
				y := fenced(f, gaussians(3, rows*out))
				MulNN(nil, f.zeros(rows*in), y, w, rows, in, out)
				MulTN(nil, f.zeros(out*in), y, x, out, in, rows)
				Transpose(nil, f.zeros(out*in), w, out, in)
				f.release()
			}
		}
	})
}

func TestRowsStayWithinOperands(t *testing.T) {
	betweenFences(t, func(f *fence) {
		for _, n := range []int{1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 47, 63, 65} {
			x, dst := fenced(f, gaussians(1, n)), fenced(f, gaussians(2, n))
			y, z := fenced(f, gaussians(3, n)), fenced(f, gaussians(4, n))
			for i := range rowOps {
				rowOps[i].run(active, dst, x, y, z)
			}
			AdamW{LearningRate: 1e-3}.Step(nil, dst, x, y, fenced(f, make([]float32, n)), 1)
			f.release()
		}
	})
}

func TestAttentionStaysWithinOperands(t *testing.T) {
	const slots = 37
	betweenFences(t, func(f *fence) {
		for _, dim := range []int{1, 8, 16, 20, 64, 80} {
			for _, rows := range []int{1, 2, 5, 17, 130} {
				a := Attention{Heads: 4, KVHeads: 2, Dim: dim, Scale: .1}
				draw := func(rows, heads int) Rows { return Rows{fenced(f, gaussians(1, rows*heads*dim)), heads * dim} }
				q, k, v, out := draw(rows, a.Heads), draw(rows, a.KVHeads), draw(rows, a.KVHeads), draw(rows, a.Heads)
				lse := f.zeros(rows * a.Heads)
				a.Forward(nil, out, q, k, v, lse, []AttentionSpan{{
					Len: rows, Pos: slots, PastK: draw(slots, a.KVHeads).Data, PastV: draw(slots, a.KVHeads).Data, Slots: slots,
				}})
				g := AttentionGrad{
					Attention: a, Q: q, K: k, V: v, Out: out, DOut: f.rows(out), DQ: f.rows(q), DK: f.rows(k), DV: f.rows(v),
					LSE: lse, Spans: []AttentionSpan{{Len: rows}},
				}
				g.Run(nil)
				f.release()
			}
		}
	})
}

func TestScansStayWithinOperands(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	betweenFences(t, func(f *fence) {
		for _, length := range []int{1, 2, 4, 9} {
			for _, channels := range []int{1, 7, 16, 21} {
				s := scanCase(r, length, channels, 5)
				for _, x := range []*[]float32{&s.U, &s.Delta, &s.A, &s.D, &s.H, &s.Y} {
					*x = fenced(f, *x)
				}
				s.B, s.C = f.rows(s.B), f.rows(s.C)
				s.Run(nil)
				d := ssdCase(r, length, 2, channels, 1, 5)
				for _, x := range []*[]float32{&d.Delta, &d.A, &d.D, &d.H, &d.Y} {
					*x = fenced(f, *x)
				}
				d.X, d.B, d.C = f.rows(d.X), f.rows(d.B), f.rows(d.C)
				d.Run(nil)
				for _, taps := range []int{1, 2, 4, 5} {
					c := convCase(r, length, channels, taps)
					for _, x := range []*[]float32{&c.W, &c.Bias, &c.Tail, &c.Y} {
						*x = fenced(f, *x)
					}
					c.X = f.rows(c.X)
					c.Run(nil)
				}
				f.release()
			}
		}
	})
}

func TestResolventsStayWithinOperands(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 9))
	betweenFences(t, func(f *fence) {
		for _, heads := range []int{1, 9, 17} {
			for _, values := range []int{0, 1, 9, 20} {
				c := chainsCase(r, 5, heads, values, false)
				for _, x := range []*Rows{&c.A, &c.Hop, &c.U, &c.ZRe, &c.ZIm, &c.QRe, &c.QIm} {
					if n := len(x.Data); n > 0 {
						*x = f.rows(Rows{x.Data[:n-1], x.Stride}) // the last row ends before its stride
					}
				}
				c.Eta = fenced(f, c.Eta)
				c.G, c.Y = Complex{fenced(f, c.G.Re), fenced(f, c.G.Im)}, Complex{fenced(f, c.Y.Re), fenced(f, c.Y.Im)}
				c.Run()
				f.release()
			}
		}
	})
}
