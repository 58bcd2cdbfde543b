package tokenizer

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// addedToken is one entry of added_tokens.
type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"` // matches only where no word character adjoins
	LStrip     bool   `json:"lstrip"`      // also takes the white space before it
	RStrip     bool   `json:"rstrip"`      // also takes the white space after it
	Normalized bool   `json:"normalized"`  // matched in normalized text
	Special    bool   `json:"special"`
}

// index fills the id tables and adds the added tokens. A token that the model has keeps the model's id; any other gets
// the next free id, counted from the vocabulary size. Ids given by the file are ignored, as in the reference library.
func (p *pipeline) index(added []addedToken) error {
	p.ids, p.pieces = maps.Clone(p.model.vocabulary()), map[int32]string{}
	for piece, id := range p.ids {
		if other, ok := p.pieces[id]; ok {
			return fmt.Errorf("model: vocab: %q and %q share id %d", min(piece, other), max(piece, other), id)
		}
		p.pieces[id] = piece
	}
	next, special := int32(len(p.ids)), map[int32]bool{}
	tokens := map[int32]addedToken{}
	for i, t := range added {
		if t.Content == "" {
			return fmt.Errorf("added_tokens[%d]: has no content", i)
		}
		id, known := p.ids[t.Content]
		if !known {
			id, next = next, next+1
		}
		t.ID = id
		p.ids[t.Content], tokens[id] = id, t
		special[id] = special[id] || t.Special
	}
	for _, id := range slices.Sorted(maps.Keys(tokens)) {
		if err := p.seek(tokens[id]); err != nil {
			return err
		}
	}
	p.model.exclude(special)
	for _, id := range p.model.vocabulary() {
		p.plain = max(p.plain, int(id)+1)
	}
	p.vocab = p.plain
	for id := range tokens {
		p.vocab = max(p.vocab, int(id)+1)
		if !special[id] {
			p.plain = max(p.plain, int(id)+1)
		}
	}
	return nil
}

// seek makes the added token findable in texts. A token matched in normalized text is also decoded in its normalized
// spelling.
func (p *pipeline) seek(t addedToken) error {
	p.pieces[t.ID] = t.Content
	if !t.Normalized {
		p.raw.add(t, t.Content)
		return nil
	}
	n := normal{text: t.Content}
	if p.normalize != nil {
		var err error
		if n, err = p.normalize(n); err != nil {
			return fmt.Errorf("added_tokens: %q: %w", t.Content, err)
		}
	}
	p.pieces[t.ID] = n.text
	p.normal.add(t, n.text)
	return nil
}

// addedTokens finds added tokens by the first byte of their spelling, longest first.
type addedTokens [256][]addedToken

// add makes spelling match t.
func (a *addedTokens) add(t addedToken, spelling string) {
	if spelling == "" {
		return
	}
	t.Content = spelling
	list := &a[spelling[0]]
	*list = append(*list, t)
	slices.SortStableFunc(*list, func(x, y addedToken) int { return cmp.Compare(len(y.Content), len(x.Content)) })
}

// cut splits text at added tokens and calls emit for each piece in order: an added token has its id and an empty part,
// anything else its part and position. The leftmost token wins, then the longest.
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

// inWord is \w as Rust regular expressions define it.
func inWord(r rune) bool {
	if r <= unicode.MaxASCII {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_'
	}
	return unicode.In(r, wordTables...) || unicode.Is(unicode.Join_Control, r)
}
