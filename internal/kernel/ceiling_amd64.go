package kernel

// measured512 sets the ceilings of a tier with AVX-512.
func (t *tier) measured512() {
	t.ceilings = []Ceiling{{"fma.f32", nil, "FLOP/s", 28 * 32, fmaPeakAVX512}}
	if hasBF16 {
		t.ceilings = append(t.ceilings, Ceiling{"dot.bf16", []string{"bf16"}, "FLOP/s", 28 * 64, bf16PeakAVX512})
	}
	if hasVNNI {
		t.ceilings = append(t.ceilings,
			Ceiling{"dot.int8", []string{"int8a8", "int4a8"}, "OP/s", 28 * 128, vnniPeakAVX512},
			Ceiling{"fixed.f32", []string{"int8", "int4"}, "FLOP/s", 28 * 128 / float64(fixedDigits), vnniPeakAVX512})
	}
	t.read = func(x []byte) { readBlocks(x, 512, readAVX512) }
}

// measured256 sets the ceilings of a tier with AVX2.
func (t *tier) measured256() {
	t.ceilings = []Ceiling{{"fma.f32", nil, "FLOP/s", 12 * 16, fmaPeakAVX2}}
	t.read = func(x []byte) { readBlocks(x, 256, readAVX2) }
}

// readBlocks reads whole blocks with read and the remainder word by word.
func readBlocks(x []byte, block int, read func(n int, p *byte)) {
	n := len(x) / block
	if n > 0 {
		read(n, &x[0])
	}
	readReference(x[n*block:])
}
