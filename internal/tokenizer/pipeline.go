package tokenizer

import (
	"slices"
	"strings"
	"sync"
)

// pipeline is a tokenizer.json, ready for use.
type pipeline struct {
	name      string // of the form that the tokenizer was read from, and the kind of its model
	sha256    string
	raw       addedTokens         // cut out of the text as it comes
	normal    addedTokens         // cut out of normalised text
	normalize normalizer          // nil: none
	split     preTokenizer        // nil: a part is one word
	spell     func(string) string // how a word is spelled for the model; nil: as it is
	model     model
	decoders  []decoder
	template  []templateItem // nil: ids alone
	ids       map[string]int32
	pieces    map[int32]string
	vocab     int
	plain     int // Vocab of what plain text can become
	// Caches of words, without and with special tokens: of type *wordCache.
	plainWords, specialWords sync.Pool
}

// model encodes one word.
type model interface {
	// encode appends the word's ids to ids. With special unset, pieces that are special tokens do not take part.
	encode(ids []int32, word string, special bool) []int32
	// vocabulary returns the ids of the model's own pieces.
	vocabulary() map[string]int32
	// exclude names the ids of special tokens.
	exclude(special map[int32]bool)
}

// Encode implements Tokenizer.
func (p *pipeline) Encode(text string) []int32 { return p.encode(text, false) }

// EncodeSpecial implements Tokenizer.
func (p *pipeline) EncodeSpecial(text string) []int32 { return p.encode(text, true) }

// encode runs the whole way.
func (p *pipeline) encode(text string, special bool) []int32 {
	pool := &p.plainWords
	if special {
		pool = &p.specialWords
	}
	cache, _ := pool.Get().(*wordCache)
	if cache == nil {
		cache = &wordCache{special: special, where: map[string]span{}}
	}
	defer pool.Put(cache)
	ids := make([]int32, 0, len(text)/3)
	word := func(w string) { ids = p.encodeWord(cache, ids, w) }
	p.raw.cut(text, special, func(id int32, part string, at int) {
		if part == "" {
			ids = append(ids, id)
			return
		}
		if p.normalize != nil {
			part = p.normalize(part)
		}
		p.normal.cut(part, special, func(id int32, part string, within int) {
			switch {
			case part == "":
				ids = append(ids, id)
			case p.split == nil:
				word(part)
			default:
				p.split(part, at+within == 0, word)
			}
		})
	})
	return ids
}

// The limits of a wordCache: words to keep, and bytes of a word worth keeping.
const (
	maxCached  = 1 << 16
	maxWordLen = 128
)

// wordCache remembers the ids of words. Each call of encode has one to itself.
type wordCache struct {
	special bool
	where   map[string]span
	ids     []int32
}

// span is a range of wordCache.ids.
type span struct{ lo, hi int }

// encodeWord appends the ids of one word.
func (p *pipeline) encodeWord(cache *wordCache, ids []int32, word string) []int32 {
	if s, ok := cache.where[word]; ok {
		return append(ids, cache.ids[s.lo:s.hi]...)
	}
	start := len(ids)
	spelled := word
	if p.spell != nil {
		spelled = p.spell(word)
	}
	ids = p.model.encode(ids, spelled, cache.special)
	if len(word) <= maxWordLen {
		if len(cache.where) >= maxCached {
			clear(cache.where)
			cache.ids = cache.ids[:0]
		}
		lo := len(cache.ids)
		cache.ids = append(cache.ids, ids[start:]...)
		cache.where[strings.Clone(word)] = span{lo, len(cache.ids)}
	}
	return ids
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
func (p *pipeline) Decode(ids []int32) string {
	tokens := make([]string, 0, len(ids))
	for _, id := range ids {
		if piece, ok := p.pieces[id]; ok {
			tokens = append(tokens, piece)
		}
	}
	if p.decoders == nil {
		return strings.Join(tokens, " ")
	}
	for _, d := range p.decoders {
		tokens = d(tokens)
	}
	return strings.Join(tokens, "")
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
