// Package chart draws the figures of a report with gonum/plot. A [Figure] is plain data, independent of runs and
// databases, and the same figure always gives the same bytes of SVG and PNG.
//
// No data makes drawing panic or mislead: points that a logarithmic axis cannot show are left out with a note below the
// plot, and a figure without data says why.
package chart

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Size of a figure: two fit side by side on a page, one on a phone. A figure of rows is as high as these need.
const (
	width  = 480 * vg.Inch / 72
	height = 330 * vg.Inch / 72
	dpi    = 192 // for PNG
)

// Figure is one plot with all its data and text.
type Figure struct {
	Name    string // base name of its files
	Title   string
	Caption string   // how to read it, for the text beside the figure
	Foot    string   // one line inside the figure: sample counts, kind of interval
	X, Y    Axis     `json:"-"`
	Series  []Series `json:"-"` // may hold NaN or infinities, which JSON lacks
	Rows    []Row    `json:"-"` // labelled lines along X, instead of series
	Rules   []Rule   `json:"-"`
	Empty   string   `json:",omitempty"` // why there is no data, if there is none
}

// Axis is one axis of a figure.
type Axis struct {
	Label string // includes the unit's name
	Unit  string // from package unit; decides how ticks are written
	Log   Scale
}

// Scale is the kind of an axis.
type Scale int

// The kinds of axis.
const (
	Linear Scale = iota
	Log10        // ticks at decades, or at 1, 2, 5 within few of them
	Log2         // ticks at powers of two: lengths and bytes
)

// Series is a set of points drawn alike.
type Series struct {
	Name   string
	Style  int  // index of colour, marker and dash; the same subject keeps its style across figures
	Joined bool // connect the points in order
	Light  bool // draw intervals faintly, because others in the figure matter more
	Front  bool // a grey staircase through the points: the best of one axis for each value of the other
	Points []Point
}

// Point is one value with its intervals. If Lo and Hi equal Y or are not finite, no interval is drawn; the same holds
// for XLo and XHi if they do not enclose X, so an exact X can leave them zero.
type Point struct {
	X, Y     float64
	Lo, Hi   float64 // of Y
	XLo, XHi float64 // of X
	Label    string  // written beside the point
	Hollow   bool    // outside the model's intended range, for example beyond its trained context
}

// Rule is a reference line across the plot, with a label.
type Rule struct {
	Vertical bool
	At       float64
	Label    string
}

// HasData reports whether the figure has a point that its axes can show.
func (f Figure) HasData() bool { return len(f.Rows) > 0 || len(clean(f).Series) > 0 }

// Arial has the metrics of Liberation Sans, for readers without that font.
const fonts = "'Liberation Sans',Arial,Helvetica,sans-serif"

var svgFonts = strings.NewReplacer("font-family:Liberation Sans;", "font-family:"+fonts+";", "font-variant:normal;", "")

// SVG writes the figure as SVG. Its text stays text, and what belongs to a series or row is a group with its name in data-series.
func (f Figure) SVG(w io.Writer) error {
	var out bytes.Buffer
	canvas := vgsvg.New(width, f.tall())
	if err := f.draw(&out, canvas, canvas); err != nil {
		return err
	}
	_, err := io.WriteString(w, f.named(svgFonts.Replace(fitted(out.String()))))
	return err
}

// texts matches the texts of an SVG, with weight, size and words.
var texts = regexp.MustCompile(`<text ([^>]*font-weight:(\w+);[^>]*font-size:([0-9.]+)px[^>]*>)([^<]+)</text>`)

// fitted gives each text the width for which there is room, whatever font the reader has.
func fitted(svg string) string {
	return texts.ReplaceAllStringFunc(svg, func(element string) string {
		parts := texts.FindStringSubmatch(element)
		size, err := strconv.ParseFloat(parts[3], 64)
		if err != nil {
			return element
		}
		style := textStyle(vg.Length(size), ink)
		if parts[2] == "bold" {
			style = boldStyle(vg.Length(size), ink)
		}
		wide := style.Width(html.UnescapeString(parts[4]))
		return fmt.Sprintf(`<text textLength="%.5g" lengthAdjust="spacingAndGlyphs" %s%s</text>`, float64(wide), parts[1], parts[4])
	})
}

// PNG writes the figure as PNG.
func (f Figure) PNG(w io.Writer) error {
	canvas := vgimg.NewWith(vgimg.UseWH(width, f.tall()), vgimg.UseDPI(dpi))
	return f.draw(w, canvas, vgimg.PngCanvas{Canvas: canvas})
}

// draw draws on a canvas and writes its picture. Errors name the figure; panics of the plotting library become errors.
func (f Figure) draw(w io.Writer, c vg.CanvasSizer, picture io.WriterTo) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("chart %s: drawing failed: %v", f.Name, r)
		}
	}()
	newLayout(f, draw.New(c)).draw()
	if _, err := picture.WriteTo(w); err != nil {
		return fmt.Errorf("chart %s: %w", f.Name, err)
	}
	return nil
}
