package tokenizer

import (
	"math"
	"slices"
	"unicode/utf8"
)

// unkPenalty is how far below the worst piece an unknown character scores.
const unkPenalty = 10

// unigram is a unigram language model of pieces (Kudo 2018, arXiv:1804.10959). It segments a word into the pieces with
// the greatest sum of log-probabilities.
type unigram struct {
	lexicon
	scores   []float64
	trie     trie
	unk      int32 // -1: none
	unkScore float64
	bytes    *[256]symbol // the pieces <0x00> to <0xFF>, id negative if missing; nil: no byte fallback
}

// newUnigram prepares a model; a piece's id is its index.
func newUnigram(pieces []string, scores []float64, unk int32) *unigram {
	m := &unigram{lexicon: lexicon{vocab: make(map[string]int32, len(pieces))}, scores: scores, unk: unk, unkScore: -unkPenalty}
	if len(scores) > 0 {
		m.unkScore = slices.Min(scores) - unkPenalty
	}
	for id, piece := range pieces {
		m.vocab[piece] = int32(id)
		m.trie.add(piece, int32(id))
	}
	return m
}

// node is the best segmentation up to a position: its score and last piece.
type node struct {
	score float64
	start int
	id    int32
}

// encode implements model.
func (m *unigram) encode(ids []int32, word string, special bool) ([]int32, error) {
	best := m.viterbi(word, special)
	var parts []string
	unknownTo := -1 // the end of a run of unknown characters, which becomes one piece
	for end := len(word); end > 0; end = best[end].start {
		n := best[end]
		switch {
		case n.id != m.unk:
			parts = append(parts, word[n.start:end])
		case unknownTo < 0:
			unknownTo = end
		}
		if unknownTo >= 0 && (n.start == 0 || best[n.start].id != m.unk) {
			parts = append(parts, word[n.start:unknownTo])
			unknownTo = -1
		}
	}
	for _, part := range slices.Backward(parts) {
		ids = m.append(ids, part)
	}
	return ids, nil
}

// viterbi returns the best segmentation up to every position of word. On a tie the first one found stays, which has the
// longest last piece.
func (m *unigram) viterbi(word string, special bool) []node {
	best := make([]node, len(word)+1)
	for i := range best {
		best[i].score = math.Inf(-1)
		best[i].start = -1
	}
	best[0].score = 0
	offer := func(end int, n node) {
		if best[end].start < 0 || n.score > best[end].score {
			best[end] = n
		}
	}
	for at := 0; at < len(word); {
		_, char := utf8.DecodeRuneInString(word[at:])
		single := false
		m.trie.prefixes(word[at:], func(n int, id int32) {
			if special || !m.special[id] {
				offer(at+n, node{best[at].score + m.scores[id], at, id})
				single = single || n == char
			}
		})
		if !single {
			offer(at+char, node{best[at].score + m.unkScore, at, m.unk})
		}
		at += char
	}
	return best
}

// append appends the ids of a segment: a piece or unknown characters.
func (m *unigram) append(ids []int32, part string) []int32 {
	id, ok := m.vocab[part]
	switch {
	case ok:
		return append(ids, id)
	case spellable(m.bytes, part):
		for i := range len(part) {
			ids = append(ids, m.bytes[part[i]].id)
		}
	case m.unk >= 0:
		ids = append(ids, m.unk)
	}
	return ids
}

// spellsAll reports whether every byte has a fallback piece.
func (m *unigram) spellsAll() bool {
	if m.bytes == nil {
		return false
	}
	return !slices.ContainsFunc(m.bytes[:], func(s symbol) bool { return s.id < 0 })
}

// trie finds the pieces that begin a text.
type trie struct {
	next  map[edge]int32 // to another node; the root is 0
	piece []int32        // by node: the id of the piece that ends there, or -1
}

// edge is a node and the byte that leaves it.
type edge struct {
	node int32
	b    byte
}

// add adds a piece to the trie.
func (t *trie) add(piece string, id int32) {
	if t.next == nil {
		t.next, t.piece = map[edge]int32{}, []int32{-1}
	}
	at := int32(0)
	for i := range len(piece) {
		e := edge{at, piece[i]}
		to, ok := t.next[e]
		if !ok {
			to = int32(len(t.piece))
			t.next[e] = to
			t.piece = append(t.piece, -1)
		}
		at = to
	}
	if at != 0 {
		t.piece[at] = id
	}
}

// prefixes calls found with the length and id of each piece that begins text, shortest first.
func (t *trie) prefixes(text string, found func(n int, id int32)) {
	at := int32(0)
	for i := range len(text) {
		to, ok := t.next[edge{at, text[i]}]
		if !ok {
			return
		}
		at = to
		if id := t.piece[at]; id >= 0 {
			found(i+1, id)
		}
	}
}
