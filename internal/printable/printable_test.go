package printable

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"plain, ünïcödé 語 👩‍🔬": "plain, ünïcödé 語 👩‍🔬",
		"two\nlines\tand more": "two\nlines\tand more",
		"\x1b[2Jgone":          `\u001b[2Jgone`,
		"over\rwritten\b\x7f":  `over\u000dwritten\u0008\u007f`,
		"\u009b31m":            `\u009b31m`,
		"abc\u202edcba\u2066":  `abc\u202edcba\u2066`,
		"one\u2028two":         `one\u2028two`,
		"bad \xff byte":        "bad \ufffd byte",
		"\x00":                 `\u0000`,
	} {
		if got := Text(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := Line("a\r\nb\nc\td"); got != `a\u000d b c d` {
		t.Errorf("%q", got)
	}
}

// TestNothingActs checks that no output acts on a terminal, and that Text is idempotent.
func TestNothingActs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "runes")
		got := Text(in)
		bad := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
		if strings.ContainsFunc(got, bad) || !utf8.ValidString(got) || Text(got) != got {
			t.Fatalf("%q becomes %q", in, got)
		}
	})
}

// TestJSONStaysTheSame checks that an escape in a JSON string means the original character.
func TestJSONStaysTheSame(t *testing.T) {
	const text = "{\"name\": \"a\u202eb\u007f\"}"
	var before, after map[string]string
	if err := json.Unmarshal([]byte(text), &before); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(Text(text)), &after); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
}

func TestCut(t *testing.T) {
	if got := Cut("語語", 4); got != "語 ... (3 bytes left out)" {
		t.Errorf("%q", got)
	}
	if got := Cut("abc", 3); got != "abc" {
		t.Errorf("%q", got)
	}
}

func TestCell(t *testing.T) {
	for in, want := range map[string]string{
		"=1+1": "'=1+1", "@SUM(A1)": "'@SUM(A1)", "+cmd": "'+cmd", "-x": "'-x", "n/a (a=b)": "n/a (a=b)", "": "",
	} {
		if got := Cell(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestAll(t *testing.T) {
	type inner struct {
		Words []string
		Map   map[string]string
		own   string
	}
	type outer struct {
		Name  string
		Inner *inner
		Many  []inner
		None  *inner
		N     int
	}
	v := outer{"\x1b", &inner{[]string{"\a"}, map[string]string{"k": "\b"}, "\x1b"}, []inner{{Words: []string{"\v"}}}, nil, 3}
	All(&v)
	want := outer{`\u001b`, &inner{[]string{`\u0007`}, map[string]string{"k": `\u0008`}, "\x1b"}, []inner{{Words: []string{`\u000b`}}}, nil, 3}
	if diff := cmp.Diff(want, v, cmp.AllowUnexported(inner{})); diff != "" {
		t.Error(diff)
	}
}
