package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// parseVocabTxt reads a WordPiece model from vocab.txt, one piece per line, as transformers does for BERT.
func parseVocabTxt(files map[string][]byte) (*pipeline, error) {
	text := string(files["vocab.txt"])
	if !utf8.ValidString(text) {
		return nil, errors.New("vocab.txt: not valid UTF-8")
	}
	vocab, id := map[string]int32{}, int32(0)
	for line := range strings.Lines(text) {
		vocab[strings.TrimRight(line, "\r\n")] = id // the last line wins if a piece occurs twice
		id++
	}
	s, added, err := readSettings(files, wordPieceDefaults)
	if err != nil {
		return nil, err
	}
	if s.Unk == nil {
		return nil, errors.New("tokenizer_config.json: unk_token is null, and a WordPiece needs one")
	}
	if _, ok := vocab[s.Unk.Content]; !ok {
		return nil, fmt.Errorf("vocab.txt: the unknown token %q is not in it", s.Unk.Content)
	}
	p, err := s.assemble(map[string]any{
		"normalizer": object{
			"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": or(s.ChineseChars, true),
			"strip_accents": s.StripAccents, "lowercase": or(s.LowerCase, true),
		},
		"pre_tokenizer": object{"type": "BertPreTokenizer"},
		"model": object{
			"type": "WordPiece", "vocab": vocab, "unk_token": s.Unk.Content, "continuing_subword_prefix": "##",
			"max_input_chars_per_word": 100,
		},
		"decoder":      object{"type": "WordPiece", "prefix": "##", "cleanup": true},
		"added_tokens": withNamed(added, s.list(), vocab),
	})
	if err != nil {
		return nil, fmt.Errorf("vocab.txt: %w", err)
	}
	return p, nil
}

// wordPieceDefaults are the settings of the transformers classes that read vocab.txt like BERT.
func wordPieceDefaults(class string) (settings, error) {
	switch class {
	case "", "BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer":
		return settings{framed: true, namedTokens: namedTokens{
			Unk: special("[UNK]"), Sep: special("[SEP]"), Pad: special("[PAD]"), CLS: special("[CLS]"), Mask: special("[MASK]"),
		}}, nil
	}
	return settings{}, fmt.Errorf("tokenizer_class %q: how it reads vocab.txt is not known here; save the tokenizer as tokenizer.json", class)
}
