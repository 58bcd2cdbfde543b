package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// TestQuantiseGroups compares group-by-group quantisation with the reference, including groups with unusual scales and
// a partial last group.
func TestQuantiseGroups(t *testing.T) {
	if !avx512.usable() || !hasVNNI {
		t.Skip("int8 activations are multiplied with VNNI")
	}
	for _, name := range []string{"int4a8", "int4a8-g32", "int8a8-g128"} {
		f := mustFormat(t, name)
		in := 8*f.Group + 13
		x := gaussians(5, in+1)[1:]
		group := func(g int) []float32 { return x[g*f.Group : (g+1)*f.Group] }
		clear(group(1))
		for i := range group(3) {
			group(3)[i] *= 1e-41
		}
		group(4)[7] = float32(math.Inf(-1))
		group(5)[8] = float32(math.NaN())
		clear(group(7))
		var p *packer
		withTier(t, &avx512, func() { p = newPacker(&wide512, f, 1, in) })
		pr := &product{shape: &wide512, w: p.operand, in: x, rows: 1}
		pr.planActivations()
		pr.activations(0, 1)
		for g := range p.groups {
			lo, hi := min(g*f.Group, in), min((g+1)*f.Group, in)
			want, sum := make([]int8, hi-lo), int32(0)
			scale := quantiseGroup(want, x[lo:hi], 127)
			for _, v := range want {
				sum += int32(v)
			}
			if got := pr.bytes[lo:hi]; !slices.Equal(got, want) {
				t.Errorf("%s: group %d is %d, want %d", name, g, got, want)
			}
			same := pr.sx[g] == scale || pr.sx[g] != pr.sx[g] && scale != scale
			if !same || pr.fix[g] != -int32(p.bias())*sum {
				t.Errorf("%s: group %d has scale %g and correction %d, want %g and %d", name, g, pr.sx[g], pr.fix[g], scale, -int32(p.bias())*sum)
			}
		}
	}
}

// BenchmarkActivations converts one row of activations for each type of product.
func BenchmarkActivations(b *testing.B) {
	for _, name := range []string{"bf16", "int8", "int4", "int8a8", "int4a8"} {
		for _, in := range []int{768, 4096} {
			b.Run(fmt.Sprintf("%s/%d", name, in), func(b *testing.B) {
				m, _ := packGaussians(mustFormat(b, name), 1, in)
				p, ok := m.(*panelMatrix)
				if !ok {
					b.Skip("no panels")
				}
				t := &product{shape: p.shape, w: p.operand, in: gaussians(1, in), rows: 1}
				for b.Loop() {
					t.planActivations()
					t.activations(0, 1)
				}
			})
		}
	}
}
