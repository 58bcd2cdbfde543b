package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/run"
	"github.com/archbench/archbench/harness/internal/shell"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

func (a *app) planCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use: "plan SUITE...", Short: "Show what a run would measure, for how long, and how small a difference it could show",
		Long: `Plan takes the arguments of archbench run and loads the models, but measures and stores nothing. It exits with code 3
if the plan has too few blocks to decide a comparison.`,
		Example: "  archbench plan quickstart\n  archbench plan speed --plugins gpt2,mamba --set len=128,512 --set repeats=20",
		Args:    count(1, -1, "at least one SUITE (archbench suites list)"),
		RunE:    func(c *cobra.Command, args []string) error { return a.plan(c.Context(), args, f) },
	}
	f.add(c)
	a.output(c)
	return c
}

// plan carries out archbench plan.
func (a *app) plan(ctx context.Context, names []string, f runFlags) error {
	o, err := a.options(ctx, names, f)
	if err != nil {
		return err
	}
	plan, err := a.prepare(ctx, o, newProgress(a.screen, a.terminal))
	if err != nil {
		return err
	}
	first := plan.Run.Models[0]
	known, err := a.loadNoise(ctx, func(m *record.Model) bool { return m.Threads == first.Threads && m.Device == first.Device })
	if err != nil {
		return err
	}
	remedy := a.doctorNoise(f.models.threads)
	if f.models.device != "" {
		remedy = "archbench run speed --model a=NAME --model b=NAME --device " + shell.Quote(f.models.device) + " --set repeats=20, with one model under two names,"
	}
	if err := a.print(planned(plan, outlooks(plan, known), remedy)); err != nil {
		return err
	}
	if few := tooFewBlocks(plan); few != "" {
		return errors.New(few)
	}
	return nil
}

// planned is the table of a plan. remedy is the command that measures the noise of the host.
func planned(p *run.Plan, all []outlook, remedy string) table.Table {
	t := table.Table{ID: "plan", Title: "Plan", Columns: table.Keys("probe", "at"),
		Frame: &table.Frame{Keys: slices.Concat([]string{"suite", "probe"}, result.AxisKeys(), []string{"models", "not_measured", "blocks", "calls",
			"seconds", "comparisons", "smallest_p", "detectable", "noise_run", "reason"})}}
	for _, name := range []string{"models", "blocks", "time", "smallest p", "detectable"} {
		t.Columns = append(t.Columns, table.Column{Name: name})
	}
	notes := []string{timesByProbe(p)}
	for _, o := range all {
		t.Rows, t.Frame.Rows = append(t.Rows, o.row()), append(t.Frame.Rows, o.record())
		switch {
		case o.design.Family == 0:
		case o.noise.run == nil:
			notes = append(notes, "noise unknown: "+remedy+" measures it, and plans then say what they can detect")
		default:
			notes = append(notes, fmt.Sprintf("detectable: the difference that %.0f %% of such runs find, by the noise of run %s (%s)", 100*stat.Power, o.noise.run.ID, o.noise.age()))
		}
	}
	t.Notes = result.Distinct(notes, func(s string) string { return s })
	return t
}

// timesByProbe says how long a run takes.
func timesByProbe(p *run.Plan) string {
	cells := p.Run.All()
	var parts []string
	for _, name := range result.Distinct(cells, func(c *record.Cell) string { return c.Probe }) {
		parts = append(parts, fmt.Sprintf("%s %v", name, p.Time(result.OfProbe(cells, name)).Round(time.Second)))
	}
	how := "about"
	if p.Run.Until != "" {
		how = "at least"
	}
	return fmt.Sprintf("time: %s %v with the start of processes; %s", how, p.Estimate.Round(time.Second), strings.Join(parts, ", "))
}

// outlook is what a run will measure at one point of a probe, and what the comparisons there can show.
type outlook struct {
	first   *record.Cell  // with the point
	models  []string      // to be measured
	missing []string      // models that will not be, with reasons
	calls   int           // in a block
	time    time.Duration // of all models
	design  stat.Design   // of the comparisons; without any, Family is 0
	noise   noise         // zero: unknown
	effect  stat.Estimate // the smallest detectable ratio
}

func outlooks(p *run.Plan, known map[string]noise) (all []outlook) {
	ix := result.New(p.Run)
	for _, cells := range p.Groups() {
		o := outlook{first: cells[0], time: p.Time(cells)}
		var pending []*record.Cell
		absent := map[string][]string{}
		for _, c := range cells {
			if c.Status == record.Pending {
				pending, o.models = append(pending, c), append(o.models, c.Model)
			} else {
				absent[result.Why(c)] = append(absent[result.Why(c)], c.Model)
			}
		}
		for _, reason := range slices.Sorted(maps.Keys(absent)) {
			who := strings.Join(absent[reason], ", ")
			if len(absent[reason]) == len(cells) {
				who = "all models"
			}
			o.missing = append(o.missing, who+": "+reason)
		}
		if pending != nil {
			o.first, o.calls = pending[0], max(1, pending[0].Rounds)
			o.design = stat.Design{Blocks: p.Blocks(o.first), Least: o.first.Repeats, Anytime: p.Run.Until != ""}
		}
		if pending != nil && o.timed() {
			o.design.Family, o.noise = ix.Comparisons(pending), known[o.first.Probe]
		}
		if o.design.Family > 0 && o.noise.run != nil {
			o.effect = o.design.Detectable(o.noise.logs)
		}
		all = append(all, o)
	}
	return all
}

func (o *outlook) timed() bool { return probe.Find(o.first.Probe).Timing }

// reason says why there is no detectable difference, "" if there is one.
func (o *outlook) reason() string {
	switch {
	case o.models == nil:
		return "not measured"
	case !o.timed():
		return "no timing"
	case o.design.Family == 0:
		return "nothing to compare"
	case o.noise.run == nil:
		return "noise unknown"
	}
	return strings.Join(o.effect.Warnings, "; ")
}

// row is what people see.
func (o *outlook) row() []table.Value {
	models := table.Value{Text: fmt.Sprint(len(o.models)), Notes: o.missing}
	row := []table.Value{table.Text(o.first.Probe), table.Text(o.first.Point.String()), models, table.None, table.None, table.None, table.None}
	if o.models == nil {
		return row
	}
	blocks := fmt.Sprint(o.design.Blocks)
	if o.design.Least < o.design.Blocks {
		blocks = fmt.Sprintf("%d–%d", o.design.Least, o.design.Blocks)
	}
	row[4] = table.Text(o.time.Round(time.Second / 10).String())
	if o.timed() {
		row[3] = table.Text(blocks + " × " + result.Describe(o.calls, "call"))
	}
	if o.design.Family > 0 {
		row[5], row[6] = table.Text(smallP(o.design.SmallestP())), table.Text(unit.Percent(o.effect.Value-1))
		if reason := o.reason(); reason != "" {
			row[6] = table.Unavailable(reason)
		}
	}
	return row
}

// smallP writes a p-value as tables of results do.
func smallP(p float64) string {
	if p < 0.001 {
		return "<0.001"
	}
	return fmt.Sprintf("%.3f", p)
}

// record is the row for programs.
func (o *outlook) record() []any {
	about := slices.Concat([]any{o.first.Suite, o.first.Probe}, result.AxisValues(o.first.Point), []any{o.models, o.missing})
	rest := []any{nil, nil, o.time.Seconds(), o.design.Family, nil, nil, nil, table.Word(o.reason())}
	if o.models != nil {
		rest[0], rest[1] = o.design.Blocks, o.calls
	}
	if o.design.Family > 0 {
		rest[4] = o.design.SmallestP()
	}
	if o.design.Family > 0 && o.noise.run != nil {
		rest[5], rest[6] = o.effect.Value, o.noise.run.ID
	}
	return slices.Concat(about, rest)
}

// tooFewBlocks says which comparisons of a plan cannot be decided whatever is measured, and what to do; "" if there is none.
func tooFewBlocks(p *run.Plan) string {
	var probes []string
	var worst stat.Design
	for _, o := range outlooks(p, nil) {
		if o.design.Family == 0 || o.design.SmallestP() < stat.Alpha {
			continue
		}
		probes = append(probes, o.first.Probe)
		if o.design.Enough() >= worst.Enough() {
			worst = o.design
		}
	}
	if probes == nil {
		return ""
	}
	remedy := fmt.Sprintf("--set repeats=%d would do", worst.Enough())
	if worst.Anytime {
		remedy = "a longer --budget would do"
	}
	return fmt.Sprintf("no comparison of %s can be decided: with %s in a family of %d, p is at least %.2g; %s",
		strings.Join(slices.Compact(probes), ", "), result.Describe(worst.Blocks, "block"), worst.Family, worst.SmallestP(), remedy)
}
