package chart

import (
	"fmt"
	"html"
	"image/color"
	"strings"
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
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="%s" viewBox="%s">`, html.EscapeString(f.Title), box) +
		pageStyle.Replace(body), nil
}

// pageStyle replaces colours by variables and drops the font, which is the page's.
var pageStyle = func() *strings.Replacer {
	pairs := []string{"font-family:'Liberation Sans',Arial,Helvetica,sans-serif;", "", "font-weight:normal;font-style:normal;", ""}
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
