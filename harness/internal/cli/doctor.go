package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/host"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/suite"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/text"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/internal/home"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

func (a *app) doctorCommand() *cobra.Command {
	var calibrate, measure bool
	var threads int
	var corpus string
	c := &cobra.Command{
		Use: "doctor", Short: "Check the host, plugins and database, and show how to fix problems",
		Example: "  archbench doctor\n  archbench doctor --noise\n  archbench doctor --calibrate --threads 2",
		Args:    count(0, 0, "no argument"),
	}
	c.Flags().BoolVar(&calibrate, "calibrate", false, "measure the ceilings of the host with a calibrating plugin (some seconds)")
	c.Flags().BoolVar(&measure, "noise", false, "measure the noise of the host in a run that compares a model with itself (about a minute); archbench plan then says what other runs can detect")
	c.Flags().IntVar(&threads, "threads", 0, "threads of these measurements (default: all available to the process)")
	a.output(c)
	c.Flags().StringVar(&corpus, "corpus", "", "text `FILE|DIR` that the model of --noise reads (default: the Go source tree)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := checkThreads(threads); err != nil {
			return err
		}
		d := &diagnosis{table: table.Words("doctor", "Doctor", []string{"what", "state", "found", "what to do"})}
		ctx := c.Context()
		if measure {
			if err := a.measureNoise(ctx, threads, corpus); err != nil {
				return err
			}
		}
		d.host()
		d.installation()
		d.plugins(ctx, a.warn)
		d.models()
		d.text(ctx)
		d.database(ctx, a.db)
		d.noise(ctx, a, threads)
		if calibrate {
			d.calibrate(ctx, threads)
		}
		found := d.table
		if !table.ForPrograms(a.format) {
			found = d.forPeople()
		}
		return a.printFindings(ctx, found, !d.broken)
	}
	return c
}

// diagnosis collects findings, each with what to do about it.
type diagnosis struct {
	table  table.Table
	broken bool // lacks something that every run needs

	calibrators []string // architectures whose plugins measure the host
}

// forPeople moves what to do into footnotes, because few findings need it.
func (d *diagnosis) forPeople() table.Table {
	t := table.Words("doctor", "Doctor", []string{"what", "state", "found"})
	t.Columns[1].Key = true
	for _, row := range d.table.Rows {
		state := row[1]
		if todo := row[3].Text; todo != "nothing" {
			state.Notes = []string{todo}
		}
		t.Rows = append(t.Rows, []table.Value{row[0], state, row[2]})
	}
	return t
}

func (d *diagnosis) ok(what, found string) { d.table.Add(what, "ok", found, "nothing") }

func (d *diagnosis) warn(what string, found any, todo string) {
	d.table.Add(what, "warning", found, todo)
}

func (d *diagnosis) fail(what, found, todo string) {
	d.table.Add(what, "FAIL", found, todo)
	d.broken = true
}

// missing explains what a missing host fact means for results.
var missing = map[string]string{
	"frequency":      "absolute times are valid for this machine only; comparisons are interleaved and stay valid",
	"governor":       "absolute times are valid for this machine only; comparisons are interleaved and stay valid",
	"virtualisation": "prefer bare metal for absolute times",
}

func (d *diagnosis) host() {
	for _, f := range host.Describe().Facts {
		if f.Reason == "" {
			d.ok(f.Name, f.Value)
			continue
		}
		todo, ok := missing[f.Name]
		if !ok {
			todo = "nothing can be done: reports show it as n/a"
		}
		d.warn(f.Name, table.Unavailable(f.Reason), todo)
	}
}

// installation shows where models and plugins are searched.
func (d *diagnosis) installation() {
	if info, err := os.Stat(home.Dir()); err == nil && info.IsDir() {
		d.ok("installation", home.Dir())
	} else {
		d.warn("installation", home.Dir()+" is not a folder", "set "+home.Variable+" to a clone or an unpacked tarball, or unset it")
	}
	d.ok("suites", "built in: "+strings.Join(suite.Names(), ", "))
	d.ok("search path of models", strings.Join(modelFolders(), ", "))
	d.ok("search path of plugins", strings.Join(slices.Compact(slices.Concat([]string{"$" + lmplugin.PathVariable}, home.Plugins(), []string{home.Bin(), "PATH"})), ", "))
}

func (d *diagnosis) plugins(ctx context.Context, note func(string)) {
	found := 0
	for _, p := range lmplugin.List() {
		what := "plugin " + p.Name
		if p.Rejected != "" {
			d.warn(what, p.Path+": "+p.Rejected, "nothing, unless you want to use it; then see the reason")
			continue
		}
		description, sha, err := ask(ctx, p, note)
		if err != nil {
			d.warn(what, err.Error(), "run "+p.Path+" by hand, or rebuild it: make build")
			continue
		}
		found++
		if description.Has(lm.AbilityCalibrate) {
			d.calibrators = append(d.calibrators, p.Name)
		}
		d.ok(what, fmt.Sprintf("%s, %s, sha256 %s, kernels %s", p.Path, description.Language, table.Short(sha), description.Kernels))
	}
	if found == 0 {
		d.fail("plugins", "none found", "make install, or set $"+home.Variable+" to an installation or $"+lmplugin.PathVariable+" to the plugins' folder")
	}
}

func (d *diagnosis) models() {
	for _, name := range installed() {
		if path, err := shippedModel(name); err == nil {
			d.ok("model "+name, path)
		} else if !slices.Contains(d.calibrators, name) {
			d.warn("model "+name, "no shipped checkpoint", "name one with --model NAME="+name+":DIR, or use --init SEED")
		}
	}
}

func (d *diagnosis) text(ctx context.Context) {
	root, err := text.GoRoot(ctx)
	if err != nil {
		d.warn("text", err.Error(), "install Go, set GOROOT, or name a text with --corpus FILE|DIR")
		return
	}
	d.ok("text", root)
}

// database opens an existing database, or checks that one can be created in its folder.
func (d *diagnosis) database(ctx context.Context, path string) {
	if name := store.NetworkFileSystem(filepath.Dir(path)); name != "" {
		d.warn("database", absolute(filepath.Dir(path))+" is on "+name, "keep it on a local disk: --db FILE")
	}
	if _, err := os.Stat(path); err != nil {
		if err := writable(filepath.Dir(path)); err != nil {
			d.fail("database", err.Error(), "name one in a writable folder: --db FILE")
			return
		}
		d.ok("database", path+" does not exist yet; its folder is writable")
		return
	}
	db, err := store.OpenToRead(ctx, path)
	if err != nil {
		d.fail("database", err.Error(), "name another one: --db FILE")
		return
	}
	defer db.Close()
	runs, err := db.Runs(ctx)
	if err != nil {
		d.fail("database", err.Error(), "name another one: --db FILE")
		return
	}
	found := fmt.Sprintf("%s, %s", db.Path(), result.Describe(len(runs), "run"))
	if !db.Writable() {
		d.warn("database", found+", read-only", "it can be read; for a run, name another one: --db FILE")
		return
	}
	d.ok("database", found)
}

// noise shows how small a difference runs of ten blocks detect, as far as the database knows the noise of this host.
func (d *diagnosis) noise(ctx context.Context, a *app, threads int) {
	known, err := a.loadNoise(ctx, func(m *record.Model) bool { return threads == 0 || m.Threads == threads })
	if err != nil {
		return // the database has a line of its own
	}
	for _, name := range timingProbes() {
		n, ok := known[name]
		if !ok {
			d.warn("noise of "+name, table.Unavailable("not measured on this host"), a.doctorNoise(threads))
			continue
		}
		found := fmt.Sprintf("detectable in %d blocks:", suite.DefaultRepeats)
		for _, models := range []int{2, 4} {
			effect := stat.Design{Blocks: suite.DefaultRepeats, Family: models - 1}.Detectable(n.logs)
			found += fmt.Sprintf(" %s between %d models,", unit.Percent(effect.Value-1), models)
		}
		d.ok("noise of "+name, fmt.Sprintf("%s from %s of run %s (%s, %s)", found, result.Describe(len(n.logs), "block"), n.run.ID,
			result.Describe(n.run.Models[0].Threads, "thread"), n.age()))
	}
}

// writable checks that a file can be created in a folder, or in its nearest existing parent.
func writable(dir string) error {
	for {
		_, err := os.Stat(dir)
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrNotExist) || dir == filepath.Dir(dir) {
			return err
		}
		dir = filepath.Dir(dir)
	}
	f, err := os.CreateTemp(dir, ".archbench-doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// calibrate measures the ceilings with a plugin, as a run does.
func (d *diagnosis) calibrate(ctx context.Context, threads int) {
	if len(d.calibrators) == 0 {
		d.warn("ceilings", "no plugin has the ability "+string(lm.AbilityCalibrate), "make build")
		return
	}
	var roof lm.Roofline
	s, err := session.Open(ctx, session.Installed{}, d.calibrators[0], session.Limits{Threads: threads})
	defer s.Kill()
	if err == nil {
		roof, err = s.Calibrate(ctx)
	}
	if err != nil {
		d.warn("ceilings", err.Error(), "archbench plugins test "+d.calibrators[0])
		return
	}
	for _, c := range roof.Ceilings {
		d.ok("ceiling "+c.Name, fmt.Sprintf("%s (%s, %s)", unit.Format(c.Value, c.Unit), c.Kernels, result.Describe(roof.Threads, "thread")))
	}
}
