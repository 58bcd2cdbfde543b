package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/archbench/archbench/internal/strictjson"
)

// maxID rejects malformed ids that would imply a vocabulary of billions.
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

// build makes the stages from the file's sections.
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
		{"model", func(raw json.RawMessage) (err error) { p.model, err = parseModel(raw); return err }},
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

// kind reads a component's type; "" for null.
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

// unsupported is the error for a component that the format has and this package lacks.
func unsupported(what string) error { return fmt.Errorf("type %q is not supported", what) }
