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
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/plot/vg"
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
	for i := range trade.Series {
		trade.Series[i].Joined, trade.Series[i].Light = true, true
	}
	trade.Series = append(trade.Series, Series{Name: "Pareto front", Front: true, Points: []Point{{X: 3000, Y: 1.31}, {X: 1800, Y: 1.3}}})
	forest := Figure{
		Name: "forest", Title: "How many times as good as bk", Foot: "bars: 95 % interval", Rules: []Rule{{Vertical: true, At: 1}},
		X: Axis{Label: "times as good as bk (right of 1 is better)", Unit: unit.One, Log: Log10},
	}
	for i, group := range []string{"Prefill speed, len 8K", "Decode time per step, depth 384, batch 1", "State of one document, len 8K"} {
		for j, name := range []string{"gpt2", "mamba", "a-model-with-a-very-long-name@int8a8-g32"} {
			v := []float64{0.8, 1.05, 1.3}[j] * []float64{1, 1.1, 0.02}[i]
			r := Row{Group: group, Label: name, Style: j + 1, Value: v, Lo: v * 0.93, Hi: v * 1.08, Hollow: j == 1, Text: fmt.Sprintf("%.2fx [%.2f, %.2f]", v, 0.93*v, 1.08*v)}
			if i == 2 {
				r.Lo, r.Hi, r.Text = v, v, fmt.Sprintf("%.3gx", v)
			}
			forest.Rows = append(forest.Rows, r)
		}
	}
	spread := Figure{Name: "spread", Title: "Samples: prefill speed", X: Axis{Label: "prefill speed, token/s", Unit: unit.TokensPerSec, Log: Log10}}
	bars := Figure{Name: "bars", Title: "Where the FLOPs of a token go", X: Axis{Label: "FLOP per token", Unit: unit.FLOP}}
	for i, name := range []string{"bk", "gpt2", "mamba", "mistral"} {
		r := Row{Group: "len 512", Label: name, Style: i, Text: fmt.Sprintf("%d.3 k", 30+i)}
		for k := range 9 {
			r.Samples = append(r.Samples, 30e3*(1+0.05*float64(i)+0.02*float64(k*k%7)))
		}
		r.Apart = []float64{25e3}
		spread.Rows = append(spread.Rows, r)
		bar := Row{Group: "decode", Label: name + " at 8K", Text: "5.8 MFLOP"}
		for k, part := range []string{"mixer", "mlp", "head", "norm"} {
			bar.Parts = append(bar.Parts, Part{Name: part, Value: []float64{1.3e6, 2.4e6, 2.1e6, 1e5}[k] * (1 + 0.2*float64(i*k%3)), Style: k})
		}
		bars.Rows = append(bars.Rows, bar)
	}
	return []Figure{
		scaling, quantization, trade, forest, spread, bars,
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
	if err != nil || config.Width != 1280 || config.Height != 880 && f.Rows == nil {
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

func TestSeriesAreNamedGroups(t *testing.T) {
	const hostile = `a"><script>`
	point := []Point{{X: 1, Y: 2, Label: "int8"}}
	f := Figure{Name: "x", Series: []Series{{Name: "empty", Points: []Point{{X: math.NaN()}}}, {Name: "bk", Points: point}, {Name: hostile, Points: point}}}
	for _, render := range []func() (string, error){
		func() (string, error) { svg, err := rendered(f.SVG); return string(svg), err },
		f.PageSVG,
	} {
		svg, err := render()
		if err != nil || strings.Count(svg, `<g data-series="bk">`) != 3 || strings.Count(svg, `<g data-series="a&#34;&gt;&lt;script&gt;">`) != 3 || strings.Contains(svg, hostile) {
			t.Errorf("legend, points and labels are not groups of their series (%v):\n%s", err, svg)
		}
	}
}

func TestPageColours(t *testing.T) {
	for _, f := range gallery() {
		svg, err := f.PageSVG()
		if err != nil {
			t.Fatal(err)
		}
		if rest := regexp.MustCompile(`:#[0-9A-F]{6}`).FindAllString(svg, -1); rest != nil {
			t.Errorf("%s: the page's style cannot change the colours %v", f.Name, rest)
		}
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
		row := rapid.Custom(func(t *rapid.T) Row {
			r := Row{Group: rapid.SampledFrom([]string{"", "g", "h"}).Draw(t, "group"), Label: strings.Repeat("l", rapid.IntRange(0, 99).Draw(t, "label")), Value: value.Draw(t, "v"), Lo: value.Draw(t, "lo"), Hi: value.Draw(t, "hi")}
			r.Samples, r.Apart = rapid.SliceOfN(value, 0, 4).Draw(t, "samples"), rapid.SliceOfN(value, 0, 2).Draw(t, "apart")
			for range rapid.IntRange(0, 3).Draw(t, "parts") {
				r.Parts = append(r.Parts, Part{Name: "p", Value: value.Draw(t, "part")})
			}
			return r
		})
		f.Series, f.Rows = nil, rapid.SliceOfN(row, 1, 5).Draw(t, "rows")
		if err := f.SVG(io.Discard); err != nil {
			t.Fatal(err)
		}
	})
}

// TestFarValuesAreArrows checks that an exact value far beyond the intervals does not squeeze them.
func TestFarValuesAreArrows(t *testing.T) {
	f := Figure{X: Axis{Log: Log10}, Rules: []Rule{{Vertical: true, At: 1}}, Rows: []Row{{Value: 1.2, Lo: 1.1, Hi: 1.3}, {Value: 100, Lo: 100, Hi: 100}, {Value: 0.9, Lo: 0.9, Hi: 0.9}}}
	if s := rowSpan(f); s.max > 2 || s.min > 0.9 || s.min < 0.5 {
		t.Errorf("the axis goes from %g to %g", s.min, s.max)
	}
	f.Rows = f.Rows[1:]
	if s := rowSpan(f); s.max < 100 || s.min > 0.9 {
		t.Errorf("without intervals the axis goes from %g to %g", s.min, s.max)
	}
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

// TestTextsKeepTheirWidth checks that each text of an SVG says how wide it is, so that no font makes it run into its neighbours.
func TestTextsKeepTheirWidth(t *testing.T) {
	for _, f := range append(gallery(), Figure{Title: "a < b & \"c\"", Empty: "nothing"}) {
		svg, err := rendered(f.SVG)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(svg), "<text "); n == 0 || n != strings.Count(string(svg), "<text textLength=") {
			t.Errorf("%s: not all of %d texts have a width", f.Name, n)
		}
		wellFormed(t, svg)
	}
	if plain, bold := fitted(textOf("normal", "8")), fitted(textOf("bold", "8")); plain == bold {
		t.Errorf("bold text is as wide as other text: %s", bold)
	}
	if got, want := fitted(textOf("normal", "8")), textStyle(8, ink).Width("a<b"); !strings.Contains(got, fmt.Sprintf(`textLength="%.5g"`, float64(want))) {
		t.Errorf("%s, want a width of %g", got, want)
	}
}

func textOf(weight, size string) string {
	return `<text x="1" style="font-family:x;font-weight:` + weight + `;font-style:normal;font-size:` + size + `px;fill:#222222">a&lt;b</text>`
}

// TestLabelsBelongToTheirMarkers checks that no label is written nearer to another marker than to its own.
func TestLabelsBelongToTheirMarkers(t *testing.T) {
	at, other := vg.Point{X: 50, Y: 50}, vg.Point{X: 50, Y: 62}
	l := &labels{markers: []vg.Point{at, other}}
	box := func(x, y vg.Length) vg.Rectangle {
		return vg.Rectangle{Min: vg.Point{X: x, Y: y}, Max: vg.Point{X: x + 20, Y: y + 7}}
	}
	if !l.misleads(box(40, 68), at) || l.misleads(box(40, 36), at) || l.misleads(box(40, 68), other) {
		t.Error("a label above both markers belongs to the upper one, one below both to the lower one")
	}
}
