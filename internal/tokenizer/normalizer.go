package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/archbench/archbench/internal/strictjson"
)

// normalizer rewrites a part of the text before it is split.
type normalizer func(string) string

// parseNormalizer reads a normalizer; nil for null.
func parseNormalizer(raw json.RawMessage) (normalizer, error) {
	what, err := kind(raw)
	if what == "" || err != nil {
		return nil, err
	}
	switch what {
	case "NFC":
		return norm.NFC.String, nil
	case "NFD":
		return norm.NFD.String, nil
	case "NFKC":
		return norm.NFKC.String, nil
	case "NFKD":
		return norm.NFKD.String, nil
	case "Prepend":
		return parsePrepend(raw)
	case "Replace":
		return parseReplace(raw)
	case "Sequence":
		return parseNormalizers(raw)
	}
	return nil, unsupported(what)
}

// parsePrepend reads a normalizer that puts a string before a text that is not empty.
func parsePrepend(raw json.RawMessage) (normalizer, error) {
	var f struct {
		Type    string `json:"type"`
		Prepend string `json:"prepend"`
	}
	if err := strictjson.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
	return func(s string) string {
		if s == "" {
			return ""
		}
		return f.Prepend + s
	}, nil
}

// parseReplace reads a normalizer, or part of a decoder, that replaces a string.
func parseReplace(raw json.RawMessage) (normalizer, error) {
	var f struct {
		Type    string  `json:"type"`
		Pattern pattern `json:"pattern"`
		Content string  `json:"content"`
	}
	if err := strictjson.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
	old, err := f.Pattern.text()
	if err != nil {
		return nil, err
	}
	return func(s string) string { return strings.ReplaceAll(s, old, f.Content) }, nil
}

// parseNormalizers reads a sequence.
func parseNormalizers(raw json.RawMessage) (normalizer, error) {
	var f struct {
		Type        string            `json:"type"`
		Normalizers []json.RawMessage `json:"normalizers"`
	}
	if err := strictjson.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
	var steps []normalizer
	for i, sub := range f.Normalizers {
		step, err := parseNormalizer(sub)
		if err != nil {
			return nil, fmt.Errorf("normalizers[%d]: %w", i, err)
		}
		if step != nil {
			steps = append(steps, step)
		}
	}
	return func(s string) string {
		for _, step := range steps {
			s = step(s)
		}
		return s
	}, nil
}
