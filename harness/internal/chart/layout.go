package chart

import (
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// layout places title, legend, plot and foot on the canvas, from top and bottom inwards.
type layout struct {
	figure Figure
	canvas draw.Canvas
}

const margin = vg.Length(8)

func newLayout(f Figure, c draw.Canvas) *layout {
	c.SetColor(white)
	c.Fill(c.Rectangle.Path())
	return &layout{figure: clean(f), canvas: draw.Crop(c, margin, -margin-4, margin, -margin)}
}

func (l *layout) draw() {
	l.title()
	l.foot()
	switch {
	case len(l.figure.Rows) > 0:
		l.legend()
		l.rows()
	case len(l.figure.Series) > 0:
		l.legend()
		l.plot()
	default:
		l.empty()
	}
}

func (l *layout) title() {
	style := textStyle(13, ink)
	height := style.FontExtents().Height
	l.canvas.FillText(style, vg.Point{X: l.canvas.Min.X, Y: l.canvas.Max.Y - height}, l.figure.Title)
	l.canvas.Max.Y -= height + 5
}

func (l *layout) foot() {
	if l.figure.Foot == "" {
		return
	}
	style := textStyle(8.5, faint)
	lines := wrap(style.Width, l.figure.Foot, l.canvas.Max.X-l.canvas.Min.X)
	for _, line := range slices.Backward(lines) {
		l.canvas.FillText(style, vg.Point{X: l.canvas.Min.X, Y: l.canvas.Min.Y}, line)
		l.canvas.Min.Y += style.FontExtents().Height + 1
	}
	l.canvas.Min.Y += 5
}

// empty writes the reason for missing data in the middle of the figure.
func (l *layout) empty() {
	reason := l.figure.Empty
	if reason == "" {
		reason = "nothing was measured that this figure shows"
	}
	style := textStyle(11, faint)
	lines := wrap(style.Width, "No data: "+reason, 0.8*(l.canvas.Max.X-l.canvas.Min.X))
	style.XAlign = draw.XCenter
	at := l.canvas.Center()
	at.Y += vg.Length(len(lines)) * 7
	for _, line := range lines {
		l.canvas.FillText(style, at, line)
		at.Y -= 15
	}
	border := draw.LineStyle{Color: grid, Width: 1}
	r := l.canvas.Rectangle
	l.canvas.StrokeLines(border, []vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}, r.Min})
}

// key is one entry of a legend.
type key struct {
	name  string
	of    int // index of its series, -1 for parts
	width vg.Length
	draw  func(c *draw.Canvas, at vg.Point, width vg.Length)
}

// keys are those of the series or, of bars, of their parts.
func (l *layout) keys() (all []key) {
	for i, s := range l.figure.Series {
		if s.Name == "" {
			continue
		}
		look, wide := lookOf(s.Style), vg.Length(9)
		if s.Joined || s.Front {
			wide = 28
		}
		all = append(all, key{s.Name, i, wide, func(c *draw.Canvas, at vg.Point, width vg.Length) {
			if s.Front {
				c.StrokeLine2(frontLine, at.X, at.Y, at.X+width, at.Y)
				return
			}
			if s.Joined {
				c.StrokeLine2(look.line(), at.X, at.Y, at.X+width, at.Y)
			}
			look.mark(c, vg.Point{X: at.X + width/2, Y: at.Y}, false)
		}})
	}
	for _, p := range legendOf(l.figure) {
		all = append(all, key{p.Name, -1, 9, func(c *draw.Canvas, at vg.Point, width vg.Length) {
			piece(c, p.Style, vg.Rectangle{Min: vg.Point{X: at.X, Y: at.Y - 4}, Max: vg.Point{X: at.X + width, Y: at.Y + 4}})
		}})
	}
	return all
}

// legend lays out the keys below the title, in as many lines as needed.
func (l *layout) legend() {
	keys := l.keys()
	if keys == nil {
		return
	}
	style := textStyle(10, ink)
	const gap = vg.Length(14)
	height := style.FontExtents().Height + 3
	at := vg.Point{X: l.canvas.Min.X, Y: l.canvas.Max.Y - height}
	for _, k := range keys {
		wide := k.width + 5 + style.Width(k.name)
		if at.X > l.canvas.Min.X && at.X+wide > l.canvas.Max.X {
			at = vg.Point{X: l.canvas.Min.X, Y: at.Y - height}
		}
		belonging(l.canvas, k.of, func() {
			k.draw(&l.canvas, vg.Point{X: at.X, Y: at.Y + 3.5}, k.width)
			l.canvas.FillText(style, vg.Point{X: at.X + k.width + 5, Y: at.Y}, k.name)
		})
		at.X += wide + gap
	}
	l.canvas.Max.Y = at.Y - 10
}

// plot draws the axes and the data in the rest of the canvas.
func (l *layout) plot() {
	f := l.figure
	x, y := ranges(f)
	p := plot.New()
	p.BackgroundColor = nil
	setAxis(&p.X, f.X, x)
	setAxis(&p.Y, f.Y, y)
	p.X.Tick.Label.YAlign, p.X.Tick.Label.XAlign = draw.YTop, draw.XCenter
	p.Y.Tick.Label.YAlign, p.Y.Tick.Label.XAlign = draw.YCenter, draw.XRight
	p.Add(gridlines{x: ticks(f.X, x), y: ticks(f.Y, y)})
	for _, r := range f.Rules {
		p.Add(rule{r})
	}
	for i, s := range f.Series {
		p.Add(curve{s, i, dodge(f, i)})
	}
	p.Add(&labels{series: f.Series, rules: f.Rules})
	p.Draw(l.canvas)
}

// dodge shifts a series sideways so that intervals at the same x do not overlap.
func dodge(f Figure, i int) vg.Length {
	const step = vg.Length(3.4)
	for _, s := range f.Series {
		for _, p := range s.Points {
			if s.Joined && !s.Light && p.Lo < p.Hi {
				return step * (vg.Length(i) - vg.Length(len(f.Series)-1)/2)
			}
		}
	}
	return 0
}

func setAxis(axis *plot.Axis, a Axis, s span) {
	marks := ticks(a, s)
	axis.Min, axis.Max = s.min, s.max
	axis.Scale = normalizer{a.Log}
	axis.Padding = 0
	axis.LineStyle = draw.LineStyle{Color: faint, Width: 0.8}
	axis.Label.Text = a.Label
	axis.Label.Padding = 4
	axis.Label.TextStyle = textStyle(10.5, ink)
	axis.Label.TextStyle.XAlign = draw.XCenter
	axis.Tick.Label = textStyle(10, ink)
	axis.Tick.LineStyle = draw.LineStyle{Color: faint, Width: 0.6}
	axis.Tick.Length = 4
	axis.Tick.Marker = plot.TickerFunc(func(_, _ float64) []plot.Tick { return marks })
}

// wrap breaks text at spaces so that no line is wider than limit.
func wrap(width func(string) vg.Length, text string, limit vg.Length) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		longer := strings.TrimSpace(line + " " + word)
		if line != "" && width(longer) > limit {
			lines = append(lines, line)
			longer = word
		}
		line = longer
	}
	return append(lines, line)
}
