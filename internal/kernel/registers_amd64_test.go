package kernel

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The generator can allocate any of 32 vector registers and knows AVX-512 instructions; kernels for CPUs without
// AVX-512 must use only the first 16 registers and none of those instructions.
func TestAVX2Registers(t *testing.T) {
	files, err := filepath.Glob("*_amd64.s")
	if err != nil || len(files) == 0 {
		t.Fatalf("no assembly: %v", err)
	}
	high, functions := regexp.MustCompile(`\b(?:[XY](?:1[6-9]|2\d|3[01])|Z\d+|K[0-7]|VRNDSCALEPS|VSCALEFPS|VGET(?:EXP|MANT)PS|VP(?:XOR|OR|AND)[DQ]|VPERMT2\w+|VMOVDQ[AU](?:8|16|32|64))\b`), 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, function := range strings.Split(string(text), "\nTEXT ")[1:] {
			name, body, _ := strings.Cut(function, "(SB)")
			if !strings.Contains(name, "AVX2") {
				continue
			}
			functions++
			if r := high.FindString(body); r != "" {
				t.Errorf("%s: %s uses %s", file, name, r)
			}
		}
	}
	if functions == 0 {
		t.Error("no function for AVX2 found")
	}
}

// A CPU with AVX-512 but neither VNNI nor bf16 multiplies codes and rounded activations as float32.
func TestTierWithoutIntegers(t *testing.T) {
	if !avx512.usable() {
		t.Skip("this CPU lacks the instructions")
	}
	pretend(t, false, false)
	for _, name := range []string{"bf16", "int8", "int8-g32", "int4", "int4-row", "int8a8", "int8a8-g32", "int4a8", "int4a8-row"} {
		for _, size := range [][3]int{{1, 33, 70}, {5, 64, 192}, {30, 70, 300}} {
			compareTier(t, &avx512, name, []*Pool{nil}, size[0], size[1], size[2])
		}
	}
}

// The full name distinguishes tiers whose results differ in bits; ARCHBENCH_KERNEL takes the plain name.
func TestTierNames(t *testing.T) {
	for _, tr := range tiers {
		if got, err := chooseTier(tr.name); tr.usable() && (err != nil || got != tr) {
			t.Errorf("ARCHBENCH_KERNEL=%s chooses %s, %v", tr.name, got.name, err)
		}
	}
	for want, has := range map[string][2]bool{
		"avx512": {}, "avx512+bf16": {true, false}, "avx512+vnni": {false, true}, "avx512+bf16+vnni": {true, true},
	} {
		pretend(t, has[0], has[1])
		withTier(t, &avx512, func() {
			if got := Tier(); got != want {
				t.Errorf("bf16 %t, vnni %t: %q, want %q", has[0], has[1], got, want)
			}
		})
		for _, tr := range []*tier{&amx, &avx2, &reference} {
			if got := tr.fullName(); got != tr.name {
				t.Errorf("bf16 %t, vnni %t: %q, want %q", has[0], has[1], got, tr.name)
			}
		}
	}
}

// pretend overrides the detection of bf16 products and VNNI until the test ends.
func pretend(t *testing.T, bf16, vnni bool) {
	oldBF16, oldVNNI := hasBF16, hasVNNI
	t.Cleanup(func() { hasBF16, hasVNNI = oldBF16, oldVNNI })
	hasBF16, hasVNNI = bf16, vnni
}
