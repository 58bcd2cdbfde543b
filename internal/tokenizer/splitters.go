package tokenizer

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// each matches every character of a class on its own.
func each(is func(rune) bool) matcher {
	return func(text string, found func(start, end int)) error {
		for i, r := range text {
			if is(r) {
				_, n := utf8.DecodeRuneInString(text[i:])
				found(i, i+n)
			}
		}
		return nil
	}
}

// wordRuns matches runs of word characters, and runs of other characters except white space.
func wordRuns(text string, found func(start, end int)) error {
	start, last := 0, space
	for i, r := range text {
		c := wordClass(r)
		if c != last {
			if last != space {
				found(start, i)
			}
			start, last = i, c
		}
	}
	if last != space {
		found(start, len(text))
	}
	return nil
}

// wordClass is the class of a character for [wordRuns].
func wordClass(r rune) class {
	switch {
	case inWord(r):
		return letter
	case unicode.IsSpace(r):
		return space
	}
	return other
}

// isPunctuation reports whether r is Unicode punctuation or an ASCII symbol.
func isPunctuation(r rune) bool {
	return unicode.IsPunct(r) || r <= unicode.MaxASCII && unicode.IsSymbol(r)
}

// patternSplit splits by a pattern.
func patternSplit(f struct {
	Type      string  `json:"type"`
	Pattern   pattern `json:"pattern"`
	Behaviour string  `json:"behavior"`
	Invert    bool    `json:"invert"`
}) (splitting, error) {
	find, err := f.Pattern.matcher()
	if err != nil {
		return splitting{}, err
	}
	b, err := behaviourNamed(f.Behaviour)
	return splitting{split: splitter(find, b, f.Invert)}, err
}

// behaviourNamed looks a behaviour up.
func behaviourNamed(name string) (behaviour, error) {
	b, ok := behaviours[name]
	if !ok {
		return b, fmt.Errorf("behavior %q is not one of Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous", name)
	}
	return b, nil
}

// punctuationSplit splits at punctuation.
func punctuationSplit(f struct {
	Type      string  `json:"type"`
	Behaviour *string `json:"behavior"` // default Isolated
}) (splitting, error) {
	b, err := behaviourNamed(or(f.Behaviour, "Isolated"))
	return splitting{split: splitter(each(isPunctuation), b, false)}, err
}

// digitSplit separates digits from other text, or each digit from the next.
func digitSplit(f struct {
	Type             string `json:"type"`
	IndividualDigits *bool  `json:"individual_digits"`
}) (splitting, error) {
	if f.IndividualDigits == nil {
		return splitting{}, errors.New("individual_digits is missing")
	}
	behaviour := "Contiguous"
	if *f.IndividualDigits {
		behaviour = "Isolated"
	}
	return splitting{split: splitter(each(unicode.IsNumber), behaviours[behaviour], false)}, nil
}

// delimiterSplit splits at a character and drops it.
func delimiterSplit(f struct {
	Type      string `json:"type"`
	Delimiter string `json:"delimiter"`
}) (splitting, error) {
	if utf8.RuneCountInString(f.Delimiter) != 1 {
		return splitting{}, fmt.Errorf("delimiter %q is not one character", f.Delimiter)
	}
	return splitting{split: splitter(literal(f.Delimiter), behaviours["Removed"], false)}, nil
}

// fixedLengthSplit splits after a fixed number of characters.
func fixedLengthSplit(f struct {
	Type   string `json:"type"`
	Length *int   `json:"length"` // default 5
}) (splitting, error) {
	length := or(f.Length, 5)
	if length < 1 {
		return splitting{}, fmt.Errorf("length %d is not positive", length)
	}
	pieces := func(text string, found func(start, end int)) error {
		start, n := 0, 0
		for i := range text {
			if n == length {
				found(start, i)
				start, n = i, 0
			}
			n++
		}
		found(start, len(text))
		return nil
	}
	return splitting{split: splitter(pieces, behaviours["Isolated"], false)}, nil
}
