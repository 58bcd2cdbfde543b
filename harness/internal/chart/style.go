package chart

import (
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// palette is Okabe and Ito's, which people with common colour vision deficiencies can tell apart, without yellow, which
// is too pale for lines on white.
var palette = []color.RGBA{
	{0x00, 0x72, 0xb2, 0xff}, // blue
	{0xd5, 0x5e, 0x00, 0xff}, // vermilion
	{0x00, 0x9e, 0x73, 0xff}, // bluish green
	{0xcc, 0x79, 0xa7, 0xff}, // reddish purple
	{0xe6, 0x9f, 0x00, 0xff}, // orange
	{0x56, 0xb4, 0xe9, 0xff}, // sky blue
	{0x44, 0x44, 0x44, 0xff}, // grey
}

// Grey is the style of what has no subject of its own.
const Grey = 6

// dashes distinguish series in black and white.
var dashes = [][]vg.Length{nil, {6, 2.5}, {7, 2.5, 1.5, 2.5}, {1.8, 2}, {10, 3}}

var (
	ink   = color.RGBA{0x22, 0x22, 0x22, 0xff}
	faint = color.RGBA{0x70, 0x70, 0x70, 0xff}
	grid  = color.RGBA{0xe4, 0xe4, 0xe4, 0xff}
	white = color.RGBA{0xff, 0xff, 0xff, 0xff}
)

// markerRadius is half the width of a marker.
const markerRadius = vg.Length(3.6)

// look is the appearance of a series.
type look struct {
	color  color.RGBA
	dashes []vg.Length
	shape  []vg.Point // polygon of unit radius; nil is a circle
}

func lookOf(style int) look {
	style = max(style, 0)
	return look{palette[style%len(palette)], dashes[style%len(dashes)], shapes[style%len(shapes)]}
}

var shapes = [][]vg.Point{
	nil,
	{{X: -0.88, Y: -0.88}, {X: 0.88, Y: -0.88}, {X: 0.88, Y: 0.88}, {X: -0.88, Y: 0.88}},  // square
	{{X: -1.05, Y: -0.8}, {X: 1.05, Y: -0.8}, {X: 0, Y: 1.15}},                            // triangle
	{{X: 0, Y: -1.3}, {X: 1.1, Y: 0}, {X: 0, Y: 1.3}, {X: -1.1, Y: 0}},                    // diamond
	{{X: -1.05, Y: 0.8}, {X: 0, Y: -1.15}, {X: 1.05, Y: 0.8}},                             // triangle, down
	{{X: -1.2, Y: -0.5}, {X: 1.2, Y: -0.5}, {X: 1.2, Y: 0.5}, {X: -1.2, Y: 0.5}},          // bar
	{{X: -0.5, Y: -1.2}, {X: 0.5, Y: -1.2}, {X: 0.5, Y: 1.2}, {X: -0.5, Y: 1.2}},          // column
	{{X: -1.1, Y: 0}, {X: 0, Y: -0.6}, {X: 1.1, Y: 0}, {X: 0, Y: 0.6}, {X: -1.1, Y: 0.0}}, // flat diamond
}

// mark draws one marker with a white rim, so that overlapping ones stay distinct.
func (l look) mark(c *draw.Canvas, at vg.Point, hollow bool) {
	l.fill(c, at, markerRadius+0.9, white)
	l.fill(c, at, markerRadius, l.color)
	if hollow {
		l.fill(c, at, markerRadius-1.3, white)
	}
}

func (l look) fill(c *draw.Canvas, at vg.Point, radius vg.Length, fill color.Color) {
	c.SetColor(fill)
	var path vg.Path
	if l.shape == nil {
		path.Move(vg.Point{X: at.X + radius, Y: at.Y})
		path.Arc(at, radius, 0, 2*math.Pi)
		path.Close()
		c.Fill(path)
		return
	}
	for i, p := range l.shape {
		corner := vg.Point{X: at.X + p.X*radius, Y: at.Y + p.Y*radius}
		if i == 0 {
			path.Move(corner)
		} else {
			path.Line(corner)
		}
	}
	path.Close()
	c.Fill(path)
}

// line is the stroke that connects points.
func (l look) line() draw.LineStyle {
	return draw.LineStyle{Color: l.color, Width: 1.6, Dashes: l.dashes}
}

// contrast is the colour of text on the look's colour.
func (l look) contrast() color.Color {
	if 299*int(l.color.R)+587*int(l.color.G)+114*int(l.color.B) > 140*1000 { // perceived brightness, as in the W3C's AERT
		return onBar
	}
	return white
}

// onBar is ink that stays dark where a page is dark, as it is written on light colours.
var onBar = color.RGBA{0x21, 0x21, 0x21, 0xff}

// frontLine is the stroke of a front.
var frontLine = draw.LineStyle{Color: color.RGBA{0xaa, 0xaa, 0xaa, 0xff}, Width: 1.4}

// light is the stroke of intervals that matter less than the points.
func (l look) light() draw.LineStyle {
	pale := func(v uint8) uint8 { return uint8(0xff - (0xff-int(v))*2/5) }
	return draw.LineStyle{Color: color.RGBA{pale(l.color.R), pale(l.color.G), pale(l.color.B), 0xff}, Width: 1}
}

// thin is the stroke of intervals.
func (l look) thin() draw.LineStyle { return draw.LineStyle{Color: l.color, Width: 1} }

// textStyle is sans-serif text of a size in points, anchored at the left of its baseline.
func textStyle(size vg.Length, ink color.Color) text.Style {
	return text.Style{
		Color:   ink,
		Font:    font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size),
		XAlign:  draw.XLeft,
		YAlign:  draw.YBottom,
		Handler: handler,
	}
}

// bold is WeightBold of golang.org/x/image/font.
const bold = 3

// boldStyle is bold text.
func boldStyle(size vg.Length, ink color.Color) text.Style {
	style := textStyle(size, ink)
	style.Font = font.From(font.Font{Typeface: "Liberation", Variant: "Sans", Weight: bold}, size)
	return style
}

// percent is a share without decimals.
func percent(share float64) string { return strconv.Itoa(int(math.Round(100*share))) + " %" }

// handler measures and draws text with the fonts that gonum/plot embeds.
var handler = text.Plain{Fonts: font.DefaultCache}
