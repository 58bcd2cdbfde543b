package nn

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/internal/half"
	"github.com/archbench/archbench/internal/kernel"
)

// memory is a Source in memory. Tensors in bf16 are stored as bf16; if mapped is set, float32 tensors lend their memory.
type memory struct {
	shapes   map[string][]int
	data     map[string][]float32
	bf16     map[string][]uint16
	mapped   bool
	released []string
	absence  map[string]string
}

func (m *memory) Names() []string {
	var names []string
	for name := range m.shapes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (m *memory) Shape(name string) ([]int, bool) {
	shape, ok := m.shapes[name]
	return shape, ok
}

func (m *memory) ReadRows(name string, lo, hi int, dst []float32) error {
	_, cols := matrixShape(m.shapes[name])
	if m.data[name] == nil {
		return errors.New("unreadable")
	}
	copy(dst, m.data[name][lo*cols:hi*cols])
	return nil
}

func (m *memory) Float32s(name string) []float32 {
	if !m.mapped || m.bf16[name] != nil {
		return nil
	}
	return m.data[name]
}

func (m *memory) BF16s(name string) []uint16 { return m.bf16[name] }

func (m *memory) Absence(name string) string { return m.absence[name] }

func (m *memory) NonFinite(name string, lo, hi int) (count, first int) {
	_, cols := matrixShape(m.shapes[name])
	for i, v := range m.data[name] {
		if v-v != 0 && i >= lo*cols && i < hi*cols {
			if count++; count == 1 {
				first = i
			}
		}
	}
	return count, first
}

func (m *memory) ReleasePages(name string) { m.released = append(m.released, name) }

// add stores a tensor of consecutive numbers.
func (m *memory) add(name string, shape ...int) {
	rows, cols := matrixShape(shape)
	data := make([]float32, rows*cols)
	for i := range data {
		data[i] = float32(i) / 8
	}
	m.shapes[name], m.data[name] = shape, data
}

// newMemory returns a source with a linear layer, a transposed one, an embedding and a norm.
func newMemory() *memory {
	m := &memory{shapes: map[string][]int{}, data: map[string][]float32{}, bf16: map[string][]uint16{}}
	m.add("a.weight", 3, 5)
	m.add("a.bias", 3)
	m.add("conv.weight", 5, 3)
	m.add("e.weight", 6, 5)
	m.add("n.weight", 5)
	return m
}

func matrixValues(m kernel.Matrix) []float32 {
	out, in := m.Shape()
	w := make([]float32, out*in)
	for o := range out {
		m.Row(o, w[o*in:])
	}
	return w
}

func TestParamsLoad(t *testing.T) {
	for _, mapped := range []bool{false, true} {
		src := newMemory()
		src.mapped = mapped
		ps := NewParams(src, 0, Precision{})
		a := ps.In("").Linear("a", 3, 5, true, nil)
		conv := ps.In("").Linear("conv", 3, 5, false, nil, Transposed)
		e := ps.Embedding("e", 6, 5, nil)
		n := ps.RMSNorm("n", 5, 1e-5)
		if err := ps.Err(); err != nil {
			t.Fatal(err)
		}
		if lent := &a.Weight.W[0] == &src.data["a.weight"][0]; lent != mapped {
			t.Errorf("mapped %v: the layer uses the source's memory: %v", mapped, lent)
		}
		for i, got := range matrixValues(conv.W) {
			if want := src.data["conv.weight"][i%5*3+i/5]; got != want {
				t.Errorf("transposed weight %d is %g, want %g", i, got, want)
			}
		}
		if !slices.Equal(n.Weight.W, src.data["n.weight"]) || !slices.Equal(matrixValues(e.Table), src.data["e.weight"]) {
			t.Error("norm or embedding differ from the source")
		}
		if got := ps.Count(); got != 15+3+15+30+5 {
			t.Errorf("%d parameters, want 68", got)
		}
		want := []ClassBytes{{ClassEmbedding, 120}, {ClassLinear, 132}, {ClassNorm, 20}}
		if diff := cmp.Diff(want, ps.Bytes()); diff != "" {
			t.Errorf("bytes (-want +got):\n%s", diff)
		}
	}
}

// TestParamsTransposeInBlocks transposes a matrix that does not fit the scratch.
func TestParamsTransposeInBlocks(t *testing.T) {
	const out, in = 700, 3
	stored := func(i int, dst []float32) {
		for o := range dst {
			dst[o] = float32(i*out + o)
		}
	}
	tr := newTransposer(stored, out, in, 100*in)
	line := make([]float32, in)
	for o := range out {
		tr.row(o, line)
		if want := []float32{float32(o), float32(out + o), float32(2*out + o)}; !slices.Equal(line, want) {
			t.Fatalf("row %d is %v, want %v", o, line, want)
		}
	}
}

func TestParamsPacked(t *testing.T) {
	src := newMemory()
	src.bf16["e.weight"] = make([]uint16, 30)
	half.NarrowBF16(src.bf16["e.weight"], src.data["e.weight"])
	int4, err := kernel.ParseFormat("int4")
	if err != nil {
		t.Fatal(err)
	}
	ps := NewParams(src, 0, Precision{Blocks: int4, Head: kernel.Format{Kind: kernel.KindInt8}})
	a := ps.In("").Linear("a", 3, 5, true, nil)
	conv := ps.In("").Linear("conv", 3, 5, false, nil, Transposed, Keep)
	e := ps.Embedding("e", 6, 5, nil)
	head := ps.TiedHead(e)
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	if a.Weight != nil || a.W.Format() != int4 || conv.W.Format() != kernel.BF16Wide || e.Table.Format() != kernel.BF16Wide {
		t.Errorf("formats %v, %v, %v", a.W.Format(), conv.W.Format(), e.Table.Format())
	}
	if head.W.Format().Kind != kernel.KindInt8 || head.Weight != nil {
		t.Errorf("head %v", head.W.Format())
	}
	want := []ClassBytes{{ClassEmbedding, 60}, {ClassLinear, 3*(3+4) + 12 + 30}, {ClassHead, 6 * (5 + 4)}}
	if diff := cmp.Diff(want, ps.Bytes()); diff != "" {
		t.Errorf("bytes (-want +got):\n%s", diff)
	}
	copied := []string{"a.bias", "a.weight", "conv.weight"}
	if kernel.Tier() != "reference" {
		copied = append(copied, "e.weight") // into panels
	}
	if !slices.Equal(slices.Sorted(slices.Values(src.released)), copied) {
		t.Errorf("released %v, want %v: only what was copied", src.released, copied)
	}
	if _, err := ps.Tensors(); err == nil || !strings.Contains(err.Error(), `"a.weight" is quantised to int4`) {
		t.Errorf("Tensors: %v", err)
	}
}

func TestParamsErrors(t *testing.T) {
	for name, c := range map[string]struct {
		declare func(ps *Params)
		want    string
	}{
		"missing":    {func(ps *Params) { ps.In("").Linear("b", 3, 5, false, nil) }, `"b.weight" of shape [3 5] is missing`},
		"shape":      {func(ps *Params) { ps.In("").Linear("a", 5, 3, false, nil) }, `"a.weight" has shape [3 5] in the checkpoint, want [5 3]`},
		"twice":      {func(ps *Params) { ps.RMSNorm("n", 5, 0); ps.RMSNorm("n", 5, 0) }, `"n.weight" is declared twice`},
		"unreadable": {func(ps *Params) { ps.Tensor("broken", nil, 2) }, `"broken": unreadable`},
		"first":      {func(ps *Params) { ps.Tensor("x", nil, 2); ps.TiedHead(ps.Embedding("e", 9, 9, nil)) }, `"x"`},
	} {
		src := newMemory()
		src.shapes["broken"] = []int{2}
		ps := NewParams(src, 0, Precision{Blocks: kernel.F32, Head: kernel.BF16})
		c.declare(ps)
		if err := ps.Err(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// TestParamsStop stops a new model in the middle of a matrix: no further row of any tensor is drawn.
func TestParamsStop(t *testing.T) {
	for _, f := range []kernel.Format{kernel.F32, kernel.BF16, {Kind: kernel.KindInt8}} {
		for _, options := range [][]LinearOption{nil, {Transposed}} {
			ps, drawn := NewParams(nil, 1, Precision{Blocks: f, Head: f}), 0
			stopped := errors.New("stopped")
			ps.StopOn(func() error {
				if drawn == 3 {
					return stopped
				}
				return nil
			})
			count := func(*rand.Rand, int, []float32) { drawn++ }
			ps.In("").Linear("a", 40, 50, true, count, append(options, BiasInit(count))...)
			ps.TiedHead(ps.Embedding("e", 6, 5, count))
			if err := ps.Err(); !errors.Is(err, stopped) || !strings.Contains(err.Error(), `"a.weight"`) || drawn != 3 {
				t.Errorf("%v: %d rows drawn, %v; want 3 and an error that names a.weight", f, drawn, err)
			}
		}
	}
}

func TestParamsWarnings(t *testing.T) {
	src := newMemory()
	src.add("h.0.attn.bias", 1)
	src.add("surprise", 1)
	ps := NewParams(src, 0, Precision{})
	ps.In("").Linear("a", 3, 5, true, nil)
	ps.In("").Linear("conv", 3, 5, false, nil, Transposed)
	ps.Embedding("e", 6, 5, nil)
	ps.RMSNorm("n", 5, 0)
	ps.Ignore("h.*.attn.bias")
	if got := ps.Warnings(); len(got) != 1 || !strings.Contains(got[0], `"surprise"`) {
		t.Errorf("warnings %q, want one about surprise", got)
	}
}

// TestParamsSeed checks that initial values depend only on the seed and the name, not on other declarations or the
// precision.
func TestParamsSeed(t *testing.T) {
	load := func(seed uint64, f kernel.Format, first bool) []float32 {
		ps := NewParams(nil, seed, Precision{Blocks: f, Head: f})
		if first {
			ps.In("").Linear("other", 4, 4, true, Normal(1))
		}
		return matrixValues(ps.In("").Linear("l", 6, 8, false, Normal(.5)).W)
	}
	a := load(1, kernel.F32, false)
	if !slices.Equal(a, load(1, kernel.F32, true)) {
		t.Error("another declaration changes the values")
	}
	if slices.Equal(a, load(2, kernel.F32, false)) {
		t.Error("another seed gives the same values")
	}
	rounded := make([]float32, len(a))
	for i, v := range a {
		rounded[i] = half.FromBF16(half.ToBF16(v))
	}
	if !slices.Equal(rounded, load(1, kernel.BF16, false)) {
		t.Error("bf16 starts from other values")
	}
}

// TestParamsTensors checks that Tensors returns what was loaded, in the layout of the file.
func TestParamsTensors(t *testing.T) {
	for _, f := range []kernel.Format{kernel.F32, kernel.BF16} {
		src := newMemory()
		ps := NewParams(src, 0, Precision{Blocks: f, Head: f})
		ps.In("").Linear("a", 3, 5, true, nil)
		ps.In("").Linear("conv", 3, 5, false, nil, Transposed)
		ps.TiedHead(ps.Embedding("e", 6, 5, nil))
		list, err := ps.Tensors()
		if err != nil || len(list) != 4 {
			t.Fatalf("%d tensors, %v", len(list), err)
		}
		for _, tensor := range list {
			rows, cols := matrixShape(tensor.Shape)
			got := make([]float32, rows*cols)
			half := rows / 2 * cols
			tensor.ReadRows(0, rows/2, got[:half])
			tensor.ReadRows(rows/2, rows, got[half:])
			if diff := cmp.Diff(src.data[tensor.Name], got); diff != "" {
				t.Errorf("%v %s (-stored +saved):\n%s", f, tensor.Name, diff)
			}
			if !slices.Equal(tensor.Shape, src.shapes[tensor.Name]) {
				t.Errorf("%s: shape %v", tensor.Name, tensor.Shape)
			}
		}
	}
}

// TestTrainMovesMappedParameters checks that training does not write to the source's memory.
func TestTrainMovesMappedParameters(t *testing.T) {
	src := newMemory()
	src.mapped = true
	ps := NewParams(src, 0, Precision{})
	e := ps.Embedding("e", 6, 5, nil)
	head := ps.TiedHead(e)
	if err := ps.Train(); err != nil {
		t.Fatal(err)
	}
	e.Weight.W[0] = 42
	if got := e.Weight.Dense().Float32s()[0]; got != 42 {
		t.Errorf("the tensor still sees %g", got)
	}
	if src.data["e.weight"][0] == 42 {
		t.Error("the source's memory was written")
	}
	if got := matrixValues(head.W)[0]; got != 42 {
		t.Errorf("the tied head still sees %g", got)
	}
	if len(e.Weight.Grad) != 30 {
		t.Errorf("gradient of %d values, want 30", len(e.Weight.Grad))
	}
}
