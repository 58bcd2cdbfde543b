package kernel

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Kind is the storage of a weight matrix.
type Kind int

// Storage kinds. Int4 and NF4 keep two weights per byte, the low nibble first.
const (
	KindF32 Kind = iota
	KindBF16
	KindInt8
	KindInt4
	KindNF4
)

// Format defines the arithmetic of a product with one weight matrix, whichever kernel runs it. The precision of a model, nn.Precision,
// chooses one for each of its matrices.
//
//	f32         float32 weights and activations
//	bf16        both rounded to bf16 (nearest even), products summed in float32
//	int8        weights q·s, one scale per row: s = max|w|/127, q = round-half-even(w/s); float32 activations
//	int8-g64    the same, one scale per 64 weights along the input; the last group may be shorter
//	int4        groups of 64, q in [-7,7]; int4-g32, int4-g128, int4-row choose the group
//	nf4         groups of 64, 16 quantiles of the normal distribution
//	int8a8      int8 with activations also quantised to int8, per token and group
//	int4a8      int4 likewise
//
// Where the CPU multiplies int8, int8 and int4 use float32 activations in fixed point: each is rounded to 2^-24 of the
// largest of up to 512 along the input. In every tier weights are scaled before multiplying float32 activations, so
// large activations overflow about where they do with float32 weights.
//
// A model whose activations are rounded, to bf16 or int8, attends in bf16; see [Attention].
type Format struct {
	Kind  Kind
	Group int  // weights per scale along the input; 0: the whole row
	A8    bool // activations are quantised to int8, one scale per token and group
	// WideX keeps the activations of a bf16 product in float32. Heads and embeddings of the weight-only precisions use
	// it; it has no name of its own.
	WideX bool
}

// Formats without parameters.
var (
	F32      = Format{Kind: KindF32}
	BF16     = Format{Kind: KindBF16}
	BF16Wide = Format{Kind: KindBF16, WideX: true}
)

// formats maps every name to its format. FormatNames lists the names, for help texts and Description.Precisions. Some
// formats have two: int8-row is int8, and int4-g64 is int4.
var formats, FormatNames = nameFormats()

// nameFormats names all formats except those with wide activations.
func nameFormats() (byName map[string]Format, names []string) {
	byName = map[string]Format{}
	add := func(name string, f Format) { byName[name], names = f, append(names, name) }
	add("f32", F32)
	add("bf16", BF16)
	add("nf4", Format{Kind: KindNF4, Group: 64})
	for _, base := range []struct {
		name string
		Format
	}{
		{"int8", Format{Kind: KindInt8}},
		{"int4", Format{Kind: KindInt4, Group: 64}},
		{"int8a8", Format{Kind: KindInt8, A8: true}},
		{"int4a8", Format{Kind: KindInt4, Group: 64, A8: true}},
	} {
		add(base.name, base.Format)
		for _, group := range []int{0, 32, 64, 128} {
			suffix := "-row"
			if group > 0 {
				suffix = fmt.Sprintf("-g%d", group)
			}
			base.Group = group
			add(base.name+suffix, base.Format)
		}
	}
	return byName, names
}

// ParseFormat parses a precision's name, one of [FormatNames]. The empty name is f32.
func ParseFormat(name string) (Format, error) {
	f, known := formats[cmp.Or(name, "f32")]
	if !known {
		return Format{}, fmt.Errorf("unknown precision %q: use one of %s", name, strings.Join(FormatNames, ", "))
	}
	return f, nil
}

// Quantised reports whether weights are stored as integers or codes with scales.
func (f Format) Quantised() bool { return f.Kind >= KindInt8 }

// AttentionBF16 reports whether a model whose blocks have this format attends in bf16, with bf16 keys and values: it
// does if the format rounds activations.
func (f Format) AttentionBF16() bool { return f == BF16 || f.A8 }

// String returns the shortest name: ParseFormat(f.String()) is f, except for WideX.
func (f Format) String() string {
	name := [...]string{"f32", "bf16", "int8", "int4", "nf4"}[f.Kind]
	if f.A8 {
		name += "a8"
	}
	switch {
	case f.Kind == KindInt8 && f.Group != 0, f.Kind == KindInt4 && f.Group != 64 && f.Group != 0:
		name += "-g" + strconv.Itoa(f.Group)
	case f.Kind == KindInt4 && f.Group == 0:
		name += "-row"
	}
	return name
}
