package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/table"
)

//go:embed page.html.tmpl
var pageSource string

//go:embed page.css
var pageStyle string

// The scripts of the page, in the order in which they run. Without them, the page is complete but for the samples.
var (
	//go:embed vendored/uplot/uPlot.iife.min.js
	plotScript string
	//go:embed distribution.js
	distributionScript string
	//go:embed page.js
	pageScript string
)

//go:embed vendored/uplot/uPlot.min.css
var plotStyle string

var pageScripts = []string{plotScript, distributionScript, pageScript}

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"style":   func() template.CSS { return template.CSS(plotStyle + pageStyle) },
	"scripts": scripts,
	"policy":  policy,
	"samples": samplesJSON,
	"figure":  inline,
	"data":    figureData,
	"anchor":  anchor,
	"short":   table.Short,
	"cells":   shortIDs,
	"heading": table.Heading,
	"shown":   table.Shown,
	"notes":   table.NotesOf,
	"class":   class,
	"of":      shownOf,
	"number":  number,
	"gist":    gist,
	"parts":   parts,
	"count":   result.Describe,
	"symbol":  func(state string) string { return symbols[state] },
	"word":    func(state string) string { return stateWords[state] },
	"slug":    table.Slug,
	"noted":   func(notes []string) table.Value { return table.Value{Notes: notes} },

	"matrixNotes": matrixNotes,
}).Parse(pageSource))

// HTML writes the report as one self-contained page with style, figures, samples and scripts inside.
func (r *Report) HTML(w io.Writer) error {
	if err := page.Execute(w, r); err != nil {
		return fmt.Errorf("report %s as HTML: %w", r.Run.ID, err)
	}
	return nil
}

func scripts() (all []template.JS) {
	for _, s := range pageScripts {
		all = append(all, template.JS(s))
	}
	return all
}

// policy forbids the page to load anything and to run any script but its own, whatever text the run has brought into it.
func policy() string {
	p := "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; script-src"
	for _, s := range pageScripts {
		sum := sha256.Sum256([]byte(s))
		p += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return p
}

// symbols tell the states of checks and of models on a question without colour.
var symbols = map[string]string{"ok": "✓", "warn": "!", "bad": "✕", "none": "–", "won": "▲", "tied": "≈", "lost": "▼", "n/a": "–"}

// stateWords tell the states of checks to those who hear the page.
var stateWords = map[string]string{"ok": "good", "warn": "caution", "bad": "failed", "none": "not known"}

// class is the CSS class of an entry.
func class(c table.Column, v table.Value) string {
	var names []string
	if c.Key {
		names = append(names, "key")
	} else if c.Unit != "" {
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

// shownOf names what a column shows of its cells: a quantity or a metric, "" if the column does not tell.
func shownOf(c table.Column) string {
	switch {
	case c.Key:
		return ""
	case result.Named(c.Field()) != nil:
		return c.Field()
	}
	return metricsByField[c.Field()]
}

// metricsByField are the metrics, or the quantity, that columns show without being a quantity themselves.
var metricsByField = func() map[string]string {
	all := map[string]string{
		"bits-per-byte-to-f32": result.BitsPerByte.Name, "kl-to-f32": probe.DocumentKL, "top1-as-f32": probe.DocumentTop1, "quality-bytes": probe.DocumentBytes,
		"causality-suffix": probe.SuffixDiff, "causality-prefix": probe.PrefixDiff, "causality-batch": probe.BatchDiff,
		"stream-tokens": probe.StreamSeconds, "stream-speed": probe.StreamSeconds, "stream-time-exponent": probe.StreamSeconds,
		"stream-state": probe.StreamStateBytes, "stream-state-exponent": probe.StreamStateBytes, "stream-process-peak": probe.StreamPeakBytes,
		"stream-chunk-difference": probe.StreamChunkDiff, "stream-loss": probe.StreamNLL, "stream-finite": probe.StreamFinite,
	}
	for _, p := range probe.All() {
		for _, t := range result.TailsOf(p.Name) {
			for _, percent := range result.Percentiles {
				all[t.Quantity(percent)] = t.Metric
			}
		}
	}
	return all
}()

// number is what an entry is sorted by, "" to sort it by its text.
func number(v table.Value) string {
	if v.Number == nil {
		return ""
	}
	return strconv.FormatFloat(*v.Number, 'g', 7, 64)
}

// parts splits a number before its interval, where a line may be broken.
func parts(v table.Value) []string {
	for _, interval := range []string{" [", " ±"} {
		if i := strings.Index(v.Text, interval); i > 0 {
			return []string{v.Text[:i], v.Text[i+1:]}
		}
	}
	return []string{v.Text}
}

func shortIDs(cells []string) string {
	short := make([]string, len(cells))
	for i, id := range cells {
		short[i] = table.Short(id)
	}
	return strings.Join(short, " ")
}

// matrixNotes are the footnotes of the matrix.
func matrixNotes(m Matrix) *table.Footnotes {
	var t table.Table
	for j := range m.Questions {
		for i := range m.Models {
			t.Add(table.Value{Notes: m.Cells[i][j].Notes})
		}
	}
	return table.NotesOf(t)
}

// mostTitles is the largest number of titles in a gist.
const mostTitles = 4

// gist says in one line what a folded section holds.
func gist(s Section) string {
	var parts []string
	for _, t := range s.Tables {
		if len(parts) == mostTitles {
			parts = append(parts, fmt.Sprintf("%d more", len(s.Tables)-mostTitles))
			break
		}
		parts = append(parts, t.Title)
	}
	if n := len(s.Figures); n > 0 {
		parts = append(parts, result.Describe(n, "figure"))
	}
	return strings.Join(parts, " · ")
}

// inline is a figure as an SVG element.
func inline(f chart.Figure) (template.HTML, error) {
	svg, err := f.PageSVG()
	return template.HTML(svg), err
}
