package cli

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/host"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
	"github.com/archbench/archbench/lm/lmtest"
)

func (a *app) pluginsListCommand() *cobra.Command {
	var verbose bool
	var f modelFlags
	c := &cobra.Command{
		Use: "list", Short: "List the plugins found, and why some are not used",
		Long: "List looks for executables archbench-plugin-NAME in $" + lmplugin.PathVariable + ", in the installation (archbench doctor\n" +
			"shows its folders) and on PATH; --plugin adds one. Plugins that other users may write to are not used. List starts\n" +
			"each plugin for its description, and announces the first start of a plugin.",
		Example: "  archbench plugins list\n  archbench plugins list -v -o json",
		Args:    count(0, 0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			t := table.Words("plugins", "Plugins", []string{"name", "version", "language", "model types", "abilities", "precisions", "devices", "variants", "sha256", "path"})
			if !verbose {
				t = table.Words("plugins", "Plugins", []string{"name", "language", "summary", "sha256", "status"})
			}
			t.Frame = &table.Frame{Keys: pluginKeys}
			for _, p := range f.candidates() {
				a.addPlugin(c.Context(), &t, p, verbose)
			}
			return a.printFindings(c.Context(), t, true)
		},
	}
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "also show model types, abilities, precisions, devices and variants")
	f.addPaths(c)
	a.output(c)
	return c
}

// pluginKeys are the keys of a row for programs.
var pluginKeys = []string{"name", "status", "version", "language", "summary", "model_types", "abilities", "precisions", "devices", "variants", "sha256", "path", "reason"}

// addPlugin adds a row with the description of a plugin, or the reason why there is none.
func (a *app) addPlugin(ctx context.Context, t *table.Table, p lmplugin.Candidate, verbose bool) {
	d, sha, err := ask(ctx, p, a.warn)
	if err != nil {
		addUnanswered(t, p, sha, err.Error(), verbose)
		return
	}
	t.Frame.Rows = append(t.Frame.Rows, []any{p.Name, "ok", d.Version, d.Language, d.Summary, d.Types(), abilities(d), d.Precisions, devices(d), variants(d), sha, p.Path, nil})
	if verbose {
		var choice any = devices(d)
		if d.Devices == nil {
			choice = table.None
		}
		t.Add(p.Name, d.Version, d.Language, d.Types(), abilities(d), d.Precisions, choice, variants(d), sha, p.Path)
	} else {
		t.Add(p.Name, d.Language, d.Summary, table.Hash(sha, "not read"), "ok")
	}
}

// addUnanswered adds the row of a plugin without a description.
func addUnanswered(t *table.Table, p lmplugin.Candidate, sha, reason string, verbose bool) {
	status := "does not answer"
	if p.Rejected != "" {
		status = "not used"
	}
	t.Frame.Rows = append(t.Frame.Rows, []any{p.Name, status, nil, nil, nil, nil, nil, nil, nil, nil, table.Word(sha), p.Path, reason})
	hash := table.Hash(sha, "not read")
	if verbose {
		na := table.Unavailable(reason)
		t.Add(p.Name, na, na, na, na, na, na, na, hash, p.Path)
	} else {
		na := table.Unavailable(status)
		t.Add(p.Name, na, na, hash, reason)
	}
}

func abilities(d lm.Description) []string {
	return result.Distinct(d.Abilities, func(a lm.Ability) string { return string(a) })
}

func devices(d lm.Description) []string {
	words := make([]string, len(d.Devices))
	for i, device := range d.Devices {
		words[i] = device.Name
	}
	return words
}

func variants(d lm.Description) []string {
	return result.Distinct(d.Variants, func(v lm.Variant) string { return v.Name })
}

func (a *app) pluginsTestCommand() *cobra.Command {
	var f modelFlags
	var fixture string
	var timeout time.Duration
	c := &cobra.Command{
		Use: "test NAME", Short: "Check a plugin against the contract or reference outputs",
		Long: `Test runs the conformance kit on a plugin and prints each check with its figure. With --fixture it compares the plugin
with reference outputs in a folder instead (config.json, model.safetensors, reference.safetensors): the largest
difference of logits, loss, greedy tokens and, if the plugin can train, gradients. The exit code is 0 only if all
checks pass.`,
		Example: `  archbench plugins test gpt2
  archbench plugins test mine --plugin mine=./my-plugin --checkpoint checkpoints/mine
  archbench plugins test gpt2 --fixture fixtures/gpt2-tiny -o json`,
		Args: count(1, 1, "the NAME of a plugin (archbench plugins list)"),
	}
	f.config(c)
	c.Flags().StringVar(&f.checkpoint, "checkpoint", "", "test this checkpoint `DIR` instead of new weights")
	c.Flags().StringVar(&fixture, "fixture", "", "`DIR` of reference outputs to compare with")
	c.Flags().DurationVar(&timeout, "timeout", 0, "time limit of each check (default 2m)")
	a.output(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		checks, err := a.test(c.Context(), args[0], f, fixture, timeout)
		if err != nil {
			return err
		}
		return a.printFindings(c.Context(), checkTable(args[0], checks), lmtest.OK(checks))
	}
	return c
}

// test runs the conformance kit, or the comparison with a fixture.
func (a *app) test(ctx context.Context, name string, f modelFlags, fixture string, timeout time.Duration) ([]lmtest.Check, error) {
	options, err := pairs("--option", f.options)
	if err != nil {
		return nil, err
	}
	if err := checkThreads(f.threads); err != nil {
		return nil, err
	}
	path, err := lmplugin.Find(name, f.pluginPaths()[name])
	if err != nil {
		return nil, usage("%w%s", err, didYouMean(name, installed()))
	}
	for flag, dir := range map[string]string{"--fixture": fixture, "--checkpoint": f.checkpoint} {
		if dir == "" {
			continue
		}
		if _, err := folder(flag, dir); err != nil {
			return nil, err
		}
	}
	p, err := lmplugin.Launch(ctx, lmplugin.Options{Path: path})
	if err != nil {
		return nil, err
	}
	defer p.Close()
	o := lmtest.Options{
		Checkpoint: f.checkpoint, Variant: f.variant, Precision: f.precision, Device: f.device, Threads: cmp.Or(f.threads, host.Threads()), Options: options, Timeout: timeout,
	}
	if fixture != "" {
		return lmtest.CompareFixture(ctx, p, fixture, o), nil
	}
	return lmtest.Run(ctx, p, o), nil
}

// checkTable lists checks with their figures.
func checkTable(name string, checks []lmtest.Check) table.Table {
	t := table.Words("checks", "Checks of "+name, []string{"check", "status", "figure", "limit", "unit", "message"})
	for _, c := range checks {
		var figure, limit any = "none", "none"
		if c.Unit != "" {
			figure = table.Figure(fmt.Sprintf("%.3g", c.Figure), c.Figure)
		}
		if c.Limit > 0 {
			limit = table.Figure(fmt.Sprintf("%.3g", c.Limit), c.Limit)
		}
		t.Add(c.Name, string(c.Status), figure, limit, cmp.Or(c.Unit, "none"), c.Message)
	}
	return t
}
