package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// parseVocabMerges reads a byte-level BPE from vocab.json and merges.txt, as transformers does.
func parseVocabMerges(files map[string][]byte) (*pipeline, error) {
	vocab, err := parseVocab(files["vocab.json"])
	if err != nil {
		return nil, fmt.Errorf("vocab.json: %w", err)
	}
	merges, err := parseMergeLines(string(files["merges.txt"]))
	if err != nil {
		return nil, fmt.Errorf("merges.txt:%w", err)
	}
	s, added, err := readSettings(files, byteLevelDefaults)
	if err != nil {
		return nil, err
	}
	return s.assemble(map[string]any{
		"normalizer":    s.normalizer,
		"pre_tokenizer": s.byteLevelSplit(),
		"model":         object{"type": "BPE", "vocab": vocab, "merges": merges},
		"decoder":       object{"type": "ByteLevel"},
		"added_tokens":  withNamed(added, s.list(), vocab),
	})
}

// object is a component of a tokenizer.json.
type object map[string]any

// assemble makes a tokenizer from tokenizer.json sections, with the tokens that the class puts around a document.
func (s *settings) assemble(sections map[string]any) (*pipeline, error) {
	raw := map[string]json.RawMessage{}
	for name, section := range sections {
		text, err := json.Marshal(section)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		raw[name] = text
	}
	p := &pipeline{}
	if err := p.build(raw); err != nil {
		return nil, err
	}
	before, after := s.CLS, s.Sep
	if !s.framed {
		before, after = when(s.AddBOS, s.BOS), when(s.AddEOS, s.EOS)
	}
	p.template = slices.Concat(p.fixed(before), []templateItem{{text: true}}, p.fixed(after))
	return p, nil
}

// parseMergeLines reads one pair per line; the first line may be a version header. Its errors begin with the line
// number.
func parseMergeLines(text string) ([][2]string, error) {
	pairs := [][2]string{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || strings.HasPrefix(line, "#version") {
			continue
		}
		left, right, ok := strings.Cut(line, " ")
		switch {
		case !ok || left == "" || right == "" || strings.Contains(right, " "):
			return nil, fmt.Errorf("%d: %.60q is not a pair", number, line)
		case strings.HasSuffix(right, "</w>"):
			return nil, fmt.Errorf("%d: %.60q ends words with </w>, so its words are no bytes: save the tokenizer as tokenizer.json", number, line)
		}
		pairs = append(pairs, [2]string{left, right})
	}
	return pairs, nil
}

// byteLevelDefaults are the settings of the transformers classes that read vocab.json and merges.txt like GPT-2.
func byteLevelDefaults(class string) (settings, error) {
	switch class {
	case "", "GPT2Tokenizer", "CodeGenTokenizer":
		return settings{namedTokens: namedTokens{BOS: special(EndOfText), EOS: special(EndOfText), Unk: special(EndOfText)}}, nil
	case "Qwen2Tokenizer":
		return settings{
			namedTokens: namedTokens{EOS: special(EndOfText), Unk: special(EndOfText), Pad: special(EndOfText)},
			normalizer:  object{"type": "NFC"}, split: qwen2Split,
		}, nil
	case "RobertaTokenizer", "BartTokenizer", "LongformerTokenizer", "LEDTokenizer":
		return settings{framed: true, namedTokens: namedTokens{
			BOS: special("<s>"), EOS: special("</s>"), Unk: special("<unk>"), Sep: special("</s>"), Pad: special("<pad>"),
			CLS: special("<s>"), Mask: special("<mask>"),
		}}, nil
	}
	return settings{}, fmt.Errorf("tokenizer_class %q: how it reads vocab.json and merges.txt is not known here; save the tokenizer as tokenizer.json", class)
}

// qwen2Split is Qwen2's word expression.
const qwen2Split = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

// byteLevelSplit is the pre-tokenizer: GPT-2's own expression, or the class's.
func (s *settings) byteLevelSplit() object {
	prefix := or(s.AddPrefixSpace, false)
	if s.split == "" {
		return object{"type": "ByteLevel", "add_prefix_space": prefix}
	}
	return object{"type": "Sequence", "pretokenizers": []object{
		{"type": "Split", "pattern": object{"Regex": s.split}, "behavior": "Isolated", "invert": false},
		{"type": "ByteLevel", "add_prefix_space": prefix, "use_regex": false},
	}}
}

// when returns the token if its flag is set.
func when(flag *bool, t *namedToken) *namedToken {
	if or(flag, false) {
		return t
	}
	return nil
}

// fixed is a template item for one token; nothing for nil.
func (p *pipeline) fixed(t *namedToken) []templateItem {
	if t == nil {
		return nil
	}
	return []templateItem{{ids: []int32{p.ids[t.Content]}}}
}
