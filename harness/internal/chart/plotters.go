package chart

import (
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// gridlines draws faint lines at the labelled ticks.
type gridlines struct{ x, y []plot.Tick }

// Plot implements plot.Plotter.
func (g gridlines) Plot(c draw.Canvas, p *plot.Plot) {
	px, py := p.Transforms(&c)
	style := draw.LineStyle{Color: grid, Width: 0.7}
	for _, t := range g.x {
		if t.Label != "" && t.Value >= p.X.Min && t.Value <= p.X.Max {
			c.StrokeLine2(style, px(t.Value), c.Min.Y, px(t.Value), c.Max.Y)
		}
	}
	for _, t := range g.y {
		if t.Label != "" && t.Value >= p.Y.Min && t.Value <= p.Y.Max {
			c.StrokeLine2(style, c.Min.X, py(t.Value), c.Max.X, py(t.Value))
		}
	}
}

// Plot implements plot.Plotter. It draws a dotted line with its label at the top of a vertical or the left of a
// horizontal rule.
func (r rule) Plot(c draw.Canvas, p *plot.Plot) {
	px, py := p.Transforms(&c)
	stroke := draw.LineStyle{Color: faint, Width: 0.9, Dashes: []vg.Length{2, 2}}
	word := textStyle(8.5, faint)
	if r.Vertical {
		x := px(r.At)
		c.StrokeLine2(stroke, x, c.Min.Y, x, c.Max.Y)
		word.YAlign = draw.YTop
		at := vg.Point{X: x + 3, Y: c.Max.Y - 1}
		if x+3+word.Width(r.Label) > c.Max.X {
			word.XAlign, at.X = draw.XRight, x-3
		}
		c.FillText(word, at, r.Label)
		return
	}
	y := py(r.At)
	c.StrokeLine2(stroke, c.Min.X, y, c.Max.X, y)
	c.FillText(word, vg.Point{X: c.Min.X + 3, Y: y + 2}, r.Label)
}

type rule struct{ Rule }

// curve draws one series: line, intervals, markers.
type curve struct {
	Series
	index int
	shift vg.Length // to the right
}

// Plot implements plot.Plotter.
func (s curve) Plot(c draw.Canvas, p *plot.Plot) {
	belonging(c, s.index, func() { s.draw(c, p) })
}

func (s curve) draw(c draw.Canvas, p *plot.Plot) {
	at, py := p.Transforms(&c)
	px := func(x float64) vg.Length { return at(x) + s.shift }
	look := lookOf(s.Style)
	if s.Front {
		s.staircase(c, px, py)
		return
	}
	if s.Joined {
		line := make([]vg.Point, len(s.Points))
		for i, pt := range s.Points {
			line[i] = vg.Point{X: px(pt.X), Y: py(pt.Y)}
		}
		c.StrokeLines(look.line(), line)
	}
	for _, pt := range s.Points {
		stroke, half := look.thin(), capHalf
		if s.Light {
			stroke, half = look.light(), 0
		}
		if pt.Lo < pt.Hi {
			whisker(c, stroke, vg.Point{X: px(pt.X), Y: py(pt.Lo)}, vg.Point{X: px(pt.X), Y: py(pt.Hi)}, vg.Point{X: half})
		}
		if pt.XLo < pt.XHi {
			whisker(c, stroke, vg.Point{X: px(pt.XLo), Y: py(pt.Y)}, vg.Point{X: px(pt.XHi), Y: py(pt.Y)}, vg.Point{Y: half})
		}
	}
	for _, pt := range s.Points {
		look.mark(&c, vg.Point{X: px(pt.X), Y: py(pt.Y)}, pt.Hollow)
	}
}

// staircase draws a front: between two points the value of y is that of the one before.
func (s curve) staircase(c draw.Canvas, px, py func(float64) vg.Length) {
	var line []vg.Point
	for i, pt := range s.Points {
		if i > 0 {
			line = append(line, vg.Point{X: px(pt.X), Y: line[len(line)-1].Y})
		}
		line = append(line, vg.Point{X: px(pt.X), Y: py(pt.Y)})
	}
	c.StrokeLines(frontLine, line)
}

// GlyphBoxes implements plot.GlyphBoxer, so that markers at the edge are not clipped.
func (s curve) GlyphBoxes(p *plot.Plot) []plot.GlyphBox {
	r := markerRadius + 1
	box := vg.Rectangle{Min: vg.Point{X: s.shift - r, Y: -r}, Max: vg.Point{X: s.shift + r, Y: r}}
	boxes := make([]plot.GlyphBox, len(s.Points))
	for i, pt := range s.Points {
		boxes[i] = plot.GlyphBox{X: p.X.Norm(pt.X), Y: p.Y.Norm(pt.Y), Rectangle: box}
	}
	return boxes
}

// capHalf is half the length of an interval's end caps.
const capHalf = vg.Length(3.5)

// whisker draws an interval with end caps that extend by half to both sides.
func whisker(c draw.Canvas, style draw.LineStyle, from, to, half vg.Point) {
	c.StrokeLines(style, []vg.Point{from, to})
	for _, end := range []vg.Point{from, to} {
		c.StrokeLines(style, []vg.Point{end.Sub(half), end.Add(half)})
	}
}

// labels draws the points' labels, each where it covers the least and no other point is nearer.
type labels struct {
	series  []Series
	rules   []Rule
	taken   []vg.Rectangle
	markers []vg.Point
}

// Plot implements plot.Plotter.
func (l *labels) Plot(c draw.Canvas, p *plot.Plot) {
	px, py := p.Transforms(&c)
	for _, r := range l.rules {
		if !r.Vertical {
			l.avoid(vg.Point{X: c.Min.X, Y: py(r.At)}, vg.Point{X: c.Max.X, Y: py(r.At)})
		}
	}
	for _, s := range l.series {
		l.avoidLine(s, px, py)
		if s.Front {
			continue
		}
		for _, pt := range s.Points {
			at := vg.Point{X: px(pt.X), Y: py(pt.Y)}
			l.taken, l.markers = append(l.taken, around(at, markerRadius)), append(l.markers, at)
			if pt.Lo < pt.Hi {
				l.taken = append(l.taken, vg.Rectangle{Min: vg.Point{X: at.X - 2, Y: py(pt.Lo)}, Max: vg.Point{X: at.X + 2, Y: py(pt.Hi)}})
			}
			if pt.XLo < pt.XHi {
				l.taken = append(l.taken, vg.Rectangle{Min: vg.Point{X: px(pt.XLo) - 2, Y: at.Y - 2}, Max: vg.Point{X: px(pt.XHi) + 2, Y: at.Y + 2}})
			}
		}
	}
	for i, s := range l.series {
		belonging(c, i, func() {
			for _, pt := range s.Points {
				if pt.Label != "" {
					l.write(c, vg.Point{X: px(pt.X), Y: py(pt.Y)}, pt.Label, lookOf(s.Style))
				}
			}
		})
	}
}

// avoidLine marks the places that the line of a series covers.
func (l *labels) avoidLine(s Series, px, py func(float64) vg.Length) {
	for i := 1; i < len(s.Points); i++ {
		a, b := vg.Point{X: px(s.Points[i-1].X), Y: py(s.Points[i-1].Y)}, vg.Point{X: px(s.Points[i].X), Y: py(s.Points[i].Y)}
		switch corner := (vg.Point{X: b.X, Y: a.Y}); {
		case s.Front:
			l.avoid(a, corner)
			l.avoid(corner, b)
		case s.Joined:
			l.avoid(a, b)
		}
	}
}

// avoid marks a line from a to b in small steps.
func (l *labels) avoid(a, b vg.Point) {
	const step = vg.Length(3)
	d := b.Sub(a)
	n := int(max(d.X/step, -d.X/step, d.Y/step, -d.Y/step))
	for i := range n {
		l.taken = append(l.taken, around(a.Add(d.Scale(vg.Length(i)/vg.Length(n))), step/2))
	}
}

// crowded is the fraction of a label that may be covered; beyond that the label is omitted and its marker stays.
const crowded = 0.35

func (l *labels) write(c draw.Canvas, at vg.Point, word string, look look) {
	style := textStyle(9.5, look.color)
	size := vg.Point{X: style.Width(word), Y: style.FontExtents().Ascent}
	var best vg.Rectangle
	least := vg.Length(-1)
	for _, corner := range corners(at, size) {
		box := vg.Rectangle{Min: corner, Max: corner.Add(size)}
		if l.misleads(box, at) {
			continue
		}
		if cost := l.cost(c, box); least < 0 || cost < least {
			best, least = box, cost
		}
	}
	if least < 0 || least > crowded*size.X*size.Y {
		return
	}
	l.taken = append(l.taken, best)
	c.FillText(style, best.Min, word)
}

// misleads reports whether a label in a box would seem to belong to another marker than the one at a point.
func (l *labels) misleads(box vg.Rectangle, at vg.Point) bool {
	own := distance(box, at)
	return slices.ContainsFunc(l.markers, func(m vg.Point) bool { return m != at && distance(box, m) < own })
}

// distance is that of a point from a box.
func distance(box vg.Rectangle, p vg.Point) vg.Length {
	beyond := func(low, high, v vg.Length) float64 { return float64(max(low-v, v-high, 0)) }
	return vg.Length(math.Hypot(beyond(box.Min.X, box.Max.X, p.X), beyond(box.Min.Y, box.Max.Y, p.Y)))
}

// corners lists the places for a label of a given size beside a marker, best first.
func corners(at, size vg.Point) []vg.Point {
	const d = markerRadius + 3
	right, left, middle := at.X+d, at.X-d-size.X, at.X-size.X/2
	above, below, level := at.Y+d, at.Y-d-size.Y, at.Y-size.Y/2
	return []vg.Point{
		{X: right, Y: level}, {X: left, Y: level}, {X: middle, Y: above}, {X: middle, Y: below},
		{X: right, Y: above}, {X: right, Y: below}, {X: left, Y: above}, {X: left, Y: below},
		{X: middle, Y: above + size.Y + 2}, {X: right, Y: above + size.Y + 2}, {X: left, Y: above + size.Y + 2},
	}
}

// cost is the area that a box shares with others, plus a heavy penalty for leaving the canvas.
func (l *labels) cost(c draw.Canvas, box vg.Rectangle) vg.Length {
	area := vg.Length(0)
	for _, t := range l.taken {
		area += overlap(box, t)
	}
	size := box.Size()
	return area + 10*(size.X*size.Y-overlap(box, c.Rectangle))
}

func overlap(a, b vg.Rectangle) vg.Length {
	w := min(a.Max.X, b.Max.X) - max(a.Min.X, b.Min.X)
	h := min(a.Max.Y, b.Max.Y) - max(a.Min.Y, b.Min.Y)
	return max(w, 0) * max(h, 0)
}

func around(at vg.Point, r vg.Length) vg.Rectangle {
	return vg.Rectangle{Min: vg.Point{X: at.X - r, Y: at.Y - r}, Max: vg.Point{X: at.X + r, Y: at.Y + r}}
}
