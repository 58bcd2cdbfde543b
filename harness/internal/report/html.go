package report

import (
	"bytes"
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
	"layout":  layOut,
	"cellid":  func(v table.Value) string { return table.Short(first(v.Cells)) },
	"class":   class,
}).Parse(pageSource))

// HTML writes the report as one self-contained page with style and figures inside.
func (r *Report) HTML(w io.Writer) error {
	var b bytes.Buffer
	if err := page.Execute(&b, r); err != nil {
		return fmt.Errorf("report %s as HTML: %w", r.Run.ID, err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// laidOut is a table with its footnotes resolved.
type laidOut struct {
	table.Table
	Marked    [][]markedValue
	Footnotes []string
}

// markedValue is a value with the numbers of its footnotes.
type markedValue struct {
	table.Value
	Marks string
}

func layOut(t table.Table) laidOut {
	t = table.Shown(t)
	notes := table.NotesOf(t)
	out := laidOut{Table: t, Footnotes: notes.All()}
	for _, row := range t.Rows {
		cells := make([]markedValue, len(row))
		for i, v := range row {
			cells[i] = markedValue{v, notes.Marks(v)}
		}
		out.Marked = append(out.Marked, cells)
	}
	return out
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

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
