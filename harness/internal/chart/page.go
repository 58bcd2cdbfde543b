package chart

import (
	"fmt"
	"html"
	"image/color"
	"regexp"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"
)

// PageSVG returns the figure as an SVG element of a page, as wide as its column. Its colours are variables of the page's style,
// --paper, --ink, --faint, --grid and --c0 to --c6, with the figure's own colours as fallbacks.
func (f Figure) PageSVG() (string, error) {
	var svg strings.Builder
	if err := f.SVG(&svg); err != nil {
		return "", err
	}
	_, s, _ := strings.Cut(svg.String(), "<svg")
	opening, body, _ := strings.Cut(s, ">")
	_, box, _ := strings.Cut(opening, `viewBox="`)
	box, _, _ = strings.Cut(box, `"`)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="%s" viewBox="%s" font-family="%s">`, html.EscapeString(f.Title), box, fonts) +
		pageStyle.Replace(body), nil
}

// pageStyle replaces colours by variables and drops the font, which the element has.
var pageStyle = func() *strings.Replacer {
	pairs := []string{"font-family:" + fonts + ";", "", "font-weight:normal;font-style:normal;", ""}
	add := func(c color.Color, variable string) {
		pairs = append(pairs, ":"+hex(c), fmt.Sprintf(":var(%s,%s)", variable, hex(c)))
	}
	add(white, "--paper")
	add(ink, "--ink")
	add(onBar, "--on-bar")
	add(faint, "--faint")
	add(grid, "--grid")
	add(frontLine.Color, "--front")
	for i, c := range palette {
		add(c, fmt.Sprintf("--c%d", i))
		add(look{color: c}.light().Color, fmt.Sprintf("--pale%d", i))
	}
	return strings.NewReplacer(pairs...)
}()

func hex(c color.Color) string {
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02X%02X%02X", r>>8, g>>8, b>>8)
}

// belonging draws what belongs to the series or row of an index, none if it is negative, so that SVG can name it. vgsvg groups
// only for transformations, so this is a shift by multiples of mark, too little to see.
func belonging(c vg.Canvas, index int, drawing func()) {
	if index < 0 {
		drawing()
		return
	}
	c.Push()
	c.Translate(vg.Point{X: vg.Length(index+1) * mark})
	drawing()
	c.Pop()
}

const mark = vg.Length(1e-9)

var marked = regexp.MustCompile(`<g transform="translate\(([0-9.]+e-[0-9]+), 0\)">`)

// named replaces the marks of groups by names.
func (f Figure) named(svg string) string {
	var names []string
	f = clean(f)
	for _, s := range f.Series {
		names = append(names, s.Name)
	}
	if f.Rows != nil {
		names = nil
	}
	for _, r := range f.Rows {
		names = append(names, r.Label)
	}
	return marked.ReplaceAllStringFunc(svg, func(group string) string {
		shift, err := strconv.ParseFloat(marked.FindStringSubmatch(group)[1], 64)
		index := int(shift/float64(mark)+0.5) - 1
		if err != nil || index < 0 || index >= len(names) {
			return group
		}
		return fmt.Sprintf(`<g data-series="%s">`, html.EscapeString(names[index]))
	})
}
