package nn

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/archbench/archbench/internal/kernel"
)

// Precision gives each matrix of a model its format, the arithmetic of its products. Embeddings, norms, convolutions and other small
// tensors stay in at least bf16.
type Precision struct {
	Blocks kernel.Format            // of the blocks' linears
	Head   kernel.Format            // of the output matrix
	Parts  map[string]kernel.Format // of linears, by component, where they differ from Blocks
}

// ParsePrecision parses the name of a precision: a format, optionally followed by those of components, as in
// "int8+ffn.int4+output_proj.bf16". Components are those of the model's cost. head names the format of the output matrix;
// the empty name keeps it in at least bf16: f32 or bf16 like the blocks, else bf16 with float32 activations.
func ParsePrecision(name, head string) (p Precision, err error) {
	base, parts, mixed := strings.Cut(name, "+")
	if p.Blocks, err = kernel.ParseFormat(base); err != nil {
		return p, err
	}
	p.Head = wide(p.Blocks)
	if head != "" {
		if p.Head, err = p.parsePart(head); err != nil {
			return p, fmt.Errorf("head: %w", err)
		}
	}
	if !mixed {
		return p, nil
	}
	p.Parts = map[string]kernel.Format{}
	for part := range strings.SplitSeq(parts, "+") {
		component, format, ok := strings.Cut(part, ".")
		_, twice := p.Parts[component]
		switch {
		case !ok || component == "" || format == "":
			return p, fmt.Errorf("precision %q: %q is not COMPONENT.PRECISION, as in int8+ffn.int4", name, part)
		case twice:
			return p, fmt.Errorf("precision %q names component %s twice", name, component)
		}
		if p.Parts[component], err = p.parsePart(format); err != nil {
			return p, fmt.Errorf("precision %q: %w", name, err)
		}
	}
	return p, nil
}

// parsePart parses the format of a part, given that of the blocks. int8 means int8a8 if the blocks have int8 activations; bf16
// keeps float32 activations if the blocks do.
func (p Precision) parsePart(name string) (kernel.Format, error) {
	f, err := kernel.ParseFormat(name)
	if err != nil {
		return f, err
	}
	f.A8 = f.A8 || p.Blocks.A8 && f.Kind == kernel.KindInt8
	f.WideX = f.Kind == kernel.KindBF16 && p.Blocks.Kind != kernel.KindBF16
	return f, nil
}

// Linear is the format of a component's linears.
func (p Precision) Linear(component string) kernel.Format {
	if f, ok := p.Parts[component]; ok {
		return f
	}
	return p.Blocks
}

// Embedding is the format of the embedding table, which a tied head shares.
func (p Precision) Embedding() kernel.Format {
	if p.Head == kernel.F32 {
		return kernel.F32
	}
	return wide(p.Blocks)
}

// Float reports whether the blocks' linears are all float32.
func (p Precision) Float() bool {
	for _, f := range p.Parts {
		if f != kernel.F32 {
			return false
		}
	}
	return p.Blocks == kernel.F32
}

// String returns the shortest name of all but the head.
func (p Precision) String() string {
	name := p.Blocks.String()
	for _, component := range slices.Sorted(maps.Keys(p.Parts)) {
		name += "+" + component + "." + p.Parts[component].String()
	}
	return name
}

// wide returns the format of weights that stay in at least bf16, given the format f of the blocks.
func wide(f kernel.Format) kernel.Format {
	if f.Quantised() {
		return kernel.BF16Wide
	}
	return f
}
