package tokenizer

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// parseSentencePiece reads a SentencePiece model. Where the sentencepiece library and transformers disagree, it follows
// transformers: special tokens are cut out of the text first; merges are ranked by the score of their result, then by
// its id; BPE never merges through pieces marked unused, and Unigram uses them like any other piece.
func parseSentencePiece(files map[string][]byte) (*pipeline, error) {
	m, err := parseSPModel(files["tokenizer.model"])
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return nil, fmt.Errorf("tokenizer.model is no SentencePiece model that can be read here (Llama 3 has a file of that name in "+
			"another form: save the tokenizer as tokenizer.json): %w", err)
	}
	s, added, err := readSettings(files, m.defaults)
	if err != nil {
		return nil, err
	}
	vocab, err := m.rename(added)
	if err != nil {
		return nil, err
	}
	p, err := s.assemble(map[string]any{
		"normalizer":    m.normalizer(&s),
		"pre_tokenizer": m.preTokenizer(&s),
		"model":         m.model(vocab),
		"decoder":       m.decoder(&s),
		"added_tokens":  withNamed(m.withControl(added), s.list(), vocab),
	})
	if err != nil {
		return nil, fmt.Errorf("tokenizer.model: %w", err)
	}
	if strings.HasPrefix(s.Class, "LlamaTokenizer") && !m.likeLlama() {
		p.name += " as sentencepiece reads it (LlamaTokenizer of transformers 5 does not)"
	}
	return p, nil
}

// likeLlama reports whether a model has the type and settings of Llama's, which the LlamaTokenizer of transformers 5
// assumes.
func (m *spModel) likeLlama() bool {
	n := &m.normalize
	return m.trainer.model == spBPE && m.trainer.byteFallback && n.dummyPrefix && !n.removeExtra && len(n.charsmap) == 0
}

// check refuses models with unsupported settings.
func (m *spModel) check() error {
	switch {
	case len(m.pieces) == 0:
		return errors.New("it has no pieces")
	case m.trainer.model != spUnigram && m.trainer.model != spBPE:
		return fmt.Errorf("model_type %d is neither Unigram nor BPE", m.trainer.model)
	case m.trainer.suffix:
		return errors.New("treat_whitespace_as_suffix is not supported")
	case !m.normalize.escape:
		return errors.New("escape_whitespaces false is not supported")
	case m.trainer.unk < 0 || int(m.trainer.unk) >= len(m.pieces):
		return fmt.Errorf("unk_id %d is not among the %d pieces", m.trainer.unk, len(m.pieces))
	}
	return nil
}

// defaults are the settings of those transformers classes that use a model's ids unchanged.
func (m *spModel) defaults(class string) (settings, error) {
	s := settings{namedTokens: namedTokens{Unk: special(m.pieces[m.trainer.unk].text)}}
	switch class {
	case "", "PreTrainedTokenizer", "TokenizersBackend":
		return s, nil
	case "LlamaTokenizer", "CodeLlamaTokenizer":
		s.AddBOS = new(true)
		return s, nil
	}
	return s, fmt.Errorf("tokenizer_class %q: how it reads tokenizer.model is not known here; save the tokenizer as tokenizer.json", class)
}

// rename gives pieces the names of the added tokens with the same ids, and returns all ids.
func (m *spModel) rename(added []addedToken) (map[string]int32, error) {
	for _, t := range added {
		if t.ID >= 0 && int(t.ID) < len(m.pieces) {
			m.pieces[t.ID].text = t.Content
		}
	}
	vocab := make(map[string]int32, len(m.pieces))
	for id, p := range m.pieces {
		if other, ok := vocab[p.text]; ok {
			return nil, fmt.Errorf("tokenizer.model: the pieces %d and %d are both %.40q", other, id, p.text)
		}
		vocab[p.text] = int32(id)
	}
	return vocab, nil
}

// withControl adds the control pieces to the added tokens.
func (m *spModel) withControl(added []addedToken) []addedToken {
	for id, p := range m.pieces {
		if p.kind == spControl && !slices.ContainsFunc(added, func(t addedToken) bool { return t.ID == int32(id) }) {
			added = append(added, addedToken{ID: int32(id), Content: p.text, Special: true})
		}
	}
	return added
}

// model builds the model section.
func (m *spModel) model(vocab map[string]int32) object {
	unk := m.pieces[m.trainer.unk].text
	if m.trainer.model == spBPE {
		return object{
			"type": "BPE", "vocab": vocab, "merges": m.merges(), "unk_token": unk, "fuse_unk": true,
			"byte_fallback": m.trainer.byteFallback, "ignore_merges": len(m.userDefined()) > 0,
		}
	}
	scored := make([][2]any, len(m.pieces))
	for id, p := range m.pieces {
		scored[id] = [2]any{p.text, float64(p.score)}
	}
	return object{"type": "Unigram", "vocab": scored, "unk_id": m.trainer.unk, "byte_fallback": m.trainer.byteFallback}
}

// merges lists every way to split a normal piece into two pieces, best result first.
func (m *spModel) merges() [][2]string {
	type ranked struct {
		score float32
		id    int
		pair  [2]string
	}
	normal := map[string]bool{}
	for _, p := range m.pieces {
		normal[p.text] = p.kind == spNormal
	}
	all := []ranked{}
	for id, p := range m.pieces {
		for at := range p.text {
			if at > 0 && p.kind == spNormal && normal[p.text[:at]] && normal[p.text[at:]] {
				all = append(all, ranked{p.score, id, [2]string{p.text[:at], p.text[at:]}})
			}
		}
	}
	slices.SortFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.id, b.id), cmp.Compare(a.pair[0], b.pair[0]))
	})
	pairs := make([][2]string, len(all))
	for i, r := range all {
		pairs[i] = r.pair
	}
	return pairs
}

// userDefined lists the pieces that are never split, longest first.
func (m *spModel) userDefined() []string {
	var all []string
	for _, p := range m.pieces {
		if p.kind == spUser {
			all = append(all, p.text)
		}
	}
	slices.SortStableFunc(all, func(a, b string) int { return cmp.Compare(utf8.RuneCountInString(b), utf8.RuneCountInString(a)) })
	return all
}

// prefix reports whether a blank is put before the text.
func (m *spModel) prefix(s *settings) bool {
	return m.normalize.dummyPrefix && or(s.AddPrefixSpace, true)
}

// legacy reports whether a blank is also put after each special token.
func legacy(s *settings) bool { return or(s.Legacy, true) }

// normalizer builds the normalizer section, in SentencePiece's order.
func (m *spModel) normalizer(s *settings) object {
	steps := []object{}
	replace := func(kind, old, with string) {
		steps = append(steps, object{"type": "Replace", "pattern": object{kind: old}, "content": with})
	}
	if len(m.normalize.charsmap) > 0 {
		steps = append(steps, object{"type": "Precompiled", "precompiled_charsmap": base64.StdEncoding.EncodeToString(m.normalize.charsmap)})
	}
	if m.normalize.removeExtra {
		replace("Regex", `\A +| +\z`, "")
		replace("Regex", " {2,}", " ")
	}
	replace("String", " ", mark)
	if m.prefix(s) && legacy(s) {
		replace("Regex", `\A`+mark, mark+mark) // Metaspace adds none if there is one already
	}
	return object{"type": "Sequence", "normalizers": steps}
}

// mark is SentencePiece's visible blank.
const mark = "▁"

// preTokenizer builds the section that adds the blank and keeps user-defined pieces whole.
func (m *spModel) preTokenizer(s *settings) any {
	steps := []object{}
	if m.prefix(s) {
		scheme := "first"
		if legacy(s) {
			scheme = "always"
		}
		steps = append(steps, object{"type": "Metaspace", "replacement": mark, "prepend_scheme": scheme, "split": false})
	}
	var whole []string
	for _, piece := range m.userDefined() {
		whole = append(whole, regexp.QuoteMeta(piece))
	}
	if len(whole) > 0 {
		steps = append(steps, object{"type": "Split", "pattern": object{"Regex": strings.Join(whole, "|")}, "behavior": "Isolated", "invert": false})
	}
	if len(steps) == 0 {
		return nil
	}
	return object{"type": "Sequence", "pretokenizers": steps}
}

// decoder builds the decoder section.
func (m *spModel) decoder(s *settings) object {
	steps := []object{{"type": "Replace", "pattern": object{"String": mark}, "content": " "}}
	if m.trainer.byteFallback {
		steps = append(steps, object{"type": "ByteFallback"})
	}
	steps = append(steps, object{"type": "Fuse"})
	if m.prefix(s) {
		steps = append(steps, object{"type": "Strip", "content": " ", "start": 1, "stop": 0})
	}
	return object{"type": "Sequence", "decoders": steps}
}
