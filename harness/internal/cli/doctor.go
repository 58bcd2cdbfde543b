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
	"github.com/archbench/archbench/harness/internal/session"
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
	var calibrate bool
	var threads int
	c := &cobra.Command{
		Use: "doctor", Short: "Look at the host, the plugins and the database, and say what to do about what is missing",
		Example: "  archbench doctor\n  archbench doctor --calibrate --threads 2",
		Args:    count(0, 0, "no argument"),
	}
	c.Flags().BoolVar(&calibrate, "calibrate", false, "measure the ceilings of the host with a plugin that calibrates (some seconds)")
	c.Flags().IntVar(&threads, "threads", 0, "threads of the calibration (default: all that the process may use)")
	a.output(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := checkThreads(threads); err != nil {
			return err
		}
		d := &diagnosis{table: table.Words("doctor", "Doctor", []string{"what", "state", "found", "what to do"})}
		ctx := c.Context()
		d.host()
		d.installation()
		d.plugins(ctx, a.warn)
		d.models()
		d.text(ctx)
		d.database(ctx, a.db)
		if calibrate {
			d.calibrate(ctx, threads)
		}
		found := d.table
		if !table.ForPrograms(a.format) {
			found = d.forPeople()
		}
		if err := a.printFindings(ctx, found); err != nil {
			return err
		}
		if d.broken {
			return errFailed
		}
		return nil
	}
	return c
}

// diagnosis collects findings; each ends with what to do.
type diagnosis struct {
	table  table.Table
	broken bool // something that no run can do without

	calibrators []string // architectures whose plugins measure the host
}

// forPeople has what to do in footnotes, since few findings ask for anything.
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

// missing tells what a host fact that is not available means for results.
var missing = map[string]string{
	"frequency":      "absolute times hold for this machine only; comparisons are interleaved, so they hold",
	"governor":       "absolute times hold for this machine only; comparisons are interleaved, so they hold",
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
			todo = "nothing; reports say n/a"
		}
		d.warn(f.Name, table.Unavailable(f.Reason), todo)
	}
}

// installation says where models and plugins are looked for.
func (d *diagnosis) installation() {
	if info, err := os.Stat(home.Dir()); err == nil && info.IsDir() {
		d.ok("installation", home.Dir())
	} else {
		d.warn("installation", home.Dir()+" is no folder", "let "+home.Variable+" name a clone or an unpacked tarball, or unset it")
	}
	d.ok("suites", "built in: "+strings.Join(suite.Names(), ", "))
	d.ok("models are looked for in", strings.Join(modelFolders(), ", "))
	d.ok("plugins are looked for in", strings.Join(slices.Compact(slices.Concat([]string{"$" + lmplugin.PathVariable}, home.Plugins(), []string{home.Bin(), "PATH"})), ", "))
}

func (d *diagnosis) plugins(ctx context.Context, note func(string)) {
	found := 0
	for _, p := range lmplugin.List() {
		what := "plugin " + p.Name
		if p.Rejected != "" {
			d.warn(what, p.Path+": "+p.Rejected, "nothing, if it is not meant; else see the reason")
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
		d.fail("plugins", "none found", "make install, or set $"+home.Variable+" to an installation or $"+lmplugin.PathVariable+" to the folder that holds them")
	}
}

func (d *diagnosis) models() {
	for _, name := range installed() {
		if path, err := shippedModel(name); err == nil {
			d.ok("model "+name, path)
		} else if !slices.Contains(d.calibrators, name) {
			d.warn("model "+name, "no shipped checkpoint", "name your own with --model NAME="+name+":DIR, or --init SEED")
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

// database opens an existing database, or tries to make one in its folder.
func (d *diagnosis) database(ctx context.Context, path string) {
	_, err := os.Stat(path)
	if exists := err == nil; !exists {
		if err := writable(filepath.Dir(path)); err != nil {
			d.fail("database", err.Error(), "name one in a folder that you can write to: --db PATH")
			return
		}
		d.ok("database", path+" does not exist yet; its folder can be written")
		return
	}
	db, err := store.OpenToRead(ctx, path)
	if err != nil {
		d.fail("database", err.Error(), "name another one: --db PATH")
		return
	}
	defer db.Close()
	for _, w := range db.Warnings {
		d.warn("database", w, "keep it on a local disk: --db PATH")
	}
	runs, err := db.Runs(ctx)
	if err != nil {
		d.fail("database", err.Error(), "name another one: --db PATH")
		return
	}
	found := fmt.Sprintf("%s, %s", db.Path(), plural(len(runs), "run"))
	if !db.Writable() {
		d.warn("database", found+", can be read but not written", "nothing to read it; to run, name another one: --db PATH")
		return
	}
	d.ok("database", found)
}

// writable reports whether a file can be made in a folder, or in the nearest one above it that exists.
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

// calibrate has a plugin measure the ceilings, as a run has.
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
		d.ok("ceiling "+c.Name, fmt.Sprintf("%s (%s, %s)", unit.Format(c.Value, c.Unit), c.Kernels, plural(roof.Threads, "thread")))
	}
}
