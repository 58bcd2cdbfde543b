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
	var words splitting
	var added []addedToken
	for _, step := range []struct {
		section string
		parse   func(raw json.RawMessage) error
	}{
		{"normalizer", func(raw json.RawMessage) (err error) { p.normalize, err = parseNormalizer(raw); return err }},
		{"pre_tokenizer", func(raw json.RawMessage) (err error) { words, err = parsePreTokenizer(raw); return err }},
		{"post_processor", func(raw json.RawMessage) (err error) { p.template, err = parsePostProcessor(raw); return err }},
		{"decoder", func(raw json.RawMessage) (err error) { p.decode, err = parseDecoder(raw); return err }},
		{"model", func(raw json.RawMessage) (err error) { p.model, p.name, err = parseModel(raw); return err }},
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
	if p.split = words.split; words.byteLevel {
		p.spell = spellBytes
	}
	return p.index(added)
}

// parser reads a component of the file.
type parser[C any] func(raw json.RawMessage) (C, error)

// parseComponent reads a component with the parser for its type. It returns the zero C for null.
func parseComponent[C any](raw json.RawMessage, parsers map[string]parser[C]) (c C, err error) {
	what, err := kind(raw)
	if what == "" || err != nil {
		return c, err
	}
	parse, ok := parsers[what]
	if !ok {
		return c, unsupported(what)
	}
	return parse(raw)
}

// configured returns the parser of a component with settings S.
func configured[S, C any](build func(settings S) (C, error)) parser[C] {
	return func(raw json.RawMessage) (c C, err error) {
		var settings S
		if err := strictjson.Unmarshal(raw, &settings); err != nil {
			return c, err
		}
		return build(settings)
	}
}

// bareFile is a component without settings.
type bareFile struct {
	Type string `json:"type"`
}

// bare returns the parser of a component without settings.
func bare[C any](c C) parser[C] {
	return configured(func(bareFile) (C, error) { return c, nil })
}

// members reads the members of a Sequence, which are in the given list.
func members[C any](list string, raws []json.RawMessage, parse parser[C]) ([]C, error) {
	all := make([]C, len(raws))
	for i, raw := range raws {
		var err error
		if all[i], err = parse(raw); err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", list, i, err)
		}
	}
	return all, nil
}

// inTurn chains steps. A nil step, read from null, does nothing.
func inTurn[S ~func(T) (T, error), T any](steps []S) S {
	return func(v T) (_ T, err error) {
		for _, step := range steps {
			if step == nil {
				continue
			}
			if v, err = step(v); err != nil {
				break
			}
		}
		return v, err
	}
}

// or returns an optional setting, or its default.
func or[T any](setting *T, value T) T {
	if setting == nil {
		return value
	}
	return *setting
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
