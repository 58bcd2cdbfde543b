package nn

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/archbench/archbench/internal/sharedtest"
)

// TestFootprint loads the linears and embeddings of a seeded GPT-2 of 124 M parameters in a child process and runs a token
// through them: its peak memory is at most 1.3 times the packed bytes plus 60 MB.
func TestFootprint(t *testing.T) {
	if format := os.Getenv("FOOTPRINT_FORMAT"); format != "" {
		printFootprint(t, format)
		return
	}
	sharedtest.Long(t)
	if runtime.GOOS != "linux" {
		t.Skip("the peak is read from /proc")
	}
	for _, format := range []string{"f32", "bf16", "int8", "int4", "nf4", "int4a8"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFootprint$")
		cmd.Env = append(os.Environ(), "FOOTPRINT_FORMAT="+format)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var packed, peak int64
		if _, err := fmt.Sscanf(string(out), "packed %d peak %d", &packed, &peak); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		t.Logf("%s: %d MB packed, peak of %d MB", format, packed/1e6, peak/1e6)
		if limit := packed*13/10 + 60e6; peak > limit {
			t.Errorf("%s: peak of %d bytes, want at most %d", format, peak, limit)
		}
	}
}

// printFootprint prints the packed bytes and the peak of this process.
func printFootprint(t *testing.T, name string) {
	precision, err := ParsePrecision(name, "")
	if err != nil {
		t.Fatal(err)
	}
	const dim, layers, vocab, positions = 768, 12, 50257, 1024
	ps, pass := NewParams(nil, 1, precision), &Pass{}
	table := ps.Embedding("wte", vocab, dim, Normal(.02))
	ps.Embedding("wpe", positions, dim, Normal(.02))
	linears := []*Linear{ps.TiedHead(table)}
	for l := range layers {
		for i, shape := range [][2]int{{3 * dim, dim}, {dim, dim}, {4 * dim, dim}, {dim, 4 * dim}} {
			linears = append(linears, ps.In("").Linear(fmt.Sprintf("h.%d.%d", l, i), shape[0], shape[1], true, Normal(.02), Transposed))
		}
	}
	for _, l := range linears {
		l.Forward(pass, pass.New(1, l.In))
	}
	var packed int64
	for _, b := range ps.Bytes() {
		packed += b.Bytes
	}
	fmt.Printf("packed %d peak %d\n", packed, peakRSS(t))
}

// peakRSS returns the peak resident set size in bytes.
func peakRSS(t *testing.T) int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}
