package kernel

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// AMX instructions are spelled as bytes; the GNU assembler must agree with each.
func TestAMXBytes(t *testing.T) {
	as, err := exec.LookPath("as")
	if err != nil {
		t.Skip("no GNU assembler to compare with")
	}
	spelled := spelledInstructions(t, "amx_amd64.s")
	if len(spelled) < 20 {
		t.Fatalf("only %d instructions found", len(spelled))
	}
	const slot = 16 // each instruction starts a slot
	var source strings.Builder
	var order []string
	source.WriteString(".intel_syntax noprefix\n")
	for text := range spelled {
		order = append(order, text)
		source.WriteString(text + "\n.balign 16, 0xcc\n")
	}
	code := assemble(t, as, source.String())
	for i, text := range order {
		want := slices.Concat(spelled[text], bytes.Repeat([]byte{0xCC}, slot-len(spelled[text])))
		if got := code[i*slot:][:slot]; !bytes.Equal(got, want) {
			t.Errorf("%s is % x, the assembler says % x", text, spelled[text], got)
		}
	}
}

var byteDirective = regexp.MustCompile(`^\s*BYTE\s+\$0x([0-9a-f]{2})$`)

// spelledInstructions returns the bytes below each comment that names an instruction.
func spelledInstructions(t *testing.T, file string) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	comment, code := "", []byte(nil)
	for line := range strings.Lines(string(text)) {
		if m := byteDirective.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			b, _ := strconv.ParseUint(m[1], 16, 8)
			code = append(code, byte(b))
			continue
		}
		if code != nil {
			if before, ok := all[comment]; ok && !bytes.Equal(before, code) {
				t.Errorf("%s is both % x and % x", comment, before, code)
			}
			all[comment], code = code, nil
		}
		comment = strings.TrimPrefix(strings.TrimSpace(line), "// ")
	}
	return all
}

// assemble returns the machine code of a source.
func assemble(t *testing.T, as, source string) []byte {
	t.Helper()
	object := filepath.Join(t.TempDir(), "amx.o")
	cmd := exec.Command(as, "--64", "-o", object)
	cmd.Stdin = strings.NewReader(source)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("as: %v\n%s", err, out)
	}
	f, err := elf.Open(object)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	code, err := f.Section(".text").Data()
	if err != nil {
		t.Fatal(err)
	}
	return code
}
