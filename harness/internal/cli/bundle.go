package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/bundle"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/internal/atomicfile"
	"github.com/archbench/archbench/internal/regularfile"
)

func (a *app) bundleCommand() *cobra.Command {
	var path string
	var force bool
	c := &cobra.Command{
		Use: "bundle [RUN]", Short: "Pack a run and its report into one file that others can verify",
		Long: `Bundle writes a tar.gz of the plan, the environment (host, plugins, weights, tokenizers), every raw sample and the
report, and prints its path. The same run always gives the same bytes. archbench verify checks it anywhere.

It holds the run's command line, the paths of models and plugins, and the facts of the host: read them before
publishing.`,
		Example: "  archbench bundle\n  archbench bundle r-7f3a2c -o paper.tar.gz",
		Args:    count(0, 1, "at most one RUN"),
	}
	c.Flags().StringVarP(&path, "output", "o", "", "`FILE.tar.gz` to write (default RUN.tar.gz)")
	c.Flags().BoolVar(&force, "force", false, "replace the file if it exists")
	c.RunE = func(c *cobra.Command, args []string) error {
		if path != "" && !strings.HasSuffix(path, ".tar.gz") && !strings.HasSuffix(path, ".tgz") {
			return usage("--output %s: name a file that ends in .tar.gz", path)
		}
		r, err := a.load(c.Context(), first(args))
		if err != nil {
			return err
		}
		if r.Status == record.Running {
			return fmt.Errorf("run %s is still being measured by %s: wait until it ends", r.ID, r.Owner)
		}
		path = cmp.Or(path, r.ID+".tar.gz")
		if _, err := os.Lstat(path); err == nil && !force {
			return usage("%s exists: name another file with --output, or replace it with --force", path)
		}
		err = atomicfile.Write(path, func(w io.Writer) error { return bundle.Write(w, r, bundle.Self(a.revision)) })
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(a.out, absolute(path))
		return err
	}
	return c
}

func (a *app) verifyCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "verify FILE", Short: "Check that the report of a bundle follows from its samples",
		Long: `Verify rebuilds the run of a bundle from its plan, environment and samples, recomputes every number and renders the
report again. If the same archbench on the same platform made the bundle, the report must be the same to the byte;
else numbers must agree to 1e-9. It writes no file and needs no database. docs/bundles.md says what this proves.`,
		Example: "  archbench verify paper.tar.gz\n  archbench verify paper.tar.gz -o json",
		Args:    count(1, 1, "one FILE, as archbench bundle writes it"),
	}
	a.output(c)
	c.RunE = func(_ *cobra.Command, args []string) error {
		b, err := readBundle(args[0])
		if err != nil {
			return err
		}
		checks := b.Verify(bundle.Self(a.revision))
		if err := a.print(bundle.Table(checks)); err != nil || bundle.Good(checks) {
			return err
		}
		return errFailed
	}
	return c
}

// readBundle reads a bundle from a regular file.
func readBundle(path string) (*bundle.Bundle, error) {
	f, err := regularfile.Open(path)
	if err != nil {
		return nil, usageError{err}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b, err := bundle.Read(f, info.Size())
	if errors.Is(err, bundle.ErrInvalid) {
		err = usageError{err}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}
