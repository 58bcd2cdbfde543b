package nn

import (
	"fmt"
	"strings"
	"testing"

	"github.com/archbench/archbench/internal/kernel"
)

// written is a format with what its name leaves out.
func written(f kernel.Format) string {
	type plain kernel.Format // without String
	return fmt.Sprintf("%+v", plain(f))
}

func TestHeadPrecision(t *testing.T) {
	for _, c := range []struct{ blocks, head, want string }{
		{"f32", "", "{Kind:0 Group:0 A8:false WideX:false}"},
		{"bf16", "", "{Kind:1 Group:0 A8:false WideX:false}"},
		{"int4", "", "{Kind:1 Group:0 A8:false WideX:true}"},
		{"int4a8", "", "{Kind:1 Group:0 A8:false WideX:true}"},
		{"int4", "int8", "{Kind:2 Group:0 A8:false WideX:false}"},
		{"int4a8", "int8", "{Kind:2 Group:0 A8:true WideX:false}"},
		{"int8", "f32", "{Kind:0 Group:0 A8:false WideX:false}"},
		{"int8", "bf16", "{Kind:1 Group:0 A8:false WideX:true}"},
	} {
		p, err := ParsePrecision(c.blocks, c.head)
		if got := written(p.Head); err != nil || got != c.want {
			t.Errorf("blocks %s, head %q: %s, %v; want %s", c.blocks, c.head, got, err, c.want)
		}
	}
}

func TestPrecisionOfComponents(t *testing.T) {
	p, err := ParsePrecision("int8a8+output_proj.bf16+ffn.int4", "")
	if err != nil {
		t.Fatal(err)
	}
	for component, want := range map[string]string{
		"ffn": "{Kind:3 Group:64 A8:false WideX:false}", "output_proj": "{Kind:1 Group:0 A8:false WideX:true}",
		"u_proj": "{Kind:2 Group:0 A8:true WideX:false}",
	} {
		if got := written(p.Linear(component)); got != want {
			t.Errorf("%s is held as %s, want %s", component, got, want)
		}
	}
	if got, want := p.String(), "int8a8+ffn.int4+output_proj.bf16"; got != want {
		t.Errorf("String returns %s, want %s", got, want)
	}
	if p.Float() {
		t.Error("int8 counts as float32")
	}
}

func TestWrongPrecisions(t *testing.T) {
	for _, c := range []struct{ name, head, want string }{
		{"int9", "", `unknown precision "int9"`},
		{"f32", "int9", `head: unknown precision "int9"`},
		{"int8+ffn", "", `"ffn" is not COMPONENT.PRECISION`},
		{"int8+", "", `"" is not COMPONENT.PRECISION`},
		{"int8+ffn.", "", `"ffn." is not COMPONENT.PRECISION`},
		{"int8+ffn.int3", "", `unknown precision "int3"`},
		{"int8+ffn.int4+ffn.f32", "", `names component ffn twice`},
	} {
		if _, err := ParsePrecision(c.name, c.head); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("precision %q, head %q: error %v, want one with %q", c.name, c.head, err, c.want)
		}
	}
}

// TestComponents checks that linears have their component's format, and that an unknown component is an error.
func TestComponents(t *testing.T) {
	p, err := ParsePrecision("f32+mlp.int8", "")
	if err != nil {
		t.Fatal(err)
	}
	ps := NewParams(nil, 1, p)
	attention := ps.In("attention").Linear("a", 4, 8, false, Normal(1))
	if err := ps.CheckPrecision(); err == nil || !strings.Contains(err.Error(), `no component "mlp"`) {
		t.Errorf("before the component is declared: %v", err)
	}
	mlp := ps.In("mlp").Linear("m", 4, 8, false, Normal(1))
	if err := ps.CheckPrecision(); err != nil {
		t.Error(err)
	}
	if a, m := attention.W.Format(), mlp.W.Format(); a != kernel.F32 || m.Kind != kernel.KindInt8 {
		t.Errorf("attention is held as %s and mlp as %s", a, m)
	}
	if attention.Weight != nil {
		t.Error("a model with int8 weights has trainable matrices")
	}
}
