package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/archbench/archbench/harness/internal/run"
	"github.com/archbench/archbench/internal/printable"
)

// progress is one line on a terminal. It is drawn only between measurements, at most twice a second and not in the first
// two seconds, so that drawing does not compete with measurements for cores.
type progress struct {
	out     io.Writer
	enabled bool
	started time.Time
	drawn   time.Time
	shown   bool
	now     func() time.Time
}

const (
	progressDelay  = 2 * time.Second
	progressPeriod = 500 * time.Millisecond
)

func newProgress(out io.Writer, terminal bool) *progress {
	return &progress{out: out, enabled: terminal, started: time.Now(), now: time.Now}
}

// say shows a text at once.
func (p *progress) say(words string) {
	if p.enabled {
		fmt.Fprintf(p.out, "\r\x1b[K%s", printable.Line(words))
		p.shown = true
	}
}

// event shows the state of a run.
func (p *progress) event(e run.Event) {
	now := p.now()
	if !p.enabled || now.Sub(p.started) < progressDelay || now.Sub(p.drawn) < progressPeriod {
		return
	}
	p.drawn = now
	p.say(eventLine(e))
}

// eventLine is "37 %  block 5/12  prefill len=2048 gpt2  5m02s left".
func eventLine(e run.Event) string {
	share := 0
	if e.Total > 0 {
		share = 100 * e.Done / e.Total
	}
	line := fmt.Sprintf("%3d %%", share)
	if e.Block > 0 {
		line += fmt.Sprintf("  block %d", e.Block)
	}
	if e.Blocks > 0 {
		line += fmt.Sprintf("/%d", e.Blocks)
	}
	if e.Cell != nil {
		line += fmt.Sprintf("  %s %s %s", e.Cell.Probe, e.Cell.Point, e.Cell.Model)
	}
	if e.Left > 0 {
		line += fmt.Sprintf("  %s left", e.Left.Round(time.Second))
	}
	return line
}

// clear removes the line.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = false
	}
}
