package cli

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/archbench/archbench/internal/tokenizer"
)

// decoder turns tokens into text piece by piece. The text of a token depends on the token before it (tokenizers strip a
// blank at the start), so new tokens are decoded together with those written last. A character whose bytes are spread
// over several tokens waits for the last of them.
type decoder struct {
	tokenizer tokenizer.Tokenizer
	written   []int32 // most recently; at first the prompt
	waiting   []int32
}

// next adds tokens and returns the text that they complete.
func (d *decoder) next(ids []int32) (string, error) {
	d.waiting = append(d.waiting, ids...)
	before, text, err := d.decode()
	if err != nil {
		return "", err
	}
	if last, _ := utf8.DecodeLastRuneInString(text); last == utf8.RuneError || !strings.HasPrefix(text, before) {
		return "", nil // incomplete, or still changing
	}
	if text == before { // keep the last tokens that had text
		d.waiting = slices.Concat(d.written, d.waiting)
	}
	d.written, d.waiting = d.waiting, nil
	return text[len(before):], nil
}

// rest returns the text of the tokens still waiting.
func (d *decoder) rest() (string, error) {
	before, text, err := d.decode()
	if err != nil {
		return "", err
	}
	for !strings.HasPrefix(text, before) { // the last character was completed or changed
		_, n := utf8.DecodeLastRuneInString(before)
		before = before[:len(before)-n]
	}
	d.written, d.waiting = append(d.written, d.waiting...), nil
	return text[len(before):], nil
}

// decode returns the text of the tokens written last, without and with the waiting ones.
func (d *decoder) decode() (before, text string, err error) {
	if before, err = d.tokenizer.Decode(d.written); err != nil {
		return "", "", err
	}
	text, err = d.tokenizer.Decode(slices.Concat(d.written, d.waiting))
	return before, text, err
}
