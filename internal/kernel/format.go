package kernel

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is the storage of a weight matrix.
type Kind int

// The storages. Int4 and NF4 keep two weights in a byte, the low nibble first.
const (
	KindF32 Kind = iota
	KindBF16
	KindInt8
	KindInt4
	KindNF4
)

// Format fixes the arithmetic of a product with a weight matrix, whatever kernel runs it.
//
//	f32         float32 weights and activations
//	bf16        both rounded to bf16 (nearest even), products summed in float32
//	int8        weights q·s, one scale a row: s = max|w|/127, q = round-half-even(w/s); float32 activations
//	int8-g64    the same, one scale for every 64 weights along the input; the last group may be shorter
//	int4        groups of 64, q in [-7,7]; int4-g32, int4-g128, int4-row choose the group
//	nf4         groups of 64, the 16 quantiles of a normal distribution
//	int8a8      int8 with activations quantised to int8 as well, per token and group
//	int4a8      int4 with the same
//
// Where the CPU multiplies int8, int8 and int4 take float32 activations in fixed point: each to 2^-24 of the largest of
// up to 512 along the input. In every tier weights are scaled before they meet float32 activations, so that large
// activations overflow about where they do with float32 weights.
//
// A model whose activations are rounded, in bf16 or to int8, attends in bf16, see [Attention].
type Format struct {
	Kind  Kind
	Group int  // weights per scale along the input; 0: the whole row
	A8    bool // activations are quantised to int8, one scale per token and group
	// WideX keeps the activations of a bf16 product in float32. The heads and embeddings of the weight-only
	// precisions use it; it has no name of its own.
	WideX bool
}

// The formats without parameters.
var (
	F32      = Format{Kind: KindF32}
	BF16     = Format{Kind: KindBF16}
	BF16Wide = Format{Kind: KindBF16, WideX: true}
)

// FormatNames lists the canonical names of all precisions, for help texts and Description.Precisions.
var FormatNames = []string{
	"f32", "bf16",
	"int8", "int8-g32", "int8-g64", "int8-g128",
	"int4", "int4-g32", "int4-g128", "int4-row",
	"nf4",
	"int8a8", "int8a8-g32", "int8a8-g64", "int8a8-g128",
	"int4a8", "int4a8-g32", "int4a8-g128", "int4a8-row",
}

// ParseFormat reads a precision's name. The empty name is f32.
func ParseFormat(name string) (Format, error) {
	base, suffix, hasSuffix := strings.Cut(name, "-")
	var f Format
	switch base {
	case "", "f32":
		f = F32
	case "bf16":
		f = BF16
	case "int8", "int8a8":
		f = Format{Kind: KindInt8, A8: base == "int8a8"}
	case "int4", "int4a8":
		f = Format{Kind: KindInt4, Group: 64, A8: base == "int4a8"}
	case "nf4":
		f = Format{Kind: KindNF4, Group: 64}
	default:
		return Format{}, fmt.Errorf("unknown precision %q: use one of %s", name, strings.Join(FormatNames, ", "))
	}
	if !hasSuffix {
		return f, nil
	}
	if f.Kind != KindInt8 && f.Kind != KindInt4 {
		return Format{}, fmt.Errorf("precision %q: %s has no groups to choose", name, base)
	}
	if suffix == "row" {
		f.Group = 0
		return f, nil
	}
	group, err := strconv.Atoi(strings.TrimPrefix(suffix, "g"))
	if err != nil || !strings.HasPrefix(suffix, "g") || (group != 32 && group != 64 && group != 128) {
		return Format{}, fmt.Errorf("precision %q: the group is -row, -g32, -g64 or -g128", name)
	}
	f.Group = group
	return f, nil
}

// Quantised reports whether weights are stored as integers or codes with scales.
func (f Format) Quantised() bool { return f.Kind >= KindInt8 }

// AttentionBF16 reports whether a model whose blocks have this format attends in bf16 and keeps keys and values so: the
// formats that round activations do.
func (f Format) AttentionBF16() bool { return f == BF16 || f.A8 }

// HeadFormat reads the precision of the output matrix beside block linears of format block. The empty name keeps the
// head in at least bf16: f32 or bf16 like the blocks, else bf16 with float32 activations. int8 is int8a8 beside
// blocks with int8 activations.
func HeadFormat(block Format, name string) (Format, error) {
	if name != "" {
		f, err := ParseFormat(name)
		if err != nil {
			return Format{}, fmt.Errorf("head: %w", err)
		}
		f.A8 = f.A8 || block.A8 && f.Kind == KindInt8
		f.WideX = f.Kind == KindBF16 && block.Kind != KindBF16
		return f, nil
	}
	if block.Kind == KindF32 || block.Kind == KindBF16 {
		return block, nil
	}
	return BF16Wide, nil
}

// String returns the canonical name: ParseFormat(f.String()) is f, WideX aside.
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
