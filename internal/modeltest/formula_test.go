package modeltest

import (
	"math"
	"testing"
)

// TestFormulaValues checks the published first values of tensor wte.weight.
func TestFormulaValues(t *testing.T) {
	got := FormulaTensor{Name: "wte.weight", Shape: []int{3}, Scale: 1}.Values()
	for i, want := range []float64{-0.6110368967, -0.9829617739, -0.3401254416} {
		if math.Abs(float64(got[i])-want) > 1e-7 {
			t.Errorf("value %d is %v, want %v", i, got[i], want)
		}
	}
}
