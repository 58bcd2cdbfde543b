package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/archbench/archbench/internal/strictjson"
)

// templateItem is a part of what a post-processor makes: the ids of a special token, or those of the text.
type templateItem struct {
	ids  []int32
	text bool
}

// parsePostProcessor reads a post_processor; nil where it adds nothing.
func parsePostProcessor(raw json.RawMessage) ([]templateItem, error) {
	what, err := kind(raw)
	if what == "" || err != nil {
		return nil, err
	}
	switch what {
	case "ByteLevel": // concerns positions, not ids
		return nil, strictjson.Unmarshal(raw, &byteLevelFile{})
	case "TemplateProcessing":
		return parseTemplate(raw)
	case "Sequence":
		return parsePostProcessors(raw)
	}
	return nil, unsupported(what)
}

// parsePostProcessors reads a sequence, in which one member may add something.
func parsePostProcessors(raw json.RawMessage) ([]templateItem, error) {
	var f struct {
		Type       string            `json:"type"`
		Processors []json.RawMessage `json:"processors"`
	}
	if err := strictjson.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
	var template []templateItem
	for i, sub := range f.Processors {
		items, err := parsePostProcessor(sub)
		if err != nil {
			return nil, fmt.Errorf("processors[%d]: %w", i, err)
		}
		if items != nil && template != nil {
			return nil, fmt.Errorf("processors[%d]: a second template is not supported", i)
		}
		if items != nil {
			template = items
		}
	}
	return template, nil
}

// templateFile is a TemplateProcessing component. The template for pairs of texts is not used.
type templateFile struct {
	Type   string `json:"type"`
	Single []struct {
		SpecialToken *templateRef `json:"SpecialToken"`
		Sequence     *templateRef `json:"Sequence"`
	} `json:"single"`
	Pair          json.RawMessage `json:"pair"`
	SpecialTokens map[string]struct {
		ID     string   `json:"id"`
		IDs    []int32  `json:"ids"`
		Tokens []string `json:"tokens"`
	} `json:"special_tokens"`
}

// templateRef names a special token or a text.
type templateRef struct {
	ID     string `json:"id"`
	TypeID int    `json:"type_id"`
}

// parseTemplate reads the template for a single text.
func parseTemplate(raw json.RawMessage) ([]templateItem, error) {
	var f templateFile
	if err := strictjson.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
	var items []templateItem
	texts := 0
	for i, part := range f.Single {
		switch {
		case part.Sequence != nil && part.SpecialToken == nil:
			items = append(items, templateItem{text: true})
			texts++
		case part.SpecialToken != nil && part.Sequence == nil:
			token, ok := f.SpecialTokens[part.SpecialToken.ID]
			if !ok {
				return nil, fmt.Errorf("single[%d]: %q is not in special_tokens", i, part.SpecialToken.ID)
			}
			items = append(items, templateItem{ids: token.IDs})
		default:
			return nil, fmt.Errorf("single[%d]: is neither SpecialToken nor Sequence", i)
		}
	}
	if texts != 1 {
		return nil, errors.New("single: must hold the text once")
	}
	return items, nil
}
