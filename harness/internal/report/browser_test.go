package report

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/archbench/archbench/harness/internal/record"
)

// checks are functions that the tests call in the page.
//
//go:embed testdata/checks.js
var checks string

// reader opens pages in a browser without a window.
type reader struct {
	t      *testing.T
	ctx    context.Context
	mutex  sync.Mutex
	events []string // errors, and requests for anything but files
}

// newReader starts a browser, or skips the test if there is none.
func newReader(t *testing.T) *reader {
	path, err := exec.LookPath("chromium")
	if err != nil {
		message := "needs Chromium as chromium in PATH (Debian's package of that name)"
		if os.Getenv("CI") == "true" {
			t.Fatal(message)
		}
		t.Skip(message)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	limited, cancel := context.WithTimeout(allocator, 2*time.Minute) // only ends a browser that hangs
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(limited)
	t.Cleanup(cancel)
	r := &reader{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, r.listen); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *reader) listen(event any) {
	what := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		what = fmt.Sprintf("exception: %+v", e.ExceptionDetails.Exception)
	case *runtime.EventConsoleAPICalled:
		what = fmt.Sprintf("console: %s %v", e.Type, e.Args)
	case *log.EventEntryAdded:
		what = "log: " + e.Entry.Text
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, "file://") {
			what = "request: " + e.Request.URL
		}
	}
	if what != "" {
		r.mutex.Lock()
		r.events = append(r.events, what)
		r.mutex.Unlock()
	}
}

func (r *reader) do(steps ...chromedp.Action[chromedp.Void]) {
	r.t.Helper()
	if err := chromedp.Do(r.ctx, steps...); err != nil {
		r.t.Fatal(err)
	}
}

// ask evaluates an expression in the page, which may use the functions of checks.
func ask[T any](r *reader, expression string, arguments ...any) T {
	r.t.Helper()
	answer, err := chromedp.Run(r.ctx, chromedp.Evaluate[T]("(() => {"+checks+"; return "+fmt.Sprintf(expression, arguments...)+"})()"))
	if err != nil {
		r.t.Fatal(err)
	}
	return answer
}

// none fails the test if an expression lists anything.
func (r *reader) none(what, expression string, arguments ...any) {
	r.t.Helper()
	if found := ask[[]string](r, expression, arguments...); len(found) > 0 {
		r.t.Errorf("%s: %d, such as\n%s", what, len(found), strings.Join(found[:min(5, len(found))], "\n"))
	}
}

func (r *reader) resize(width int64) {
	r.t.Helper()
	r.do(chromedp.EmulateViewport(width, 900))
}

// prefer sets the colour scheme, and the medium: "" or "print".
func (r *reader) prefer(scheme, medium string) {
	r.t.Helper()
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
	if _, err := chromedp.Call(r.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: medium, Features: features}); err != nil {
		r.t.Fatal(err)
	}
}

// TestBrowser reads a report like a person: from a file, without a network.
func TestBrowser(t *testing.T) {
	r := newReader(t)
	run := syntheticRun()
	cell := eventful(run)
	index, err := Build(run).Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r.resize(1400)
	r.do(chromedp.Navigate("file://" + filepath.ToSlash(index)))
	for _, step := range []struct {
		name string
		try  func(*reader, *record.Cell)
	}{
		{"folded", folded}, {"samples", opensSamples}, {"keyboard", byKeyboard}, {"links", followsLinks}, {"filter", filters}, {"sort", sorts},
		{"contrast", contrasts}, {"widths", fits}, {"paper", prints},
	} {
		t.Run(step.name, func(t *testing.T) {
			inner := &reader{t: t, ctx: r.ctx}
			step.try(inner, cell)
		})
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, e := range r.events {
		t.Error(e)
	}
}

func folded(r *reader, _ *record.Cell) {
	if open := ask[int](r, `all("details[open]").length`); open != 0 {
		r.t.Errorf("%d parts are open", open)
	}
	r.none("links to nowhere", `deadLinks()`)
}

// opensSamples clicks a number and looks for as many points and rows as the cell has calls and samples.
func opensSamples(r *reader, c *record.Cell) {
	link := fmt.Sprintf(`#speed a[data-cells="%s"]`, c.ID[:10])
	r.do(chromedp.Click(chromedp.CSS(`#speed > summary`)), chromedp.Click(chromedp.CSS(link)), chromedp.WaitVisible(chromedp.CSS("#panel .uplot")))
	calls, values, disturbed := 0, 0, 0
	counts := c.Counts()
	for i := range c.Samples {
		s := &c.Samples[i]
		calls += len(s.Calls)
		if counts(s) {
			values++
		}
		if s.Disturbed != nil {
			disturbed++
		}
	}
	if got, want := ask[int](r, `Number(all("#panel .uplot")[0].dataset.points)`), calls+values+disturbed; got != want {
		r.t.Errorf("%d points, want %d calls, %d values of blocks and %d marks", got, calls, values, disturbed)
	}
	if got := ask[int](r, `all("#panel tbody tr").length - all("#panel .u-legend tr").length`); got != len(c.Samples) {
		r.t.Errorf("%d rows of samples, want %d", got, len(c.Samples))
	}
	if facts := ask[string](r, `one("#panel .facts").textContent`); !strings.Contains(facts, "11 samples · 10 blocks · 75 calls") || !strings.Contains(facts, "1 disturbed") {
		r.t.Errorf("the facts are %q", facts)
	}
	if title := ask[string](r, `one("#panel h2").textContent`); title != "Prefill speed · bk · len 512 (token/s)" && !strings.HasPrefix(title, "Prefill speed · bk · len 512") {
		r.t.Errorf("the title is %q", title)
	}
	if painted := ask[int](r, `painted(one("#panel canvas"))`); painted < 100 {
		r.t.Errorf("the plot has %d coloured pixels", painted)
	}
	r.do(chromedp.KeyEvent(kb.Escape), chromedp.WaitNotVisible(chromedp.CSS("#panel")))
	if !ask[bool](r, `document.activeElement === one('%s')`, link) {
		r.t.Error("the focus does not return to the number")
	}
}

// byKeyboard opens the samples of a comparison with the Enter key.
func byKeyboard(r *reader, _ *record.Cell) {
	r.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#verdicts").open = true`),
		chromedp.Focus(chromedp.CSS(`#verdicts td a[data-cells*=" "]`)), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(chromedp.CSS("#panel .uplot")))
	if plots := ask[int](r, `all("#panel .uplot").length`); plots != 3 {
		r.t.Errorf("a comparison shows %d plots, want the calls, their distribution and the ratios", plots)
	}
	r.do(chromedp.KeyEvent(kb.Escape), chromedp.WaitNotVisible(chromedp.CSS("#panel")))
}

// followsLinks opens the part that a link leads into.
func followsLinks(r *reader, c *record.Cell) {
	r.do(chromedp.Click(chromedp.CSS(`.bar a[href="#environment"]`)), chromedp.WaitVisible(chromedp.CSS("#environment table")))
	r.do(chromedp.Evaluate[chromedp.Void](`location.hash = "#cell-`+c.ID[:10]+`"`), chromedp.WaitVisible(chromedp.CSS("#cells table")))
}

// filters leaves out a model and a precision.
func filters(r *reader, _ *record.Cell) {
	r.do(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details.part").forEach(d => d.open = true)`), chromedp.Click(chromedp.CSS(".filter > summary")))
	before := ask[int](r, `rowsOf("bk").length`)
	r.do(chromedp.Click(chromedp.CSS(`.filter input[value="bk"]`)), chromedp.Click(chromedp.CSS(`.filter input[value="int4"]`)))
	if before == 0 {
		r.t.Error("no row is of bk")
	}
	r.none("rows of what was left out", `[...rowsOf("bk"), ...rowsOf("bk@int8"), ...rowsOf("gpt2@int4")].filter(row => row.checkVisibility()).map(row => row.textContent)`)
	if ask[int](r, `seriesShown().length`) == 0 {
		r.t.Error("the filter hides the series of other models")
	}
	r.none("series of what was left out", `seriesShown().filter(name => name === "bk" || name.startsWith("bk:"))`)
	if ask[int](r, `rowsOf("gpt2").filter(row => row.checkVisibility()).length`) == 0 {
		r.t.Error("the filter hides rows of other models")
	}
	r.do(chromedp.Click(chromedp.CSS(".filter div > button")), chromedp.Click(chromedp.CSS(".filter > summary")))
	if after := ask[int](r, `rowsOf("bk").filter(row => row.checkVisibility()).length`); after != before {
		r.t.Errorf("%d rows of bk after the filter, %d before", after, before)
	}
}

// sorts clicks a heading twice.
func sorts(r *reader, _ *record.Cell) {
	const heading = `#speed th[data-of="prefill"] button`
	for _, want := range []string{"up", "down"} {
		r.do(chromedp.Click(chromedp.CSS(heading)))
		if got := ask[string](r, `direction(numbersBelow(one('%s')))`, heading); got != want {
			r.t.Errorf("sorted %s, want %s", got, want)
		}
	}
}

func contrasts(r *reader, _ *record.Cell) {
	for _, scheme := range []string{"light", "dark"} {
		r.prefer(scheme, "")
		r.none("faint words in "+scheme, `faintWords()`)
	}
	r.prefer("light", "")
}

// fits looks for what does not fit into a desktop, a tablet and a phone.
func fits(r *reader, _ *record.Cell) {
	for _, width := range []int64{1400, 720, 390} {
		r.resize(width)
		if wide := ask[int64](r, `document.documentElement.scrollWidth`); wide > width {
			r.t.Errorf("the page is %d pixels wide on a screen of %d", wide, width)
		}
		r.none(fmt.Sprintf("verdicts beyond a screen of %d pixels", width), `outside(all(".matrix .verdict, td[data-column=verdict]"), %d)`, width)
	}
}

// prints looks for what does not fit onto paper, and prints.
func prints(r *reader, _ *record.Cell) {
	r.prefer("dark", "print")
	const inside = 703 // pixels between the margins of A4
	r.resize(inside)
	r.none("tables wider than the paper", `outside(all("main table"), %d)`, inside)
	if dark := ask[string](r, `getComputedStyle(document.body).backgroundColor`); dark != "rgb(255, 255, 255)" {
		r.t.Errorf("the paper is %s", dark)
	}
	r.prefer("light", "")
	pdf, err := chromedp.Run(r.ctx, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4), chromedp.PDFPreferCSSPageSize(), chromedp.PDFPrintBackground()))
	if err != nil {
		r.t.Fatal(err)
	}
	if len(pdf) < 50_000 || !bytes.HasPrefix(pdf, []byte("%PDF-")) {
		r.t.Errorf("the printed report has %d bytes", len(pdf))
	}
	if dir := os.Getenv("ARCHBENCH_PICTURES"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "report.pdf"), pdf, 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
}
