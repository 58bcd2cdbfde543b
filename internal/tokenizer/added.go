package tokenizer

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// addedToken is an entry of added_tokens.
type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"` // only between characters that belong to no word
	LStrip     bool   `json:"lstrip"`      // takes the white space before it
	RStrip     bool   `json:"rstrip"`      // and after it
	Normalized bool   `json:"normalized"`  // sought in normalised text
	Special    bool   `json:"special"`
}

// addedTokens finds added tokens, by the first byte of their spelling; of those that begin with one byte the
// longest comes first.
type addedTokens [256][]addedToken

// add puts t among the tokens to be found as spelling.
func (a *addedTokens) add(t addedToken, spelling string) {
	if spelling == "" {
		return
	}
	t.Content = spelling
	list := &a[spelling[0]]
	*list = append(*list, t)
	slices.SortStableFunc(*list, func(x, y addedToken) int { return cmp.Compare(len(y.Content), len(x.Content)) })
}

// cut calls emit for each piece of text in order: with the id of an added token and an empty part, or with a part
// between such tokens and its position. The leftmost token wins, the longest one at the same place.
func (a *addedTokens) cut(text string, special bool, emit func(id int32, part string, at int)) {
	done := 0
	for i := 0; i < len(text); {
		t := a.match(text, i, special)
		if t == nil {
			i++
			continue
		}
		start, end := i, i+len(t.Content)
		i = end
		if t.SingleWord && (endsInWord(text[:start]) || beginsWithWord(text[end:])) {
			continue
		}
		if t.LStrip {
			start = max(done, len(strings.TrimRightFunc(text[:start], unicode.IsSpace)))
		}
		if t.RStrip {
			end = len(text) - len(strings.TrimLeftFunc(text[end:], unicode.IsSpace))
		}
		if done < start {
			emit(0, text[done:start], done)
		}
		emit(t.ID, "", start)
		i, done = end, end
	}
	if done < len(text) {
		emit(0, text[done:], done)
	}
}

// match returns the token at text[i:].
func (a *addedTokens) match(text string, i int, special bool) *addedToken {
	list := a[text[i]]
	for k := range list {
		if t := &list[k]; (special || !t.Special) && strings.HasPrefix(text[i:], t.Content) {
			return t
		}
	}
	return nil
}

// beginsWithWord reports whether the first character belongs to a word.
func beginsWithWord(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n > 0 && inWord(r)
}

// endsInWord reports whether the last character belongs to a word.
func endsInWord(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return n > 0 && inWord(r)
}

// inWord is the \w of regular expressions.
func inWord(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Pc)
}
