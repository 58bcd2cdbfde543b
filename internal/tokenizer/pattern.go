package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
)

// matcher calls found for each match in text, left to right. Matches do not overlap, and no empty match directly
// follows another match.
type matcher func(text string, found func(start, end int)) error

// pattern is the pattern of a Split or Replace.
type pattern struct {
	String *string `json:"String"`
	Regex  *string `json:"Regex"`
}

// matcher prepares the search.
func (p pattern) matcher() (matcher, error) {
	switch {
	case p.Regex != nil && p.String != nil:
		return nil, errors.New("pattern: has both String and Regex")
	case p.Regex != nil:
		m, err := newRegex(*p.Regex)
		if err != nil {
			return nil, fmt.Errorf("pattern: Regex %.200q: %w", *p.Regex, err)
		}
		return m, nil
	case p.String != nil:
		return literal(*p.String), nil
	}
	return nil, errors.New("pattern: has neither String nor Regex")
}

// literal finds a string; the empty string matches before each character and at the end.
func literal(what string) matcher {
	return func(text string, found func(start, end int)) error {
		if what == "" {
			for i := range text {
				found(i, i)
			}
			found(len(text), len(text))
			return nil
		}
		for from := 0; ; {
			i := strings.Index(text[from:], what)
			if i < 0 {
				return nil
			}
			found(from+i, from+i+len(what))
			from += i + len(what)
		}
	}
}

// Limits of a regular-expression search: the engine's stack in entries of 8 bytes, and the time per match and per byte
// of text for all matches.
const (
	maxStack   = 1 << 23
	timeOfByte = 10 * time.Microsecond
)

// timeOfMatch is a variable so that fuzzing can shorten it.
var timeOfMatch = 10 * time.Second

// errSlow reports a regular expression that exceeds its limits.
var errSlow = errors.New("the regular expression takes too long on this text: it tries too many ways to match")

// newRegex compiles a regular expression in Oniguruma's syntax.
func newRegex(expr string) (matcher, error) {
	translated, err := translate(expr)
	if err != nil {
		return nil, err
	}
	re, err := regexp2.Compile(translated, regexp2.OptionMaxBacktrackingStackSize(maxStack))
	if err != nil {
		return nil, err
	}
	re.MatchTimeout = timeOfMatch
	return func(text string, found func(start, end int)) error {
		return search(re, text, found)
	}, nil
}

// search runs the engine, which counts in characters, and reports positions in bytes.
func search(re *regexp2.Regexp, text string, found func(start, end int)) error {
	deadline := time.Now().Add(timeOfMatch + time.Duration(len(text))*timeOfByte)
	at, runes := 0, 0 // the same position in bytes and characters
	advance := func(to int) int {
		for ; runes < to; runes++ {
			_, n := utf8.DecodeRuneInString(text[at:])
			at += n
		}
		return at
	}
	count, last := 0, -1
	err := re.FindRunesMatches([]rune(text), 0, func(m regexp2.MatchView) bool {
		if count++; count%1024 == 0 && time.Now().After(deadline) {
			last = -2
			return false
		}
		i, n, _ := m.GroupRange(0)
		if n == 0 && i == last {
			return true
		}
		last = i + n
		start := advance(i)
		found(start, advance(last))
		return true
	})
	if err != nil || last == -2 { // the engine fails only at its limits; its message contains the whole text
		return errSlow
	}
	return nil
}

// replacement replaces the matches of a pattern. moved reports whether the start of the text was removed.
type replacement func(text string) (replaced string, moved bool, err error)

// replaceFile is a Replace, as a normalizer or a decoder.
type replaceFile struct {
	Type    string  `json:"type"`
	Pattern pattern `json:"pattern"`
	Content string  `json:"content"`
}

// replacement prepares the replacement.
func (f replaceFile) replacement() (replacement, error) {
	find, err := f.Pattern.matcher()
	if err != nil {
		return nil, err
	}
	return func(text string) (string, bool, error) {
		if text == "" {
			return "", false, nil
		}
		var b strings.Builder
		done, moved := 0, false
		err := find(text, func(start, end int) {
			if start == 0 { // the replacement begins where the last character was
				_, first := utf8.DecodeRuneInString(text)
				moved = end > first || end > 0 && f.Content == ""
			}
			b.WriteString(text[done:start])
			b.WriteString(f.Content)
			done = end
		})
		b.WriteString(text[done:])
		return b.String(), moved, err
	}, nil
}

// behaviour says what happens to matches and to the pieces between them: whether a piece joins the one before it, and
// whether matches are dropped.
type behaviour struct {
	joins  func(before, match bool) bool // given whether the previous piece and this one are matches
	remove bool
}

// behaviours are the behaviours by the names that files use.
var behaviours = map[string]behaviour{
	"Removed":            {remove: true},
	"Isolated":           {},
	"Contiguous":         {joins: func(before, match bool) bool { return before == match }},
	"MergedWithPrevious": {joins: func(before, match bool) bool { return match && !before }},
	"MergedWithNext":     {joins: func(before, match bool) bool { return before && !match }},
}

// splitter splits by a pattern. invert swaps the matches with the text between them.
func splitter(find matcher, b behaviour, invert bool) preTokenizer {
	return func(part string, first bool, emit func(word string, first bool)) error {
		var pending struct {
			start, end int
			match      bool
		}
		flush := func() {
			if pending.start < pending.end && !(b.remove && pending.match) {
				emit(part[pending.start:pending.end], first && pending.start == 0)
			}
			pending.start = pending.end
		}
		any := false
		add := func(end int, match bool) {
			match = match != invert
			if any && (b.joins == nil || !b.joins(pending.match, match)) {
				flush()
			}
			any, pending.end, pending.match = true, end, match
		}
		err := find(part, func(start, end int) {
			if start > pending.end {
				add(start, false)
			}
			add(end, true)
		})
		if pending.end < len(part) {
			add(len(part), false)
		}
		flush()
		return err
	}
}
