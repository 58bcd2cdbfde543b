package chart

import (
	"image/color"
	"math"
	"slices"
	"sort"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Row is one line of a figure of rows: an estimate with its interval, samples, or parts that add up.
type Row struct {
	Group  string // heading above the first of several rows; "": none
	Label  string
	Text   string // the numbers, at the right
	Style  int
	Value  float64 // NaN: none
	Lo, Hi float64
	Hollow bool

	Samples []float64 // drawn as a box of quartiles under single dots, instead of the estimate
	Apart   []float64 // further samples, as hollow dots outside of the box
	Parts   []Part    // drawn as a bar, instead of the estimate
}

// Part is a piece of a bar.
type Part struct {
	Name  string // the same in all rows, in the same order
	Value float64
	Style int
}

// Heights of a figure of rows.
const (
	rowHeight  = vg.Length(15)
	headHeight = 1.35 // of a group's heading, in rows
	axisHeight = vg.Length(36)
)

// values are all numbers of a row that its axis has to hold.
func (r Row) values() []float64 {
	switch {
	case r.Parts != nil:
		sum := 0.0
		for _, p := range r.Parts {
			sum += p.Value
		}
		return []float64{0, sum}
	case r.Samples != nil || r.Apart != nil:
		return slices.Concat(r.Samples, r.Apart)
	case r.Lo < r.Hi:
		return []float64{r.Value, r.Lo, r.Hi}
	}
	return []float64{r.Value}
}

// cleanRows returns the rows with only what the axis can show.
func cleanRows(f Figure) []Row {
	rows := slices.Clone(f.Rows)
	unfit := func(v float64) bool { return !fits(v, f.X.Log) }
	for i := range rows {
		r := &rows[i]
		r.Samples, r.Apart = slices.DeleteFunc(slices.Clone(r.Samples), unfit), slices.DeleteFunc(slices.Clone(r.Apart), unfit)
		r.Parts = slices.DeleteFunc(slices.Clone(r.Parts), func(p Part) bool { return unfit(p.Value) || p.Value <= 0 })
		if r.Lo, r.Hi = interval(r.Value, r.Lo, r.Hi, f.X.Log); unfit(r.Value) {
			r.Value = math.NaN()
		}
	}
	return rows
}

// reach is how many times beyond the intervals an exact value may widen a logarithmic axis; one further away is an arrow at its end.
const reach = 2

// rowSpan is the range of the axis.
func rowSpan(f Figure) span {
	var all, uncertain []float64
	for _, r := range f.Rows {
		own := slices.DeleteFunc(r.values(), math.IsNaN)
		if all = append(all, own...); len(own) > 1 {
			uncertain = append(uncertain, own...)
		}
	}
	for _, r := range f.Rules {
		if r.Vertical && fits(r.At, f.X.Log) {
			all, uncertain = append(all, r.At), append(uncertain, r.At)
		}
	}
	if f.X.Log == Linear || len(uncertain) <= len(f.Rules) {
		return spanOf(all, f.X.Log)
	}
	lo, hi := slices.Min(uncertain)/reach, slices.Max(uncertain)*reach
	return spanOf(append(uncertain, slices.DeleteFunc(all, func(v float64) bool { return v < lo || v > hi })...), f.X.Log)
}

// tall is the height of the figure.
func (f Figure) tall() vg.Length {
	if len(f.Rows) == 0 {
		return height
	}
	lines := len(legendOf(f))/4 + 1 + len(f.Foot)/90
	return 2*margin + 26 + axisHeight + vg.Length(units(f.Rows))*rowHeight + vg.Length(lines)*13
}

// units is the height of all rows in rows.
func units(rows []Row) float64 {
	n := float64(len(rows))
	for i := range rows {
		if heads(rows, i) {
			n += headHeight
		}
	}
	return n
}

// heads reports whether a row stands below a heading.
func heads(rows []Row, i int) bool {
	return rows[i].Group != "" && (i == 0 || rows[i-1].Group != rows[i].Group)
}

// legendOf lists the parts of bars, in order of first appearance, those without a subject of their own last.
func legendOf(f Figure) (parts []Part) {
	for _, r := range f.Rows {
		for _, p := range r.Parts {
			if !slices.ContainsFunc(parts, func(o Part) bool { return o.Name == p.Name }) {
				parts = append(parts, p)
			}
		}
	}
	named := func(p Part) bool { return p.Style != Grey }
	rest := slices.DeleteFunc(slices.Clone(parts), named)
	return append(slices.DeleteFunc(parts, func(p Part) bool { return !named(p) }), rest...)
}

// rows draws rows and their axis in the rest of the canvas.
func (l *layout) rows() {
	f := l.figure
	c := l.canvas
	s := rowSpan(f)
	label, text := textStyle(9.5, ink), textStyle(9.5, ink)
	left, right := 0.32*(c.Max.X-c.Min.X), vg.Length(0)
	wide := vg.Length(0)
	for _, r := range f.Rows {
		wide, right = max(wide, label.Width(r.Label)+10), max(right, text.Width(r.Text)+8)
	}
	left = min(left, wide) + 12
	plotted := draw.Crop(c, left, -max(right, 10), axisHeight, 0)
	x := func(v float64) vg.Length {
		return plotted.Min.X + vg.Length(normalizer{f.X.Log}.Normalize(s.min, s.max, v))*(plotted.Max.X-plotted.Min.X)
	}
	l.rowAxis(plotted, s, x)
	step := (plotted.Max.Y - plotted.Min.Y) / vg.Length(units(f.Rows))
	y := plotted.Max.Y
	for i, r := range f.Rows {
		if heads(f.Rows, i) {
			y -= step * headHeight
			c.FillText(boldStyle(9.5, ink), vg.Point{X: c.Min.X, Y: y + 3}, short(boldStyle(9.5, ink).Width, r.Group, c.Max.X-c.Min.X))
		}
		y -= step
		at := vg.Point{X: plotted.Min.X, Y: y + step/2}
		label.YAlign, text.YAlign = draw.YCenter, draw.YCenter
		belonging(c, i, func() {
			c.FillText(label, vg.Point{X: c.Min.X + 10, Y: at.Y + 1}, short(label.Width, r.Label, left-22))
			c.FillText(text, vg.Point{X: plotted.Max.X + 8, Y: at.Y + 1}, r.Text)
			r.draw(&plotted, x, at.Y, step)
		})
	}
}

// rowAxis draws gridlines, rules, ticks and the label of the axis.
func (l *layout) rowAxis(c draw.Canvas, s span, x func(float64) vg.Length) {
	f := l.figure
	word, taken := textStyle(9.5, ink), vg.Length(math.Inf(-1))
	word.XAlign, word.YAlign = draw.XCenter, draw.YTop
	c.StrokeLine2(draw.LineStyle{Color: faint, Width: 0.8}, c.Min.X, c.Min.Y, c.Max.X, c.Min.Y)
	for _, t := range ticks(f.X, s) {
		if t.Label == "" || !within(t, s) {
			continue
		}
		c.StrokeLine2(draw.LineStyle{Color: grid, Width: 0.7}, x(t.Value), c.Min.Y, x(t.Value), c.Max.Y)
		if half := word.Width(t.Label) / 2; x(t.Value)-half > taken+5 {
			taken = x(t.Value) + half
			c.FillText(word, vg.Point{X: x(t.Value), Y: c.Min.Y - 4}, t.Label)
		}
	}
	for _, r := range f.Rules {
		if r.Vertical && fits(r.At, f.X.Log) {
			c.StrokeLine2(draw.LineStyle{Color: faint, Width: 1.1}, x(r.At), c.Min.Y, x(r.At), c.Max.Y)
		}
	}
	word = textStyle(10, ink)
	word.XAlign = draw.XCenter
	c.FillText(word, vg.Point{X: (c.Min.X + c.Max.X) / 2, Y: c.Min.Y - axisHeight + 4}, f.X.Label)
}

func within(t plot.Tick, s span) bool { return t.Value >= s.min && t.Value <= s.max }

// draw draws what a row shows at a height.
func (r Row) draw(c *draw.Canvas, x func(float64) vg.Length, y, step vg.Length) {
	switch {
	case r.Parts != nil:
		r.bar(c, x, y, step)
	case r.Samples != nil || r.Apart != nil:
		r.strip(c, x, y, step)
	case !math.IsNaN(r.Value):
		r.estimate(c, x, y)
	}
}

// estimate draws a marker on its interval, or an arrow at the end of the axis that the value lies beyond.
func (r Row) estimate(c *draw.Canvas, x func(float64) vg.Length, y vg.Length) {
	look, at := lookOf(r.Style), x(r.Value)
	if at < c.Min.X || at > c.Max.X {
		edge, back := c.Max.X, vg.Length(-7)
		if at < c.Min.X {
			edge, back = c.Min.X, 7
		}
		c.StrokeLines(draw.LineStyle{Color: look.color, Width: 1.6}, []vg.Point{{X: edge + back, Y: y + 3.5}, {X: edge, Y: y}, {X: edge + back, Y: y - 3.5}})
		return
	}
	if r.Lo < r.Hi {
		whisker(*c, draw.LineStyle{Color: look.color, Width: 1.3}, vg.Point{X: max(x(r.Lo), c.Min.X), Y: y}, vg.Point{X: min(x(r.Hi), c.Max.X), Y: y}, vg.Point{Y: capHalf - 0.5})
	}
	look.mark(c, vg.Point{X: at, Y: y}, r.Hollow)
}

// strip draws the samples as dots over a box of their quartiles.
func (r Row) strip(c *draw.Canvas, x func(float64) vg.Length, y, step vg.Length) {
	look, half := lookOf(r.Style), 0.32*step
	if len(r.Samples) > 1 {
		sorted := slices.Clone(r.Samples)
		sort.Float64s(sorted)
		low, middle, high := x(quartile(sorted, 0.25)), x(quartile(sorted, 0.5)), x(quartile(sorted, 0.75))
		frame := draw.LineStyle{Color: faint, Width: 0.8}
		c.StrokeLine2(frame, x(sorted[0]), y, low, y)
		c.StrokeLine2(frame, high, y, x(sorted[len(sorted)-1]), y)
		c.StrokeLines(frame, []vg.Point{{X: low, Y: y - half}, {X: high, Y: y - half}, {X: high, Y: y + half}, {X: low, Y: y + half}, {X: low, Y: y - half}})
		c.StrokeLine2(draw.LineStyle{Color: ink, Width: 1.4}, middle, y-half, middle, y+half)
	}
	for i, v := range slices.Concat(r.Samples, r.Apart) {
		at := vg.Point{X: x(v), Y: y + half*vg.Length(i*2%5-2)/3} // dots of equal values stay apart
		look.fill(c, at, dot, look.color)
		if i >= len(r.Samples) {
			look.fill(c, at, dot-0.8, white)
		}
	}
}

// dot is the radius of a sample.
const dot = vg.Length(2)

// quartile interpolates between the sorted values.
func quartile(sorted []float64, share float64) float64 {
	at := share * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// bar draws the parts side by side, each with its name and share where there is room.
func (r Row) bar(c *draw.Canvas, x func(float64) vg.Length, y, step vg.Length) {
	half := 0.4 * step
	sum, from := r.values()[1], 0.0
	for _, p := range r.Parts {
		a, b := x(from), x(from+p.Value)
		look := lookOf(p.Style)
		piece(c, p.Style, vg.Rectangle{Min: vg.Point{X: a, Y: y - half}, Max: vg.Point{X: b, Y: y + half}})
		word := textStyle(8.5, look.contrast())
		word.XAlign, word.YAlign = draw.XCenter, draw.YCenter
		for _, text := range []string{p.Name + " " + percent(p.Value/sum), percent(p.Value / sum)} {
			if wide := word.Width(text) + 6; wide <= b-a {
				middle := (a + b) / 2
				fill(c, look.color, vg.Rectangle{Min: vg.Point{X: middle - wide/2, Y: y - half}, Max: vg.Point{X: middle + wide/2, Y: y + half}})
				c.FillText(word, vg.Point{X: middle, Y: y}, text)
				break
			}
		}
		from += p.Value
	}
}

// piece fills a rectangle, with white stripes in the styles of the second round of colours.
func piece(c *draw.Canvas, style int, r vg.Rectangle) {
	line := draw.LineStyle{Color: white, Width: 1}
	fill(c, lookOf(style).color, r)
	if style/len(palette)%2 == 1 {
		for x := r.Min.X + 4; x < r.Max.X; x += 4 {
			c.StrokeLine2(line, x, r.Min.Y, x, r.Max.Y)
		}
	}
	c.StrokeLine2(line, r.Max.X, r.Min.Y, r.Max.X, r.Max.Y)
}

func fill(c *draw.Canvas, with color.Color, r vg.Rectangle) {
	c.FillPolygon(with, []vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}})
}

// short cuts a text to a width.
func short(width func(string) vg.Length, text string, limit vg.Length) string {
	if width(text) <= limit {
		return text
	}
	runes := []rune(text)
	for len(runes) > 0 && width(string(runes)+"…") > limit {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}
