package result

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/shell"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/unit"
)

// again measures points of a run once more: with which settings, and in how many blocks.
type again struct {
	ix     *Index
	blocks map[string]int // by place
	flags  []string
}

// place is a probe at a point, which all models of a run share.
func place(c *record.Cell) string { return c.Probe + " " + c.Point.String() }

// cells are those that are measured.
func (a again) cells() []*record.Cell {
	return keep(a.ix.Run.All(), func(c *record.Cell) bool { return a.blocks[place(c)] > 0 })
}

// String is the command with its time in minutes as a comment of the shell.
func (a again) String() string {
	took := a.duration()
	if took == 0 {
		return a.command()
	}
	return a.command() + "  # about " + inWords(took)
}

// command is the run's own command line with only the probes and points that are needed.
func (a again) command() string {
	cells := a.cells()
	probes := Distinct(cells, func(c *record.Cell) string { return c.Probe })
	words := a.ix.command(probes)
	words = append(words, "--probe", strings.Join(probes, ","))
	for _, name := range probes {
		chosen := OfProbe(cells, name)
		for _, axis := range Axes(chosen) {
			words = append(words, "--set", name+"."+axis+"="+strings.Join(Axis(chosen, axis), ","))
		}
	}
	words = append(words, a.flags...)
	if a.ix.db != "" {
		words = append(words, "--db", a.ix.db)
	}
	return shell.Join(words...)
}

// command is the run's command line without what a command for some of its probes sets anew.
func (ix *Index) command(probes []string) (kept []string) {
	words, ok := shell.Split(ix.Run.Command)
	if !ok || len(words) < 3 || words[1] != "run" {
		return append([]string{"archbench", "run"}, ix.Suites()...)
	}
	for i := 0; i < len(words); i++ {
		flag, value, joined := strings.Cut(words[i], "=")
		if !strings.HasPrefix(flag, "-") || !slices.Contains([]string{"--probe", "--set", "--until", "--budget", "--reports", "--output", "-o", "--db"}, flag) {
			kept = append(kept, words[i])
			continue
		}
		if !joined && i+1 < len(words) {
			i++
			value = words[i]
		}
		if flag == "--set" && isSetting(value, probes) {
			kept = append(kept, "--set", value)
		}
	}
	return kept
}

// isSetting reports whether KEY=VALUES sets something of the probes other than their points and repeats.
func isSetting(set string, probes []string) bool {
	key, _, _ := strings.Cut(set, "=")
	of, name, qualified := strings.Cut(key, ".")
	if !qualified {
		of, name = "", key
	}
	return slices.ContainsFunc(probes, func(p string) bool {
		has := slices.ContainsFunc(probe.Find(p).Params, func(s probe.Setting) bool { return s.Name == name })
		return (of == "" || of == p) && (has || name == "precision" || name == "span")
	})
}

// duration estimates how long the blocks take, from how long those of the run took.
func (a again) duration() time.Duration {
	seconds := 0.0
	for _, c := range a.cells() {
		seconds += float64(a.blocks[place(c)]) * blockSeconds(c)
	}
	return time.Duration(seconds * a.ix.overhead() * float64(time.Second))
}

// blockSeconds is how long the calls of a cell took in one block, with the one that warms up.
func blockSeconds(c *record.Cell) float64 {
	byBlock := map[int]float64{}
	for _, s := range c.Samples {
		byBlock[s.Block] = math.Max(byBlock[s.Block], s.Host.Seconds())
	}
	if median := stat.MedianOf(values(byBlock)); median > 0 && probe.Find(c.Probe).Timing {
		return median * float64(max(1, c.Rounds)+1)
	}
	return c.Estimate.Seconds()
}

// mostOverhead bounds what a run may seem to spend beside its calls, which a long pause or a slow start would spoil.
const mostOverhead = 3

// overhead is how many times longer the run took than its calls: processes start, texts are read.
func (ix *Index) overhead() float64 {
	calls := 0.0
	for _, c := range ix.Run.All() {
		calls += float64(max(1, c.Repeats)) * blockSeconds(c)
	}
	took := ix.Run.Ended.Sub(ix.Run.Started).Seconds()
	if calls == 0 {
		return 1
	}
	return min(max(took/calls, 1), mostOverhead)
}

// inWords says a duration the way people promise it.
func inWords(d time.Duration) string {
	if minutes := int(math.Ceil(d.Minutes())); minutes < 120 {
		return Describe(minutes, "minute")
	}
	return Describe(int(math.Ceil(d.Hours())), "hour")
}

// repeated returns the commands that measure the pairs' points in a number of blocks, one for each run of the pairs.
func repeated(pairs []*pair, blocks int, flags ...string) string {
	var commands []string
	for _, ix := range runsOf(pairs) {
		a := again{ix: ix, blocks: map[string]int{}, flags: flags}
		for _, p := range pairs {
			for _, s := range []side{p.base, p.other} {
				if s.ix == ix && s.cell != nil {
					a.blocks[place(s.cell)] = blocks
				}
			}
		}
		commands = append(commands, a.String())
	}
	return strings.Join(Distinct(commands, func(s string) string { return s }), "; and ")
}

// runsOf are the runs that pairs come from.
func runsOf(pairs []*pair) []*Index {
	var all []*Index
	for _, p := range pairs {
		all = append(all, p.base.ix, p.other.ix)
	}
	return Distinct(all, func(ix *Index) *Index { return ix })
}

// imported reports whether archbench cannot measure the pair again.
func (p *pair) imported() bool { return p.base.ix.Run.Imported() || p.other.ix.Run.Imported() }

// certainty is how much narrower than the distance to the bound an interval must be to lie on one side of it four times in
// five, not every other time.
const certainty = 1.43

// mostTimes is how many times as many samples are worth measuring.
const mostTimes = 100

// settle says what would decide gates of one quantity that are undecided.
func settle(open []Decision) string {
	var pairs []*pair
	times, blocks := 0.0, 0
	for _, d := range open {
		if more := d.lacks(); more <= mostTimes {
			pairs, times, blocks = append(pairs, d.pair), max(times, math.Ceil(more)), max(blocks, int(math.Ceil(more*float64(d.pair.result.N))))
		}
	}
	p := open[0].pair
	why := ""
	if near := len(open) - len(pairs); near > 0 {
		why = Describe(near, "change") + " too close to the bound to be told from it"
	}
	switch {
	case pairs == nil:
		return why
	case p.imported():
		return strings.TrimPrefix(why+"; to settle it, import a file with more samples", "; ")
	case p.q.Documents: // longer documents are no more documents
		why += fmt.Sprintf("; to settle it with a DIR of %d documents: ", int(times)*p.result.N)
		bytes := strconv.Itoa(int(times * Number(p.other.cell.Params, textBytes)))
		return strings.TrimPrefix(why, "; ") + repeated(pairs, int(times), "--set", p.q.Probe+"."+textBytes+"="+bytes, "--corpus", "DIR")
	case !probe.Find(p.q.Probe).Timing:
		return "it is measured once, so it has no interval"
	}
	return strings.TrimPrefix(why+"; to settle it: ", "; ") + repeated(pairs, blocks, "--set", "repeats="+strconv.Itoa(blocks))
}

// textBytes is the setting of a probe by documents for the text of all of them.
const textBytes = "text_bytes"

// lacks is how many times as many samples probably decide the gate.
func (d Decision) lacks() float64 {
	if !d.worse.Bounded() {
		return float64(max(10, 2*d.pair.result.N)) / float64(d.pair.result.N)
	}
	reach, distance := d.worse.Hi-d.worse.Value, d.gate.limit-d.worse.Value
	if distance < 0 {
		reach, distance = d.worse.Value-d.worse.Lo, -distance
	}
	narrower := certainty * reach / distance
	return math.Max(1.5, narrower*narrower)
}

// openWidth is the half-width from which on an undecided comparison of times is open: below, the two are as good as equal.
const openWidth = 0.02

// anytimeCost is how many times as many blocks the test of run --until needs for an interval as narrow.
const anytimeCost = 2.6

// openNote says what would settle the undecided comparisons of times, if there are any.
func (l *layout) openNote(pairs []*pair) []string {
	open := slices.DeleteFunc(slices.Clone(pairs), func(p *pair) bool { return !p.open() })
	if len(open) == 0 {
		return nil
	}
	test, most, left := 1.0, 0, 0.0
	if l.endsByRule() && open[0].base.ix.Run.Until == "" {
		test = anytimeCost
	}
	for _, p := range open {
		blocks, reach := p.narrowed(test)
		most, left = max(most, blocks), max(left, reach)
	}
	said := Describe(len(open), "comparison") + " undecided; to settle"
	if left > openWidth {
		said += fmt.Sprintf(" as far as %d blocks can, to ±%s at worst", MostBlocks, unit.Percent(left))
	}
	if l.endsByRule() {
		return []string{said + ": " + untilNarrow(open, test)}
	}
	return []string{said + ": " + repeated(open, most, "--set", "repeats="+strconv.Itoa(most))}
}

// untilNarrow is the command that ends each comparison of a run that is decided or as narrow as openWidth.
func untilNarrow(open []*pair, test float64) string {
	ix := open[0].base.ix
	a := again{ix: ix, blocks: map[string]int{}, flags: []string{"--until", "±" + unit.Number(100*openWidth) + "%"}}
	for _, p := range open {
		blocks, _ := p.narrowed(test)
		at := place(p.base.cell)
		a.blocks[at] = max(a.blocks[at], blocks)
	}
	if took := a.duration(); took > UntilBudget {
		a.flags = append(a.flags, "--budget", strconv.Itoa(int(math.Ceil(took.Minutes())))+"m")
	}
	return a.String()
}

// endsByRule reports whether run --until looks at these comparisons: those of models or of precisions in one run.
func (l *layout) endsByRule() bool {
	names := l.columns.names()
	return len(l.runs) == 1 && (slices.Equal(names, []string{"model"}) || slices.Equal(names, []string{"precision"}))
}

// open reports whether more blocks could tell something.
func (p *pair) open() bool {
	return p.reason == "" && !p.imported() && p.q.timed() && probe.Find(p.q.Probe).Timing && p.result.Verdict() == stat.Undecided && p.shows() > openWidth
}

// shows is the smallest difference that the comparison could have shown, as a share: how far its interval reaches.
func (p *pair) shows() float64 {
	if !p.result.Bounded() {
		return math.Inf(1)
	}
	return math.Max(p.result.Hi/p.result.Value, p.result.Value/p.result.Lo) - 1
}

// narrowed is the number of blocks with which the interval is as narrow as openWidth, or how wide it stays with the most: its
// width falls with the square root of their number. test is how many times as many blocks another test needs.
func (p *pair) narrowed(test float64) (blocks int, width float64) {
	if !p.result.Bounded() {
		return max(10, 2*p.result.N), 0
	}
	needed := test * float64(p.result.N) * math.Pow(p.shows()/openWidth, 2)
	if needed <= MostBlocks {
		return int(math.Ceil(needed)), openWidth
	}
	return MostBlocks, openWidth * math.Sqrt(needed/MostBlocks)
}
