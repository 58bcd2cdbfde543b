package modeltest

import (
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/archbench/archbench/internal/safetensors"
)

// FormulaTensor is a tensor whose values are raw·Scale + Offset, where raw in [-1, 1) comes from SplitMix64 seeded with the
// FNV-1a hash of the name, so that any program can generate the same weights.
type FormulaTensor struct {
	Name          string
	Shape         []int
	Scale, Offset float64
}

// Values returns the tensor's elements.
func (t FormulaTensor) Values() []float32 {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	h := fnv.New64a()
	h.Write([]byte(t.Name))
	seed := h.Sum64()
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(splitMix(seed+uint64(i+1)*0x9E3779B97F4A7C15)*t.Scale + t.Offset)
	}
	return x
}

// splitMix is the output function of SplitMix64, scaled from 24 bits to [-1, 1).
func splitMix(z uint64) float64 {
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	z ^= z >> 31
	return (float64(z>>40) - 1<<23) / (1 << 23)
}

// FormulaCheckpoint writes a checkpoint folder with a config and formula weights and returns its path.
func FormulaCheckpoint(t testing.TB, config string, tensors []FormulaTensor) string {
	t.Helper()
	dir := t.TempDir()
	var list []safetensors.Tensor
	for _, tensor := range tensors {
		w, cols := tensor.Values(), 1
		if len(tensor.Shape) > 1 {
			cols = len(w) / tensor.Shape[0]
		}
		list = append(list, safetensors.Tensor{
			Name: tensor.Name, DType: safetensors.F32, Shape: tensor.Shape,
			ReadRows: func(lo, hi int, dst []float32) error {
				copy(dst, w[lo*cols:hi*cols])
				return nil
			},
		})
	}
	if err := safetensors.Write(filepath.Join(dir, "model.safetensors"), list, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// FormulaTokens are the tokens of the reference values for formula weights, from a vocabulary of 48.
var FormulaTokens = []int32{3, 15, 41, 33, 39, 11, 45, 20, 7, 28, 0, 47}

// Sums returns the sum and the sum of squares.
func Sums(x []float32) (sum, squares float64) {
	for _, v := range x {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	return sum, squares
}

// Argmax returns the index of the largest element of each row of vocab logits.
func Argmax(logits []float32, vocab int) (list []int) {
	for ; len(logits) > 0; logits = logits[vocab:] {
		best, top := 0, math.Inf(-1)
		for i, v := range logits[:vocab] {
			if float64(v) > top {
				best, top = i, float64(v)
			}
		}
		list = append(list, best)
	}
	return list
}
