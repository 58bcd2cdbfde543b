package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/archbench/archbench/harness/internal/unit"
)

var update = flag.Bool("update", false, "rewrite testdata")

// gallery has one figure of every kind used in reports.
func gallery() []Figure {
	scaling := Figure{
		Name: "scaling", Title: "Time to stream a long text", Foot: "median of 10 blocks; bars: 95 % interval",
		X: Axis{Label: "tokens streamed", Unit: unit.Token, Log: Log2},
		Y: Axis{Label: "time", Unit: unit.Second, Log: Log10},
	}
	for i, name := range []string{"bk: N^1.00 [0.99, 1.01]", "gpt2: N^1.31 [1.12, 1.49]", "mamba: N^1.01 [1.00, 1.02]", "mistral: N^1.08 [1.02, 1.13]"} {
		s := Series{Name: name, Style: i, Joined: true}
		for n := 128.0; n <= 65536; n *= 4 {
			y := (1 + 0.4*float64(i)) * 2e-5 * math.Pow(n, 1+0.08*float64(i))
			s.Points = append(s.Points, Point{X: n, Y: y, Lo: y * 0.9, Hi: y * 1.12, Hollow: n > 4096})
		}
		scaling.Series = append(scaling.Series, s)
	}
	scaling.Rules = []Rule{{Vertical: true, At: 512, Label: "trained to 512"}}

	quantization := Figure{
		Name: "quantization", Title: "Loss that each precision costs", Foot: "paired over 48 documents; bars: 95 % interval",
		X:     Axis{Label: "bits per weight", Unit: unit.BitsPerWeight},
		Y:     Axis{Label: "Δ bits per byte against f32", Unit: unit.BitsPerByte},
		Rules: []Rule{{At: 0, Label: "f32"}},
	}
	for i, name := range []string{"bk", "gpt2", "mamba", "mistral"} {
		s := Series{Name: name, Style: i}
		for j, precision := range []string{"int4", "nf4", "int8", "bf16"} {
			bits := []float64{5.1, 5.0, 8.6, 16}[j] + 0.25*float64(i)
			y := []float64{0.031, 0.022, 0.0012, 0.0001}[j] * (1 + 0.5*float64(i))
			s.Points = append(s.Points, Point{X: bits, Y: y, Lo: y * 0.8, Hi: y * 1.25, Label: precision})
		}
		quantization.Series = append(quantization.Series, s)
	}
	trade := Figure{
		Name: "trade", Title: "Quality against speed", Foot: "bars: 95 % interval",
		X: Axis{Label: "decode speed, token/s", Unit: unit.TokensPerSec, Log: Log10},
		Y: Axis{Label: "bits per byte of held-out text", Unit: unit.BitsPerByte},
	}
	for i, name := range []string{"bk", "gpt2", "mamba"} {
		s := Series{Name: name, Style: i}
		for j, precision := range []string{"f32", "bf16", "int8"} {
			x, y := 900*math.Pow(1.7, float64(j))*(1+0.2*float64(i)), 1.4-0.05*float64(i)+0.004*float64(j)
			s.Points = append(s.Points, Point{X: x, XLo: x / (1 + 0.2*float64(j)), XHi: x * 1.1, Y: y, Lo: y - 0.06, Hi: y + 0.06, Label: precision})
		}
		trade.Series = append(trade.Series, s)
	}
	return []Figure{
		scaling, quantization, trade,
		{Name: "empty", Title: "State against context", Empty: "the suite memory was not run: archbench run memory"},
	}
}

func rendered(render func(io.Writer) error) ([]byte, error) {
	var b bytes.Buffer
	err := render(&b)
	return b.Bytes(), err
}

func TestGolden(t *testing.T) {
	for _, f := range gallery() {
		t.Run(f.Name, func(t *testing.T) {
			svg, err := rendered(f.SVG)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", f.Name+".svg")
			if *update {
				if err := os.WriteFile(path, svg, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(svg)); diff != "" {
				t.Errorf("SVG differs (run with -update to accept):\n%s", diff)
			}
			wellFormed(t, svg)
			picture(t, f)
		})
	}
}

func wellFormed(t *testing.T, svg []byte) {
	t.Helper()
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("SVG is not well-formed: %v", err)
		}
	}
}

// picture checks a PNG's size, and that drawing it again gives the same bytes. If ARCHBENCH_PICTURES names a folder, it
// also writes the PNG there for inspection.
func picture(t *testing.T, f Figure) {
	t.Helper()
	first, err := rendered(f.PNG)
	if err != nil {
		t.Fatal(err)
	}
	second, _ := rendered(f.PNG)
	if !bytes.Equal(first, second) {
		t.Error("two renderings differ")
	}
	config, err := png.DecodeConfig(bytes.NewReader(first))
	if err != nil || config.Width != 1280 || config.Height != 880 {
		t.Errorf("PNG is %dx%d (%v), want 1280x880", config.Width, config.Height, err)
	}
	if dir := os.Getenv("ARCHBENCH_PICTURES"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, f.Name+".png"), first, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEmptyFigureSaysWhy(t *testing.T) {
	svg, err := rendered(Figure{Name: "x", Title: "T", Empty: "it rained"}.SVG)
	if err != nil || !strings.Contains(string(svg), "it rained") {
		t.Errorf("no reason in %s (%v)", svg, err)
	}
	onlyZeros := Figure{Name: "x", Y: Axis{Log: Log10}, Series: []Series{{Points: []Point{{X: 1}}}}}
	if svg, err := rendered(onlyZeros.SVG); err != nil || !strings.Contains(string(svg), "No data") {
		t.Errorf("a figure whose axes can show no point: %v", err)
	}
}

func TestLeftOutPointsAreSaid(t *testing.T) {
	f := Figure{Name: "x", X: Axis{Log: Log2}, Y: Axis{Log: Log10}, Series: []Series{{Joined: true, Points: []Point{
		{X: 0, Y: 1}, {X: 1, Y: math.NaN()}, {X: 2, Y: 3, Lo: -1, Hi: math.Inf(1), XLo: 3, XHi: 4},
	}}}}
	cleaned := clean(f)
	if want := "2 points that the axes cannot show are left out"; cleaned.Foot != want {
		t.Errorf("foot %q, want %q", cleaned.Foot, want)
	}
	if p := cleaned.Series[0].Points[0]; p.Lo != 3 || p.Hi != 3 || p.XLo != 2 || p.XHi != 2 {
		t.Errorf("an interval that cannot be drawn stays: %+v", p)
	}
}

// The plot is as wide as the widest interval, which adds a line and two caps.
func TestHorizontalIntervals(t *testing.T) {
	f := Figure{Name: "x", X: Axis{Log: Log10}, Series: []Series{{Points: []Point{{X: 100, Y: 1}}}}}
	lines := func() int {
		svg, err := rendered(f.SVG)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(svg), "stroke:#0072B2")
	}
	without := lines()
	f.Series[0].Points[0].XLo, f.Series[0].Points[0].XHi = 99, 101
	if got := lines() - without; got != 3 {
		t.Errorf("an interval of x draws %d lines, want 3", got)
	}
	f.Series[0].Points[0].XLo, f.Series[0].Points[0].XHi = 20, 900
	if x, _ := ranges(clean(f)); x.min > 20 || x.max < 900 {
		t.Errorf("the plot goes from %g to %g, an interval from 20 to 900", x.min, x.max)
	}
}

func TestNothingPanics(t *testing.T) {
	special := []float64{0, -1, 1, 1e-300, 1e300, -1e300, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, 5e-324}
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.SampledFrom(special), rapid.Float64Range(-1e3, 1e6))
		point := rapid.Custom(func(t *rapid.T) Point {
			return Point{X: value.Draw(t, "x"), Y: value.Draw(t, "y"), Lo: value.Draw(t, "lo"), Hi: value.Draw(t, "hi"),
				XLo: value.Draw(t, "x lo"), XHi: value.Draw(t, "x hi"), Label: "p"}
		})
		f := Figure{
			Name:   "any",
			X:      Axis{Log: Scale(rapid.IntRange(0, 2).Draw(t, "x scale")), Unit: unit.Token},
			Y:      Axis{Log: Scale(rapid.IntRange(0, 2).Draw(t, "y scale")), Unit: unit.Second},
			Series: []Series{{Name: "s", Style: rapid.IntRange(-3, 40).Draw(t, "style"), Joined: true, Points: rapid.SliceOfN(point, 0, 5).Draw(t, "points")}},
			Rules:  []Rule{{At: value.Draw(t, "rule")}, {Vertical: true, At: value.Draw(t, "rule")}},
		}
		if err := f.SVG(io.Discard); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTicksAreFewAndInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lo := math.Pow(10, rapid.Float64Range(-9, 12).Draw(t, "exponent"))
		s := span{lo, lo * math.Pow(10, rapid.Float64Range(0.2, 12).Draw(t, "decades"))}
		for _, scale := range []Scale{Linear, Log10, Log2} {
			labelled := 0
			for _, tick := range ticks(Axis{Log: scale, Unit: unit.Second}, s) {
				slack := 1e-9 * (s.max - s.min)
				if scale != Linear {
					slack = 1e-9 * tick.Value
				}
				if tick.Value < s.min-slack || tick.Value > s.max+slack {
					t.Fatalf("scale %d: tick %v outside %v", scale, tick.Value, s)
				}
				if tick.Label != "" {
					labelled++
				}
			}
			if labelled > 10 {
				t.Fatalf("scale %d: %d labels on %v", scale, labelled, s)
			}
		}
	})
}

func TestStylesAreDistinct(t *testing.T) {
	seen := map[string]int{}
	for i := range palette {
		key := fmt.Sprint(lookOf(i).color)
		if j, ok := seen[key]; ok {
			t.Errorf("styles %d and %d share a colour", i, j)
		}
		seen[key] = i
	}
}
