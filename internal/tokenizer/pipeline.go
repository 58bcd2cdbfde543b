package tokenizer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// pipeline is a loaded tokenizer.json.
type pipeline struct {
	name      string // the form it was read from and the type of its model
	sha256    string
	raw       addedTokens         // cut out of the raw text
	normal    addedTokens         // cut out of normalized text
	normalize normalizer          // nil: none
	split     preTokenizer        // nil: each part is one word
	spell     func(string) string // spells a word for the model; nil: unchanged
	model     model
	decode    decoder        // nil: pieces are joined by spaces
	template  []templateItem // nil: ids only
	ids       map[string]int32
	pieces    map[int32]string
	vocab     int
	plain     int // Vocab of the ids that plain text can yield
	// Pools of *wordCache, for encoding without and with special tokens.
	plainWords, specialWords sync.Pool
}

// model encodes one word.
type model interface {
	// encode appends the word's ids to ids. Unless special is set, pieces that are special tokens are not used. It
	// fails on an unknown word if the model has no unknown piece.
	encode(ids []int32, word string, special bool) ([]int32, error)
	// vocabulary returns the ids of the model's own pieces.
	vocabulary() map[string]int32
	// exclude names the ids of special tokens.
	exclude(special map[int32]bool)
}

// lexicon holds the pieces of a model, some of which may be special tokens.
type lexicon struct {
	vocab   map[string]int32
	special map[int32]bool
}

func (l *lexicon) vocabulary() map[string]int32   { return l.vocab }
func (l *lexicon) exclude(special map[int32]bool) { l.special = special }

// lookup returns the id of a piece. It finds special tokens only if special is set.
func (l *lexicon) lookup(piece string, special bool) (id int32, ok bool) {
	id, ok = l.vocab[piece]
	return id, ok && (special || !l.special[id])
}

// Encode implements Tokenizer.
func (p *pipeline) Encode(text string) ([]int32, error) { return p.encode(text, false) }

// EncodeSpecial implements Tokenizer.
func (p *pipeline) EncodeSpecial(text string) ([]int32, error) { return p.encode(text, true) }

// encode runs the whole pipeline.
func (p *pipeline) encode(text string, special bool) ([]int32, error) {
	pool := &p.plainWords
	if special {
		pool = &p.specialWords
	}
	cache, _ := pool.Get().(*wordCache)
	if cache == nil {
		cache = &wordCache{special: special, where: map[string]span{}}
	}
	defer pool.Put(cache)
	e := encoding{pipeline: p, cache: cache, ids: make([]int32, 0, len(text)/3)}
	p.raw.cut(text, special, func(id int32, part string, at int) {
		if part == "" {
			e.ids = append(e.ids, id)
		} else {
			e.part(part, at == 0)
		}
	})
	if e.err != nil {
		return nil, fmt.Errorf("encode: %w", e.err)
	}
	return e.ids, nil
}

// encoding is a text in progress: the ids so far, or the error that stopped it.
type encoding struct {
	*pipeline
	cache *wordCache
	ids   []int32
	err   error
}

// part encodes the text between two added tokens; first reports whether it begins the text.
func (e *encoding) part(part string, first bool) {
	if e.err != nil {
		return
	}
	n := normal{text: part}
	if e.normalize != nil {
		if n, e.err = e.normalize(n); e.err != nil {
			return
		}
	}
	first = first && !n.moved
	e.normal.cut(n.text, e.cache.special, func(id int32, part string, at int) {
		switch {
		case part == "":
			e.ids = append(e.ids, id)
		case e.split == nil:
			e.word(part, first)
		case e.err == nil:
			e.err = errors.Join(e.split(part, first && at == 0, e.word), e.err)
		}
	})
}

// word appends the ids of one word.
func (e *encoding) word(word string, _ bool) {
	if e.err == nil {
		e.ids, e.err = e.encodeWord(e.cache, e.ids, word)
	}
}

// Limits of a wordCache: the number of words, and the length of a cached word in bytes.
const (
	maxCached  = 1 << 16
	maxWordLen = 128
)

// wordCache caches the ids of words. Each call of encode has its own.
type wordCache struct {
	special bool
	where   map[string]span
	ids     []int32
}

// span is a range of wordCache.ids.
type span struct{ lo, hi int }

// encodeWord appends the ids of one word.
func (p *pipeline) encodeWord(cache *wordCache, ids []int32, word string) ([]int32, error) {
	if s, ok := cache.where[word]; ok {
		return append(ids, cache.ids[s.lo:s.hi]...), nil
	}
	start := len(ids)
	spelled := word
	if p.spell != nil {
		spelled = p.spell(word)
	}
	ids, err := p.model.encode(ids, spelled, cache.special)
	if err != nil {
		return nil, err
	}
	if len(word) <= maxWordLen {
		if len(cache.where) >= maxCached {
			clear(cache.where)
			cache.ids = cache.ids[:0]
		}
		lo := len(cache.ids)
		cache.ids = append(cache.ids, ids[start:]...)
		cache.where[strings.Clone(word)] = span{lo, len(cache.ids)}
	}
	return ids, nil
}

// Wrap implements Tokenizer.
func (p *pipeline) Wrap(ids []int32) []int32 {
	if p.template == nil {
		return slices.Clone(ids)
	}
	var out []int32
	for _, item := range p.template {
		if item.text {
			out = append(out, ids...)
		} else {
			out = append(out, item.ids...)
		}
	}
	return out
}

// Decode implements Tokenizer.
func (p *pipeline) Decode(ids []int32) (string, error) {
	tokens := make([]string, 0, len(ids))
	for _, id := range ids {
		if piece, ok := p.pieces[id]; ok {
			tokens = append(tokens, piece)
		}
	}
	if p.decode == nil {
		return strings.Join(tokens, " "), nil
	}
	tokens, err := p.decode(tokens)
	if err != nil {
		return "", fmt.Errorf("decode: %w", err)
	}
	return strings.Join(tokens, ""), nil
}

// Vocab implements Tokenizer.
func (p *pipeline) Vocab() int { return p.vocab }

// PlainVocab implements Tokenizer.
func (p *pipeline) PlainVocab() int { return p.plain }

// Token implements Tokenizer.
func (p *pipeline) Token(id int32) string { return p.pieces[id] }

// Name implements Tokenizer.
func (p *pipeline) Name() string { return p.name }

// ID implements Tokenizer.
func (p *pipeline) ID(token string) (int32, bool) {
	id, ok := p.ids[token]
	return id, ok
}

// SHA256 implements Tokenizer.
func (p *pipeline) SHA256() string { return p.sha256 }
