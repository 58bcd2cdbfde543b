package lmplugin

import (
	"fmt"
	"strings"
	"testing"
)

func TestTail(t *testing.T) {
	var short tail
	fmt.Fprint(&short, "one\ntwo")
	if got := short.String(); got != "one\ntwo" {
		t.Errorf("%q", got)
	}
	var long, copied strings.Builder
	kept := &tail{also: &copied}
	for i := range 50_000 {
		fmt.Fprintf(kept, "line %d\n", i)
		fmt.Fprintf(&long, "line %d\n", i)
	}
	got := kept.String()
	if !strings.HasSuffix(long.String(), got) || len(got) > tailBytes || len(got) < tailBytes-100 || !strings.HasPrefix(got, "line ") {
		t.Errorf("kept %d bytes from %q", len(got), got[:20])
	}
	if cap(kept.data) > 4*tailBytes {
		t.Errorf("uses %d bytes", cap(kept.data))
	}
	if copied.String() != long.String() {
		t.Error("the copy is incomplete")
	}
	kept.Write([]byte(strings.Repeat("x", 10*tailBytes) + "\nend"))
	if got := kept.String(); got != "end" {
		t.Errorf("%d bytes", len(got))
	}
}

// TestTailIsSafeToPrint checks that output of a plugin reaches a terminal without control characters.
func TestTailIsSafeToPrint(t *testing.T) {
	var out tail
	if _, err := out.Write([]byte("\x1b[2J\x1b]52;c;\a fine\nmore\r\xff\n")); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "\\u001b[2J\\u001b]52;c;\\u0007 fine\nmore\\u000d\ufffd\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
