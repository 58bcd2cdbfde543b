package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/archbench/archbench/harness/internal/exchange"
)

// testExport writes a run in every format, and nothing after a mistake.
func testExport(t *testing.T, d desk, run string) {
	for _, name := range exchange.Names() {
		d.write("export/"+name, "")
		d.must(ExitOK, "export", run, "-o", name, "--to", "export/"+name)
		stdout, _ := d.must(ExitOK, "export", "-o", name)
		if data, err := os.ReadFile("export/" + name); err != nil || len(data) == 0 || string(data) != stdout {
			t.Errorf("%s: %d bytes in the file, %d on standard output, %v", name, len(data), len(stdout), err)
		}
	}
	bench, _ := d.must(ExitOK, "report", run, "-o", "bench")
	if same, _ := d.must(ExitOK, "export", run, "-o", "bench"); same != bench {
		t.Errorf("export:\n%s\nreport:\n%s", same, bench)
	}
	for say, args := range map[string][]string{
		"export needs -o: one of bench, hyperfine, llama-bench, parquet": {"export"},
		"must be one of bench, hyperfine, llama-bench, parquet":          {"export", "-o", "xml"},
		"it is no regular file":     {"export", "-o", "bench", "--to", "export"},
		"no such file or directory": {"export", "-o", "parquet", "--to", "nowhere/file"},
		"no run of that name":       {"export", "r-nothing", "-o", "bench"},
	} {
		if stdout, stderr := d.must(ExitUsage, args...); !strings.Contains(stderr, say) || stdout != "" {
			t.Errorf("%v: %q, %q on standard output", args, stderr, stdout)
		}
	}
	left, _ := filepath.Glob("export/*")
	if slices.Sort(left); len(left) != len(exchange.Formats) {
		t.Errorf("left %v", left)
	}
}

// TestBinaryOnTerminal checks that a binary format is not written to a terminal.
func TestBinaryOnTerminal(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil || !isTerminal(terminal) {
		t.Skip("no terminal to test with")
	}
	defer terminal.Close()
	t.Chdir(t.TempDir())
	var stderr strings.Builder
	if code := execute(t.Context(), []string{"export", "-o", "parquet"}, strings.NewReader(""), terminal, &stderr, "test"); code != ExitUsage || !strings.Contains(stderr.String(), "write it to a file with --to") {
		t.Errorf("code %d, %s", code, stderr.String())
	}
}
