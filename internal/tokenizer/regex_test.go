package tokenizer

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/dlclark/regexp2/v2"
)

// regexRefusals maps expressions that the engine reads differently from Oniguruma, or cannot read, to what the error
// must name.
var regexRefusals = map[string]string{
	`a\Kb`: `"\\K"`, `(a)\1`: `"\\1"`, `\k<n>`: `"\\k"`, `\X`: `"\\X"`, `\R`: `"\\R"`, `\G`: `"\\G"`, `\y`: `"\\y"`,
	`(?x) a`: `"(?x)"`, `(?s:.)`: `"(?s:"`, `(?~ab)`: `"(?~`, `(?P<n>a)`: `"(?P<n>`, `\p{IsGreek}`: `"\\p{IsGreek}"`,
	`\p{InThai}`: `"\\p{InThai}"`, `\pL`: `"\\p"`, `\p{L`: `"\\p"`, `[[:graph:]]`: `"[:graph:]"`, `[\w-x]`: `"-"`, `[z-a]`: `"-"`,
	`[a`: `"["`, `[]`: `"["`, `[a-[b]]`: `"-["`, `a)`: `")"`, `(a`: `"(?:"`, `(?<=(?>a))b`: `"(?>"`, `(?<=a++)b`: `"++"`, `*a`: `"*"`,
	`a?+?`: `"?" of what is atomic`, `(s++){,2}`: `"{0,2}" of what is atomic`, `(?:(?>a+))*b`: `"*" of what is atomic`,
	`a{3,1}`: `"{3,1}"`, `a{200000}`: `"{200000}"`, `\xe9`: `"\\xe9"`, `\x{110000}`: `"\\x110000"`, `\ud800`: `"\\ud800"`, `\`: `"\\"`,
	`(?i:é)`: `"é"`, `(?i:[é])`: `"[...]"`, `(?i:ß)`: `"ß"`, `(?i:s)(?i)ss`: "ligature", `(?i:effi)`: "ligature",
	strings.Repeat("(", 200): "nest deeper", strings.Repeat("[", 200): "nests too deep", `(?=a)*`: `"*"`, `(?#`: `"(?#"`, `(?i`: `"(?"`,
}

func TestRegexRefusals(t *testing.T) {
	for expr, want := range regexRefusals {
		if _, err := newRegex(expr); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", expr, err, want)
		}
	}
}

// TestSetsAreTheEngines compares the expanded sets with what the engine matches for them.
func TestSetsAreTheEngines(t *testing.T) {
	var all strings.Builder
	for r := range rune(unicode.MaxRune + 1) {
		if r < 0xd800 || r > 0xdfff {
			all.WriteRune(r)
		}
	}
	text := all.String()
	for expr, is := range map[string]func(rune) bool{
		`\s`: unicode.IsSpace, `\p{Lu}`: unicode.IsUpper, `\p{Uppercase_Letter}`: unicode.IsUpper, `\d`: unicode.IsDigit,
		`\p{han}`: func(r rune) bool { return unicode.Is(unicode.Han, r) }, `.`: func(r rune) bool { return r != '\n' },
		`[^\p{L}\P{Latin}]`: func(r rune) bool { return !unicode.IsLetter(r) && unicode.Is(unicode.Latin, r) },
	} {
		find, err := newRegex(expr)
		if err != nil {
			t.Fatal(err)
		}
		found := make([]bool, len(text))
		if err := find(text, func(start, _ int) { found[start] = true }); err != nil {
			t.Fatal(err)
		}
		for i, r := range text {
			if found[i] != is(r) {
				t.Fatalf("%s: %U is %v", expr, r, found[i])
			}
		}
	}
}

// TestSlowRegex runs searches that would otherwise not end.
func TestSlowRegex(t *testing.T) {
	re := regexp2.MustCompile(`(?:(?:a|b|ab)+[cd])+e`, regexp2.OptionMaxBacktrackingStackSize(maxStack))
	re.MatchTimeout = time.Millisecond
	if err := search(re, strings.Repeat("ab", 100)+"ce", func(int, int) {}); err != nil {
		t.Errorf("a match at hand: %v", err)
	}
	if err := search(re, strings.Repeat("ab", 100)+"f e", func(int, int) {}); !errors.Is(err, errSlow) {
		t.Errorf("error %v, want one that says so", err)
	}
	re = regexp2.MustCompile(`(?:ab|ba)*c`, regexp2.OptionMaxBacktrackingStackSize(100))
	if err := search(re, strings.Repeat("ab", 1000)+"c", func(int, int) {}); !errors.Is(err, errSlow) {
		t.Errorf("error %v, want one about the stack", err)
	}
}

// TestEncodeFails has valid files with a text that they cannot encode.
func TestEncodeFails(t *testing.T) {
	for section, want := range map[string]string{
		`,"normalizer":{"type":"Precompiled","precompiled_charsmap":"CAAAAAAUAAAAAAAA"}`: "points outside of itself",
	} {
		tok, err := parse(t, section)
		if err != nil {
			t.Fatal(err)
		}
		for _, encode := range []func(string) ([]int32, error){tok.Encode, tok.EncodeSpecial} {
			if ids, err := encode("\x01"); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: ids %v, error %v, want %s", section, ids, err, want)
			}
		}
	}
}
