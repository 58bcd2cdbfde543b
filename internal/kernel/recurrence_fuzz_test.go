package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// FuzzScan compares every tier's scan with the reference over sizes, and a document in one piece with the same in two.
func FuzzScan(f *testing.F) {
	f.Add(uint64(1), uint8(5), uint16(16), uint8(16), uint8(2))
	f.Add(uint64(2), uint8(17), uint16(37), uint8(3), uint8(16))
	f.Fuzz(func(t *testing.T, seed uint64, length uint8, channels uint16, states, cut uint8) {
		n := 1 + int(length)%40
		want := scanCase(rand.New(rand.NewPCG(seed, 0)), n, 1+int(channels)%70, 1+int(states)%20)
		start := want
		start.H = slices.Clone(want.H)
		withTier(t, &reference, func() { want.Run(nil) })
		for _, tr := range usableTiers() {
			withTier(t, tr, func() {
				whole := start.sibling()
				whole.Run(nil)
				near32(t, tr.name+" state", whole.H, want.H, 10+2*largest(want.H))
				near32(t, tr.name+" output", whole.Y, want.Y, 10+2*largest(want.Y))
				pieces, at := start.sibling(), int(cut)%(n+1)
				pieces.piece(0, at).Run(nil)
				pieces.piece(at, n).Run(nil)
				if !slices.Equal(pieces.H, whole.H) || !slices.Equal(pieces.Y, whole.Y) {
					t.Fatalf("%s: %d tokens cut at %d differ from one piece", tr.name, n, at)
				}
			})
		}
	})
}

// sibling returns a copy of s with its own state and outputs.
func (s Scan) sibling() Scan {
	s.H, s.Y = unaligned(s.H), unaligned(s.Y)
	return s
}

// piece returns tokens [from, to).
func (s Scan) piece(from, to int) Scan {
	at := from * s.Channels
	s.Len, s.U, s.Delta, s.Y = to-from, s.U[at:], s.Delta[at:], s.Y[at:]
	if to > from {
		s.B, s.C = s.B.From(from, 0), s.C.From(from, 0)
	}
	return s
}

// FuzzChains compares every tier's resolvents with the reference over sizes, and a document in one piece with the same
// in two.
func FuzzChains(f *testing.F) {
	f.Add(uint64(1), uint8(40), uint8(12), uint8(16), uint8(33))
	f.Add(uint64(2), uint8(3), uint8(64), uint8(0), uint8(1))
	f.Fuzz(func(t *testing.T, seed uint64, length, heads, values, cut uint8) {
		n := 1 + int(length)%80
		start := chainsCase(rand.New(rand.NewPCG(seed, 0)), n, 1+int(heads)%40, int(values)%35, seed%2 == 1)
		want := start.sibling()
		withTier(t, &reference, want.Run)
		for _, tr := range usableTiers() {
			withTier(t, tr, func() {
				whole, pieces, at := start.sibling(), start.sibling(), int(cut)%n
				whole.Run()
				if states, outputs := want.differences(whole); !(states < 1e-10) || !(outputs <= 1) {
					t.Fatalf("%s: states differ from the reference by %g, outputs by %g ulp", tr.name, states, outputs)
				}
				pieces.From(0, at).Run()
				pieces.From(at, n-at).Run()
				if states, outputs := whole.differences(pieces); states != 0 || outputs != 0 {
					t.Fatalf("%s: %d tokens cut at %d differ from one piece", tr.name, n, at)
				}
			})
		}
	})
}
