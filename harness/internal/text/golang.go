package text

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// heldOut lists the Go packages that the bundled models never saw, one import path per line.
//
//go:embed heldout.txt
var heldOut string

// ErrNoGo reports that no Go source tree was found.
var ErrNoGo = errors.New("text: no Go toolchain found; install Go, set GOROOT, or name your own text with --corpus FILE or DIR")

// GoRoot finds the installed toolchain's source tree: $GOROOT/src, else the go command's.
func GoRoot(ctx context.Context) (string, error) {
	root := os.Getenv("GOROOT")
	if root == "" {
		out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
		if err != nil {
			return "", fmt.Errorf("%w (%w)", ErrNoGo, err)
		}
		root = strings.TrimSpace(string(out))
	}
	src := filepath.Join(root, "src")
	if _, err := os.Stat(filepath.Join(src, "builtin")); err != nil {
		return "", fmt.Errorf("%w (%w)", ErrNoGo, err)
	}
	return src, nil
}

// GoSource reads the whole tree below src, for measurements that depend only on speed and length.
func GoSource(ctx context.Context, src string) (*Corpus, error) {
	c := &Corpus{Source: "Go source tree"}
	if err := errors.Join(c.walk(ctx, src, "", goSource), c.dropGenerated()); err != nil {
		return nil, fmt.Errorf("read %s: %w", src, err)
	}
	return c, nil
}

// HeldOut reads the packages below src that the bundled models never saw, for quality. Packages missing from the
// toolchain are skipped.
func HeldOut(ctx context.Context, src string) (*Corpus, error) {
	c := &Corpus{Source: "held-out packages of the Go source tree"}
	for pkg := range strings.FieldsSeq(heldOut) {
		inPackage := func(name string, dir bool) bool { return !dir && path.Dir(name) == pkg && goSource(name, dir) }
		if err := c.walk(ctx, src, pkg, inPackage); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("read %s: %w", src, err)
		}
	}
	if err := c.dropGenerated(); err != nil {
		return nil, fmt.Errorf("read %s: %w", src, err)
	}
	if len(c.Documents) == 0 {
		return nil, fmt.Errorf("read %s: none of the held-out packages is in it; name your own text with --corpus", src)
	}
	return c, nil
}

// goSource selects handwritten Go files: no tests, test data or vendored modules.
func goSource(name string, dir bool) bool {
	base := path.Base(name)
	if dir {
		return base != "testdata" && base != "vendor" && !strings.HasPrefix(base, ".")
	}
	return strings.HasSuffix(base, ".go") && !strings.HasSuffix(base, "_test.go")
}

// generated matches the marker of generated Go code.
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// tables are data files without that marker at their head in some releases.
var tables = map[string]bool{"unicode/tables.go": true, "cmd/go/alldocs.go": true}

// dropGenerated leaves out generated code, which has its marker before the package clause.
func (c *Corpus) dropGenerated() error {
	kept := c.Documents[:0]
	for _, d := range c.Documents {
		text, err := d.read(0, d.Bytes)
		if err != nil {
			return err
		}
		head, _, _ := strings.Cut(text, "\npackage ")
		if !generated.MatchString(head) && !tables[d.Name] {
			kept = append(kept, d)
		}
	}
	c.Documents = kept
	return nil
}
