package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/table"
)

//go:embed page.html.tmpl
var pageSource string

//go:embed page.css
var pageStyle string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"style":   func() template.CSS { return template.CSS(pageStyle) },
	"figure":  inline,
	"anchor":  anchor,
	"short":   table.Short,
	"heading": table.Heading,
	"shown":   table.Shown,
	"notes":   table.NotesOf,
	"class":   class,
}).Parse(pageSource))

// HTML writes the report as one self-contained page with style and figures inside.
func (r *Report) HTML(w io.Writer) error {
	if err := page.Execute(w, r); err != nil {
		return fmt.Errorf("report %s as HTML: %w", r.Run.ID, err)
	}
	return nil
}

// class is the CSS class of an entry.
func class(c table.Column, v table.Value) string {
	var names []string
	if !c.Key && c.Unit != "" {
		names = append(names, "number")
	}
	if v.Best {
		names = append(names, "best")
	}
	if v.Reason != "" {
		names = append(names, "na")
	}
	return strings.Join(names, " ")
}

// inline is a figure as an SVG element without the XML prologue, as wide as its column.
func inline(f chart.Figure) (template.HTML, error) {
	var svg strings.Builder
	if err := f.SVG(&svg); err != nil {
		return "", err
	}
	s := svg.String()
	start := strings.Index(s, "<svg")
	end := strings.Index(s[start:], ">") + start
	box := ""
	if _, rest, ok := strings.Cut(s[start:end], `viewBox="`); ok {
		box, _, _ = strings.Cut(rest, `"`)
	}
	open := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="%s" viewBox="%s"`, template.HTMLEscapeString(f.Title), box)
	return template.HTML(open + s[end:]), nil
}
