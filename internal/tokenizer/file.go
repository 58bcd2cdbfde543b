package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"unicode/utf8"

	"github.com/archbench/archbench/internal/strictjson"
)

// maxID keeps a malformed id from looking like a vocabulary of billions.
const maxID = 1 << 28

// parseFile reads a tokenizer.json.
func parseFile(data []byte) (*pipeline, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not valid UTF-8")
	}
	sections := map[string]json.RawMessage{}
	dec := json.NewDecoder(bytes.NewReader(data))
	err := strictjson.Object(dec, func(key string) error {
		switch key {
		case "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model":
		default:
			return fmt.Errorf("unknown key %q", key)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		sections[key] = raw
		return nil
	})
	if err == nil {
		err = strictjson.End(dec)
	}
	if err != nil {
		return nil, err
	}
	p := &pipeline{}
	return p, p.build(sections)
}

// build makes the stages from the sections of the file.
func (p *pipeline) build(sections map[string]json.RawMessage) error {
	var byteLevel bool
	var added []addedToken
	for _, step := range []struct {
		section string
		parse   func(raw json.RawMessage) error
	}{
		{"normalizer", func(raw json.RawMessage) (err error) { p.normalize, err = parseNormalizer(raw); return err }},
		{"pre_tokenizer", func(raw json.RawMessage) (err error) { p.split, byteLevel, err = parsePreTokenizer(raw); return err }},
		{"post_processor", func(raw json.RawMessage) (err error) { p.template, err = parsePostProcessor(raw); return err }},
		{"decoder", func(raw json.RawMessage) (err error) { p.decoders, err = parseDecoder(raw); return err }},
		{"model", func(raw json.RawMessage) (err error) { p.model, err = parseModel(raw, byteLevel); return err }},
		{"added_tokens", func(raw json.RawMessage) error { return strictjson.Unmarshal(raw, &added) }},
	} {
		raw := sections[step.section]
		if raw == nil {
			raw = json.RawMessage("null")
		}
		if err := step.parse(raw); err != nil {
			return fmt.Errorf("%s: %w", step.section, err)
		}
	}
	if byteLevel {
		p.spell = spellBytes
	}
	p.name = modelType(sections["model"])
	return p.index(added)
}

// index fills the tables of ids and takes in the added tokens.
func (p *pipeline) index(added []addedToken) error {
	p.ids, p.pieces = maps.Clone(p.model.vocabulary()), map[int32]string{}
	for piece, id := range p.ids {
		if other, ok := p.pieces[id]; ok {
			return fmt.Errorf("model: vocab: %q and %q share id %d", min(piece, other), max(piece, other), id)
		}
		p.pieces[id] = piece
	}
	special := map[int32]bool{}
	for i, t := range added {
		piece, taken := p.pieces[t.ID]
		id, known := p.ids[t.Content]
		switch {
		case t.Content == "":
			return fmt.Errorf("added_tokens[%d]: has no content", i)
		case t.ID < 0 || t.ID > maxID:
			return fmt.Errorf("added_tokens[%d]: id %d is out of range", i, t.ID)
		case taken && piece != t.Content:
			return fmt.Errorf("added_tokens[%d]: id %d of %q belongs to %q", i, t.ID, t.Content, piece)
		case known && id != t.ID:
			return fmt.Errorf("added_tokens[%d]: %q has id %d here and %d elsewhere", i, t.Content, t.ID, id)
		}
		p.ids[t.Content], p.pieces[t.ID] = t.ID, t.Content
		if t.Special {
			special[t.ID] = true
		}
		switch {
		case t.Normalized && p.normalize != nil:
			p.normal.add(t, p.normalize(t.Content))
		case t.Normalized:
			p.normal.add(t, t.Content)
		default:
			p.raw.add(t, t.Content)
		}
	}
	p.model.exclude(special)
	for id := range p.pieces {
		p.vocab = max(p.vocab, int(id)+1)
		if _, own := p.model.vocabulary()[p.pieces[id]]; own || !special[id] {
			p.plain = max(p.plain, int(id)+1)
		}
	}
	return nil
}

// kind reads the type of a component; "" for null.
func kind(raw json.RawMessage) (string, error) {
	var c *struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return "", err
	}
	switch {
	case c == nil:
		return "", nil
	case c.Type == "":
		return "", errors.New("has no type")
	}
	return c.Type, nil
}

// unsupported is the error about a component that exists in the format but not here.
func unsupported(what string) error { return fmt.Errorf("type %q is not supported", what) }

// pattern is what Replace looks for.
type pattern struct {
	String *string `json:"String"`
	Regex  *string `json:"Regex"`
}

// text returns the literal pattern.
func (p pattern) text() (string, error) {
	switch {
	case p.Regex != nil:
		return "", fmt.Errorf("pattern: Regex %q is not supported", *p.Regex)
	case p.String == nil || *p.String == "":
		return "", errors.New("pattern: is empty")
	}
	return *p.String, nil
}
