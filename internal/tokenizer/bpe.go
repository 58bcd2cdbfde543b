package tokenizer

import (
	"fmt"
	"unicode/utf8"
)

// bpe is byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909). A word starts as single characters. The adjacent
// pair whose merge comes first in the list is joined, leftmost on a tie, until no merge applies.
type bpe struct {
	lexicon
	chars     map[rune]symbol // single-character pieces
	bytes     *[256]symbol    // the pieces <0x00> to <0xFF>, id negative if missing; nil: no byte fallback
	merges    map[[2]int32]merge
	seams     map[seam]bool // the seams that some merge crosses
	unk       *symbol       // nil: unknown characters vanish
	unkName   *string       // not nil with unk nil: unknown characters are an error
	prefix    string        // on pieces that do not begin a word
	suffix    string        // on pieces that end a word
	fuseUnk   bool
	wholeWord bool // ignore_merges: a word that is itself a piece is not merged
}

// symbol is a piece with its first and last character.
type symbol struct {
	id          int32
	first, last rune
}

// merge is the rank of a pair and the symbol it becomes.
type merge struct{ rank, id int32 }

// seam is the boundary between two pieces: the last character of one and the first of the next.
type seam struct{ last, first rune }

// newSymbol describes a piece.
func newSymbol(piece string, id int32) symbol {
	first, _ := utf8.DecodeRuneInString(piece)
	last, _ := utf8.DecodeLastRuneInString(piece)
	return symbol{id, first, last}
}

// newBPE prepares a model. pairs are the merges in order; prefix marks pieces inside a word and suffix pieces that end
// one. Both may be empty.
func newBPE(vocab map[string]int32, pairs []mergePair, prefix, suffix string) (*bpe, error) {
	m := &bpe{lexicon: lexicon{vocab: vocab}, chars: map[rune]symbol{}, merges: make(map[[2]int32]merge, len(pairs)), seams: map[seam]bool{},
		prefix: prefix, suffix: suffix}
	for piece, id := range vocab {
		if utf8.RuneCountInString(piece) == 1 {
			s := newSymbol(piece, id)
			m.chars[s.first] = s
		}
	}
	for rank, pair := range pairs {
		a, okA := vocab[pair[0]]
		b, okB := vocab[pair[1]]
		joined, ok := vocab[pair[0]+pair[1][min(len(prefix), len(pair[1])):]]
		if !okA || !okB || !ok || pair[0] == "" || pair[1] == "" {
			return nil, fmt.Errorf("merges[%d] (%.40q, %.40q): both pieces and what they make must be in vocab", rank, pair[0], pair[1])
		}
		m.merges[[2]int32{a, b}] = merge{int32(rank), joined}
		m.seams[seam{newSymbol(pair[0], a).last, newSymbol(pair[1], b).first}] = true
	}
	return m, nil
}

// byteSymbols collects the pieces <0x00> to <0xFF>.
func byteSymbols(vocab map[string]int32) *[256]symbol {
	var table [256]symbol
	for b := range table {
		piece := fmt.Sprintf("<0x%02X>", b)
		id, ok := vocab[piece]
		if !ok {
			id = -1
		}
		table[b] = newSymbol(piece, id)
	}
	return &table
}

// encode implements model.
func (m *bpe) encode(ids []int32, word string, special bool) ([]int32, error) {
	if m.wholeWord {
		if id, ok := m.lookup(word, special); ok {
			return append(ids, id), nil
		}
	}
	symbols, err := m.symbols(word)
	if err != nil {
		return nil, err
	}
	var work merger
	for len(symbols) > 0 {
		// No merge crosses a seam that is not in the table, so the text between two such seams is a word of its own.
		n := 1
		for n < len(symbols) && m.seams[seam{symbols[n-1].last, symbols[n].first}] {
			n++
		}
		ids = work.run(m, ids, symbols[:n])
		symbols = symbols[n:]
	}
	return ids, nil
}

// symbols looks up the characters of a word. A character without a piece becomes its bytes if there is a byte fallback,
// else the unknown piece.
func (m *bpe) symbols(word string) ([]symbol, error) {
	list := make([]symbol, 0, len(word))
	unknown := false // an unknown piece is pending; later ones may fuse with it
	for i, n := 0, 0; i < len(word); i += n {
		_, n = utf8.DecodeRuneInString(word[i:])
		s, piece, ok := m.symbol(word, i, i+n)
		switch {
		case ok:
			if unknown {
				list, unknown = append(list, *m.unk), false
			}
			list = append(list, s)
		case spellable(m.bytes, piece):
			for _, b := range []byte(piece) {
				list = append(list, m.bytes[b])
			}
		case m.unk != nil:
			if unknown && !m.fuseUnk {
				list = append(list, *m.unk)
			}
			unknown = true
		case m.unkName != nil:
			return nil, fmt.Errorf("%q has no piece, and unk_token %q is not in vocab", piece, *m.unkName)
		}
	}
	if unknown {
		list = append(list, *m.unk)
	}
	return list, nil
}

// symbol looks up the character at word[i:end], whose spelling as a piece depends on its place.
func (m *bpe) symbol(word string, i, end int) (s symbol, piece string, ok bool) {
	piece = word[i:end]
	first, last := i == 0 || m.prefix == "", end < len(word) || m.suffix == ""
	if first && last {
		r, n := utf8.DecodeRuneInString(piece)
		s, ok = m.chars[r]
		return s, piece, ok && (r != utf8.RuneError || n > 1)
	}
	if !first {
		piece = m.prefix + piece
	}
	if !last {
		piece += m.suffix
	}
	id, ok := m.vocab[piece]
	return newSymbol(piece, id), piece, ok
}

// spellable reports whether there is a byte fallback with a piece for every byte of s.
func spellable(bytes *[256]symbol, s string) bool {
	if bytes == nil {
		return false
	}
	for i := range len(s) {
		if bytes[s[i]].id < 0 {
			return false
		}
	}
	return true
}
