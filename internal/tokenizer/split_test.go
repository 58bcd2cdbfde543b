package tokenizer

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// words collects the words of a pre-tokenizer.
func words(t testing.TB, split preTokenizer, part string, first bool) []string {
	t.Helper()
	var list []string
	if err := split(part, first, func(w string, _ bool) { list = append(list, w) }); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestSplitGPT2(t *testing.T) {
	for text, want := range map[string][]string{
		"":                     nil,
		"a  b":                 {"a", " ", " b"},
		"a \n b":               {"a", " \n", " b"},
		"a\n b":                {"a", "\n", " b"},
		"a \nb":                {"a", " ", "\n", "b"},
		"a\u00a0b":             {"a", "\u00a0", "b"},
		"a\u00a0\u2003b":       {"a", "\u00a0", "\u2003", "b"},
		"a\u0085b":             {"a", "\u0085", "b"},
		"don't DON'T":          {"don", "'t", " DON", "'", "T"},
		"'s't're've'm'll'd":    {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"},
		"'x 's":                {"'", "x", " '", "s"},
		"''s":                  {"''", "s"},
		"'r":                   {"'", "r"},
		"'":                    {"'"},
		"x  ":                  {"x", "  "},
		"x ":                   {"x", " "},
		" ":                    {" "},
		"   x":                 {"  ", " x"},
		"\t\tx":                {"\t", "\t", "x"},
		" 12ab3,.- ":           {" 12", "ab", "3", ",.-", " "},
		"мир — №5 ½":           {"мир", " —", " №", "5", " ½"},
		"e\u0301":              {"e", "\u0301"},
		"\xffa\xf0\x9f":        {"\xff", "a", "\xf0\x9f"},
		"日本語 テスト":              {"日本語", " テスト"},
		"\u200bzero\u180ewide": {"\u200b", "zero", "\u180e", "wide"},
	} {
		if diff := cmp.Diff(want, words(t, splitGPT2, text, true)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// TestSplitLosesNothing splits arbitrary text and joins the words again.
func TestSplitLosesNothing(t *testing.T) {
	text := rapid.StringOf(rapid.OneOf(rapid.SampledFrom([]rune(" \n\t'stlredvm1aЖ.\u00a0\u3000")), rapid.Rune()))
	rapid.Check(t, func(r *rapid.T) {
		s := text.Draw(r, "text")
		list := words(t, splitGPT2, s, true)
		if slices.Contains(list, "") {
			r.Fatal("an empty word")
		}
		if got := strings.Join(list, ""); got != s {
			r.Fatalf("words of %q make %q", s, got)
		}
	})
}

func TestPreTokenizers(t *testing.T) {
	cases := []struct {
		name, json, text string
		first            bool
		want             []string
	}{
		{"metaspace always", `{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"}`, "a  b▁c", false, []string{"▁a", "▁", "▁b", "▁c"}},
		{"metaspace marked already", `{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"}`, " a", false, []string{"▁a"}},
		{"metaspace first, at the start", `{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"}`, "a b", true, []string{"▁a", "▁b"}},
		{"metaspace first, later", `{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"}`, "a b", false, []string{"a", "▁b"}},
		{"metaspace never", `{"type":"Metaspace","replacement":"_","prepend_scheme":"never"}`, "a b ", true, []string{"a", "_b", "_"}},
		{"metaspace whole", `{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":false}`, "a b", true, []string{"▁a▁b"}},
		{"metaspace of old files", `{"type":"Metaspace","replacement":"▁","add_prefix_space":false,"str_rep":"▁"}`, "a b", true, []string{"a", "▁b"}},
		{"byte level with prefix", `{"type":"ByteLevel","add_prefix_space":true}`, "a b", false, []string{" a", " b"}},
		{"byte level with a space there", `{"type":"ByteLevel","add_prefix_space":true}`, " a", false, []string{" a"}},
		{"byte level without splitting", `{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}`, "a b", false, []string{"a b"}},
		{"digits", `{"type":"Digits","individual_digits":false}`, "a12b3", false, []string{"a", "12", "b", "3"}},
		{"single digits", `{"type":"Digits","individual_digits":true}`, "12½b34", false, []string{"1", "2", "½", "b", "3", "4"}},
		{"sequence", `{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"ByteLevel","add_prefix_space":false}]}`, "a 12 b", false, []string{"a", " ", "1", "2", " b"}},
		{"first of a sequence", `{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":false},{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"}]}`, "a1b", true, []string{"▁a", "1", "b"}},
		{"empty sequence", `{"type":"Sequence","pretokenizers":[{"type":"ByteLevel","add_prefix_space":false}]}`, "a", false, []string{"a"}},
	}
	for _, c := range cases {
		s, err := parsePreTokenizer([]byte(c.json))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.want, words(t, s.split, c.text, c.first)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
