package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/run"
	"github.com/archbench/archbench/internal/printable"
)

// progress is one line on a terminal. It is drawn only between measurements, at most twice a second and not in the first
// two seconds, so that drawing does not compete with measurements for cores.
type progress struct {
	out         io.Writer
	enabled     bool
	started     time.Time
	drawn       time.Time
	shown       bool
	comparisons *result.Progress // of the run since its first event
	now         func() time.Time
	width       func() int // of the terminal
}

const (
	progressDelay  = 2 * time.Second
	progressPeriod = 500 * time.Millisecond
)

func newProgress(out io.Writer, terminal bool) *progress {
	return &progress{out: out, enabled: terminal, started: time.Now(), now: time.Now, width: func() int { return terminalWidth(out) }}
}

// say shows as many of the words as fit into one line.
func (p *progress) say(words ...string) {
	if p.enabled {
		fmt.Fprint(p.out, "\r\x1b[K"+fitted(words, p.width()))
		p.shown = true
	}
}

// fitted joins words that fit into a terminal's line, of which the last column stays free: some terminals wrap there. No
// word is cut but a first one that is too long. width 0 has no limit.
func fitted(words []string, width int) (line string) {
	for _, w := range words {
		longer := printable.Line(w)
		if line != "" {
			longer = line + "  " + longer
		}
		if width > 0 && lipgloss.Width(longer) >= width {
			if line == "" {
				return lipgloss.NewStyle().MaxWidth(width - 1).Render(longer)
			}
			return line
		}
		line = longer
	}
	return line
}

// event shows the state of a run.
func (p *progress) event(e run.Event) {
	if !p.enabled {
		return
	}
	if e.Run != nil {
		if p.comparisons == nil {
			p.comparisons = result.NewProgress(e.Run)
		}
		p.comparisons.Update(e.Cell)
	}
	now := p.now()
	if now.Sub(p.started) < progressDelay || now.Sub(p.drawn) < progressPeriod {
		return
	}
	p.drawn = now
	p.say(eventWords(e, p.comparisons)...)
}

// eventWords are "37 %", "block 5/12", "decided 3/8", "5m02s left", "prefill len=2048", "gpt2 12.3 ms", "mamba 9.87 ms". What
// changes its length comes last, and is left out first.
func eventWords(e run.Event, s *result.Progress) []string {
	share := 0
	if e.Total > 0 {
		share = 100 * e.Done / e.Total
	}
	words := []string{fmt.Sprintf("%3d %%", share)}
	switch {
	case e.Blocks > 0:
		words = append(words, fmt.Sprintf("block %d/%d", e.Block, e.Blocks))
	case e.Block > 0:
		words = append(words, fmt.Sprintf("block %d", e.Block))
	}
	if s != nil {
		if decided, all := s.Decided(); all > 0 {
			words = append(words, fmt.Sprintf("decided %d/%d", decided, all))
		}
	}
	if e.Left > 0 {
		words = append(words, e.Left.Round(time.Second).String()+" left")
	}
	if e.Cell == nil {
		return words
	}
	if s != nil {
		if medians := s.Medians(e.Cell); medians != nil {
			return append(append(words, strings.TrimSpace(e.Cell.Probe+" "+s.At(e.Cell))), medians...)
		}
	}
	return append(words, strings.TrimSpace(e.Cell.Probe+" "+e.Cell.Point.String())+" "+e.Cell.Model)
}

// clear removes the line.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = false
	}
}
