package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
)

// templateItem is one item of a post-processor's output: special token ids, or the ids of the text.
type templateItem struct {
	ids  []int32
	text bool
}

// parsePostProcessor reads a post_processor; nil if it adds nothing.
func parsePostProcessor(raw json.RawMessage) ([]templateItem, error) {
	return parseComponent(raw, map[string]parser[[]templateItem]{
		"ByteLevel":          configured(func(byteLevelFile) ([]templateItem, error) { return nil, nil }), // affects positions, not ids
		"TemplateProcessing": configured(templateFile.items),
		"BertProcessing":     configured(frameFile.items),
		"RobertaProcessing":  configured(frameFile.items),
		"Sequence":           configured(sequenceTemplate),
	})
}

// sequenceTemplate allows at most one member that adds tokens, because the reference library does not chain several.
func sequenceTemplate(f struct {
	Type       string            `json:"type"`
	Processors []json.RawMessage `json:"processors"`
}) (template []templateItem, err error) {
	all, err := members("processors", f.Processors, parsePostProcessor)
	for i, items := range all {
		switch {
		case items == nil:
		case template != nil:
			return nil, fmt.Errorf("processors[%d]: a second one that adds tokens is not supported", i)
		default:
			template = items
		}
	}
	return template, err
}

// namedID is a spelling with its id.
type namedID struct{ ID int32 }

// UnmarshalJSON implements [json.Unmarshaler].
func (n *namedID) UnmarshalJSON(text []byte) error {
	var pair []json.RawMessage
	var name string
	if err := json.Unmarshal(text, &pair); err != nil || len(pair) != 2 {
		return fmt.Errorf("%.60s is not a pair of token and id", text)
	}
	return errors.Join(json.Unmarshal(pair[0], &name), json.Unmarshal(pair[1], &n.ID))
}

// frameFile is a BertProcessing, which puts one token before the text and one after it. Its other settings affect positions.
type frameFile struct {
	byteLevelFile
	Sep *namedID `json:"sep"`
	Cls *namedID `json:"cls"`
}

func (f frameFile) items() ([]templateItem, error) {
	if f.Sep == nil || f.Cls == nil {
		return nil, errors.New("sep or cls is missing")
	}
	items := []templateItem{{ids: []int32{f.Cls.ID}}, {text: true}, {ids: []int32{f.Sep.ID}}}
	return items, checkIDs(items)
}

// templateFile is a TemplateProcessing component. The template for text pairs is not used.
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

// items returns the template for a single text.
func (f templateFile) items() ([]templateItem, error) {
	items := []templateItem{}
	for i, part := range f.Single {
		switch {
		case part.Sequence != nil && part.SpecialToken == nil:
			if part.Sequence.ID != "A" {
				return nil, fmt.Errorf("single[%d]: Sequence is %q, must be \"A\"", i, part.Sequence.ID)
			}
			items = append(items, templateItem{text: true})
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
	return items, checkIDs(items)
}

// checkIDs refuses numbers that are not valid ids.
func checkIDs(items []templateItem) error {
	for _, item := range items {
		for _, id := range item.ids {
			if id < 0 || id > maxID {
				return fmt.Errorf("id %d is out of range", id)
			}
		}
	}
	return nil
}
