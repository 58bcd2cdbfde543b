package shell

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{
		"speed": "speed", "len=128,512": "len=128,512", "a=gpt2:/models/gpt2-3m@int8": "a=gpt2:/models/gpt2-3m@int8", "--set": "--set",
		"": "''", "two words": "'two words'", "it's": `'it'\''s'`, "$HOME": "'$HOME'", "a\nb": "'a\nb'", "~": "'~'", "=ls": "'=ls'",
		"größe": "'größe'", "!x": "'!x'", "{a,b}": "'{a,b}'", "[a]": "'[a]'", "a^b": "'a^b'", "#": "'#'",
	} {
		if got := Quote(word); got != want {
			t.Errorf("Quote(%q) = %s, want %s", word, got, want)
		}
	}
}

// TestJoinThroughShell passes random words through a real shell.
func TestJoinThroughShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh on this machine")
	}
	word := rapid.OneOf(rapid.StringOf(rapid.RuneFrom([]rune(" '\"$`\\|&;<>()*?#~=!{}[]^-\t\n\r\x1bäßé世a/.%"))),
		rapid.Map(rapid.SliceOf(rapid.ByteRange(1, 255)), func(b []byte) string { return string(b) }))
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(word, 1, 8).Draw(t, "words")
		out, err := exec.Command(sh, "-c", Join(append([]string{"printf", `%s\0`}, words...)...)).Output()
		if err != nil {
			t.Fatalf("%q: %v", words, err)
		}
		if got, want := string(out), strings.Join(words, "\x00")+"\x00"; got != want {
			t.Fatalf("the shell read %q, want %q", got, want)
		}
	})
}

// TestSplit checks that Split undoes Join, and rejects what Join does not write.
func TestSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.String()).Draw(t, "words")
		if got, ok := Split(Join(words...)); !ok || !slices.Equal(got, words) {
			t.Fatalf("%q: %q, %v", words, got, ok)
		}
	})
	for _, line := range []string{"'", "a 'b", `"a"`, "a;b", "$a", `a\b`} {
		if words, ok := Split(line); ok {
			t.Errorf("%s: %q", line, words)
		}
	}
}
