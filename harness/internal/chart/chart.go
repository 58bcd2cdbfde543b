// Package chart draws the figures of a report with gonum/plot. A [Figure] is data: it knows nothing of runs and
// databases, and the same figure always gives the same bytes of SVG and PNG.
//
// Whatever the data, nothing panics and nothing lies: what a logarithmic axis cannot show is left out and said so
// below the plot, and a figure without data says why in words.
package chart

import (
	"bytes"
	"fmt"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Size of every figure: two of them side by side fill a page, one fills a telephone.
const (
	width  = 480 * vg.Inch / 72
	height = 330 * vg.Inch / 72
	dpi    = 192 // of the PNG
)

// Figure is one plot with everything that is drawn in it and said about it.
type Figure struct {
	Name    string // stem of its file names
	Title   string
	Caption string   // what to read from it, for the text beside the figure
	Foot    string   // one line inside the figure: sample counts, kind of interval
	X, Y    Axis     `json:"-"`
	Series  []Series `json:"-"` // may hold numbers that JSON has no form for
	Rules   []Rule   `json:"-"`
	Empty   string   `json:",omitempty"` // why there is no data, if there is none
}

// Axis is one axis of a figure.
type Axis struct {
	Label string // with the unit's name
	Unit  string // of package unit: decides how ticks are written
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

// Series is one set of points with one look.
type Series struct {
	Name   string
	Style  int  // index of colour, marker and dash; equal things keep theirs from figure to figure
	Joined bool // connect the points in order
	Points []Point
}

// Point is one value with its intervals. Lo and Hi equal to Y, or not finite, draw no interval; XLo and XHi neither if
// they do not enclose X, so that a point of an exact X leaves them at zero.
type Point struct {
	X, Y     float64
	Lo, Hi   float64 // of Y
	XLo, XHi float64 // of X
	Label    string  // written beside it
	Hollow   bool    // outside of what the model is made for, for example beyond its trained context
}

// Rule is a reference line across the plot, with a word on it.
type Rule struct {
	Vertical bool
	At       float64
	Label    string
}

// HasData reports whether the figure has a point that its axes can show.
func (f Figure) HasData() bool { return len(clean(f).Series) > 0 }

// SVG draws the figure as a scalable picture. Its text stays text.
func (f Figure) SVG() ([]byte, error) {
	canvas := vgsvg.New(width, height)
	if err := f.draw(draw.New(canvas)); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return nil, fmt.Errorf("chart %s: %w", f.Name, err)
	}
	// Arial has the metrics of Liberation Sans, for readers who have no such font.
	text := strings.ReplaceAll(out.String(), "font-family:Liberation Sans;", "font-family:'Liberation Sans',Arial,Helvetica,sans-serif;")
	text = strings.ReplaceAll(text, "font-variant:normal;", "")
	return []byte(text), nil
}

// PNG draws the figure as pixels.
func (f Figure) PNG() ([]byte, error) {
	canvas := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi))
	if err := f.draw(draw.New(canvas)); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(&out); err != nil {
		return nil, fmt.Errorf("chart %s: %w", f.Name, err)
	}
	return out.Bytes(), nil
}

// draw turns a panic of the plotting library, which has many, into an error that names the figure.
func (f Figure) draw(c draw.Canvas) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("chart %s: drawing failed: %v", f.Name, r)
		}
	}()
	newLayout(f, c).draw()
	return nil
}
