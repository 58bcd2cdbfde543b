package kernel

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The functions of the AVX2 tier use no register and no instruction that only AVX-512 has: a CPU that could tell is rare
// among those that test this.
func TestAssemblyOfAVX2(t *testing.T) {
	beyond := regexp.MustCompile(`\b([XY](1[6-9]|2\d|3[01])|Z\d+|K[0-7])\b|\b(VRNDSCALE|VSCALEF|VGETEXP|VGETMANT|VPXORD|VPERMT2|VMOVDQA(32|64)|VMOVDQU(8|16|32|64)|VPTERNLOG)`)
	files, err := filepath.Glob("*_amd64.s")
	if err != nil || len(files) == 0 {
		t.Fatalf("no assembly: %v", err)
	}
	functions := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, function := range strings.Split(string(text), "\nTEXT ")[1:] {
			name, body, _ := strings.Cut(function, "(SB)")
			if !strings.Contains(name, "AVX2") && name != "·transpose8" {
				continue
			}
			functions++
			body, _, _ = strings.Cut(body, "\n// ") // the next function's comment
			if found := beyond.FindString(body); found != "" {
				t.Errorf("%s: %s uses %s", file, name, found)
			}
		}
	}
	if functions < 40 {
		t.Errorf("%d functions of AVX2, which is too few: has their naming changed?", functions)
	}
}
