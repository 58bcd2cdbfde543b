package kernel

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/archbench/archbench/internal/safetensors"
	"github.com/archbench/archbench/internal/sharedtest"
)

// packRowOf packs one row.
func packRowOf(f Format, w []float32) *codeMatrix {
	return packCodes(f, 1, len(w), func(_ int, dst []float32) { copy(dst, w) })
}

func TestInt4Packing(t *testing.T) {
	m := packRowOf(mustFormat(t, "int4"), []float32{.7, -.11, .26, -.34, 0, .61, -.69, .04})
	if diff := cmp.Diff([]byte{0x7f, 0x5b, 0xe8, 0x81}, m.codes); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
	if got := m.scales[0]; math.Abs(float64(got)-.1) > 1e-8 {
		t.Errorf("scale %g, want 0.1", got)
	}
}

func TestNF4Packing(t *testing.T) {
	w := append([]float32{-.5, .5, .049, .051, -.0455, 0}, nf4Levels[:]...)
	m, got := packRowOf(mustFormat(t, "nf4"), w), make([]float32, len(w))
	m.Row(0, got)
	want := append([]float32{nf4Levels[2], nf4Levels[12], nf4Levels[8], nf4Levels[8], nf4Levels[7], 0}, nf4Levels[:]...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("nearest levels (-want +got):\n%s", diff)
	}
}

// TestQuantisationError compares the relative RMS error of normally distributed weights, in rows of 2048, with the
// formats' known figures.
func TestQuantisationError(t *testing.T) {
	const rows, in = 32, 2048
	for name, want := range map[string]float64{
		"int8": .00826, "int4-g32": .0970, "int4": .1077, "int4-g128": .1174, "nf4": .0920,
	} {
		m, w := packGaussians(mustFormat(t, name), rows, in)
		var errors, squares float64
		line := make([]float32, in)
		for o := range rows {
			m.Row(o, line)
			for i, v := range line {
				d := float64(v) - float64(w[o*in+i])
				errors += d * d
				squares += float64(w[o*in+i]) * float64(w[o*in+i])
			}
		}
		got := math.Sqrt(errors / squares)
		t.Logf("%s: relative RMS error %.5f, known %.5f", name, got, want)
		if math.Abs(got/want-1) > .03 {
			t.Errorf("%s: relative RMS error %.5f, want %.5f ± 3%%", name, got, want)
		}
	}
}

// TestProductError checks the relative error of a product of int8 activations and weights.
func TestProductError(t *testing.T) {
	const out, in = 64, 2048
	x := gaussians(9, in)
	exact, y := make([]float32, out), make([]float32, out)
	for name, want := range map[string]float64{"int8": .0083, "int8a8": .0112} {
		m, w := packGaussians(mustFormat(t, name), out, in)
		NewF32(w, out, in).MulT(nil, exact, x, 1)
		m.MulT(nil, y, x, 1)
		var errors, squares float64
		for o := range y {
			errors += math.Pow(float64(y[o]-exact[o]), 2)
			squares += math.Pow(float64(exact[o]), 2)
		}
		if got := math.Sqrt(errors / squares); got > 1.5*want || got < want/1.5 {
			t.Errorf("%s: relative error %.4f, known %.4f", name, got, want)
		} else {
			t.Logf("%s: relative error %.4f, known %.4f", name, got, want)
		}
	}
}

func TestPackedBytes(t *testing.T) {
	for name, want := range map[string]int64{
		"f32": 4 * 3 * 101, "bf16": 2 * 3 * 101, "int8": 3 * (101 + 4), "int8-g64": 3 * (101 + 8),
		"int4": 3 * (51 + 8), "int4-g32": 3 * (51 + 16), "nf4": 3 * (51 + 8), "int4a8": 3 * (51 + 8),
	} {
		if m, _ := packGaussians(mustFormat(t, name), 3, 101); m.Bytes() != want {
			t.Errorf("%s [3,101] takes %d bytes, want %d", name, m.Bytes(), want)
		}
	}
}

// TestUnpackWithinHalfStep checks that every weight is restored to within half a step, for any row length.
func TestUnpackWithinHalfStep(t *testing.T) {
	formats := []Format{mustFormat(t, "int8"), mustFormat(t, "int8-g32"), mustFormat(t, "int4"), mustFormat(t, "int4-row")}
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(formats).Draw(t, "format")
		w := rapid.SliceOfN(rapid.Float32Range(-3, 3), 1, 200).Draw(t, "weights")
		m, got := packRowOf(f, w), make([]float32, len(w))
		m.Row(0, got)
		for i, v := range got {
			if step := m.scale(0, i); math.Abs(float64(v-w[i])) > .5001*float64(step) {
				t.Fatalf("weight %d of %d: %g became %g, step %g", i, len(w), w[i], v, step)
			}
		}
	})
}

// TestActivationCodes checks rounding half to even, and that the widened codes match Row.
func TestActivationCodes(t *testing.T) {
	x, got := []float32{127, 2.5, 3.5, -2.5, -.5, 0}, make([]int8, 6)
	if scale := quantiseGroup(got, x, 127); scale != 1 {
		t.Errorf("scale %g, want 1", scale)
	}
	if want := []int8{127, 2, 4, -2, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("codes %v, want %v", got, want)
	}
	for _, name := range []string{"int8a8", "int4a8", "int4a8-g32"} {
		m := packRowOf(mustFormat(t, name), gaussians(5, 77))
		row := make([]float32, 77)
		m.Row(0, row)
		for g := range m.groups {
			lo := g * m.group
			for i, c := range m.ints(make([]int8, min(77, lo+m.group)-lo), 0, lo) {
				if want := row[lo+i]; float32(c)*m.scales[g] != want {
					t.Errorf("%s: weight %d is %g by its code, %g by Row", name, lo+i, float32(c)*m.scales[g], want)
				}
			}
		}
	}
}

// TestQuantisedReference compares scales and weights with the reference evaluation of a trained model.
func TestQuantisedReference(t *testing.T) {
	dir := sharedtest.Dir(t, "checkpoints/gpt2-3m")
	text, err := os.ReadFile(dir + "/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var reference struct {
		Quantised struct {
			Schemes map[string]struct {
				Probe *struct {
					Tensor string    `json:"tensor"`
					Row    int       `json:"output_row"`
					Scales []float32 `json:"scales_first_row"`
					Values []float32 `json:"dequantised_first_row_first_16"`
				} `json:"probe"`
			} `json:"schemes"`
		} `json:"quantised"`
	}
	if err := json.Unmarshal(text, &reference); err != nil {
		t.Fatal(err)
	}
	file, err := safetensors.Open(dir + "/model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	compared := 0
	for scheme, name := range map[string]string{
		"int8-row": "int8", "int8-g64": "int8-g64", "int8-g32": "int8-g32",
		"int4-g32": "int4-g32", "int4-g64": "int4", "int4-row": "int4-row",
	} {
		probe := reference.Quantised.Schemes[scheme].Probe
		if probe == nil {
			t.Errorf("no probe of %s", scheme)
			continue
		}
		info, _ := file.Info(probe.Tensor)
		stored, err := file.Widen(probe.Tensor) // [in, out]
		if err != nil {
			t.Fatal(err)
		}
		row := make([]float32, info.Shape[0])
		for i := range row {
			row[i] = stored[i*info.Shape[1]+probe.Row]
		}
		m := packRowOf(mustFormat(t, name), row)
		m.Row(0, row)
		if !slices.Equal(m.scales, probe.Scales) {
			t.Errorf("%s: scales %v, want %v", scheme, m.scales, probe.Scales)
		}
		if !slices.Equal(row[:16], probe.Values) {
			t.Errorf("%s: weights %v, want %v", scheme, row[:16], probe.Values)
		}
		compared++
	}
	t.Logf("%d schemes bit-equal", compared)
}
