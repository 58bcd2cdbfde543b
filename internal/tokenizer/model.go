package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/archbench/archbench/internal/strictjson"
)

// bpeFile holds the members of a BPE model except vocab, which is read separately to detect duplicates.
type bpeFile struct {
	Type                    string          `json:"type"`
	Dropout                 *float64        `json:"dropout"`
	UnkToken                *string         `json:"unk_token"`
	ContinuingSubwordPrefix *string         `json:"continuing_subword_prefix"`
	EndOfWordSuffix         *string         `json:"end_of_word_suffix"`
	FuseUnk                 bool            `json:"fuse_unk"`
	ByteFallback            bool            `json:"byte_fallback"`
	IgnoreMerges            bool            `json:"ignore_merges"`
	Vocab                   json.RawMessage `json:"vocab"`
	Merges                  json.RawMessage `json:"merges"`
}

// unigramFile holds the members of a Unigram model.
type unigramFile struct {
	Type         string        `json:"type"`
	UnkID        *int32        `json:"unk_id"`
	Vocab        []scoredPiece `json:"vocab"`
	ByteFallback bool          `json:"byte_fallback"`
}

// parseModel reads the model and its type. Old files of BPE models have no type.
func parseModel(raw json.RawMessage) (m model, what string, err error) {
	var head struct {
		Type   string          `json:"type"`
		Merges json.RawMessage `json:"merges"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, "", err
	}
	if head.Type == "" && head.Merges != nil {
		head.Type = "BPE"
	}
	switch head.Type {
	case "BPE":
		m, err = parseBPE(raw)
	case "Unigram":
		m, err = parseUnigram(raw)
	case "WordPiece":
		m, err = parseWordPiece(raw)
	case "WordLevel":
		m, err = parseWordLevel(raw)
	case "":
		err = errors.New("has no type")
	default:
		err = unsupported(head.Type)
	}
	return m, head.Type, err
}

// decode is strict about an object's members but does not look for duplicates inside them.
func decode(raw json.RawMessage, v any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

// parseBPE reads a BPE model.
func parseBPE(raw json.RawMessage) (model, error) {
	var f bpeFile
	if err := decode(raw, &f); err != nil {
		return nil, err
	}
	if dropout := or(f.Dropout, 0); dropout != 0 {
		return nil, fmt.Errorf("dropout %v is not supported: ids would be random", dropout)
	}
	vocab, err := parseVocab(f.Vocab)
	if err != nil {
		return nil, fmt.Errorf("vocab: %w", err)
	}
	merges, err := parseMerges(f.Merges)
	if err != nil {
		return nil, fmt.Errorf("merges: %w", err)
	}
	m, err := newBPE(vocab, merges, or(f.ContinuingSubwordPrefix, ""), or(f.EndOfWordSuffix, ""))
	if err != nil {
		return nil, err
	}
	m.fuseUnk, m.wholeWord = f.FuseUnk, f.IgnoreMerges
	if f.ByteFallback {
		m.bytes = byteSymbols(vocab)
	}
	m.unkName = f.UnkToken
	if id, ok := vocab[or(f.UnkToken, "")]; ok && f.UnkToken != nil {
		s := newSymbol(*f.UnkToken, id)
		m.unk = &s
	}
	return m, nil
}

// parseVocab reads pieces with their ids.
func parseVocab(raw json.RawMessage) (map[string]int32, error) {
	if raw == nil {
		return nil, errors.New("is missing")
	}
	vocab := map[string]int32{}
	dec := json.NewDecoder(bytes.NewReader(raw))
	err := strictjson.Object(dec, func(piece string) error {
		var id *int32
		if err := dec.Decode(&id); err != nil || id == nil || *id < 0 || *id > maxID {
			return fmt.Errorf("id of %q is not a number from 0 to %d", piece, maxID)
		}
		vocab[piece] = *id
		return nil
	})
	return vocab, err
}

// parseMerges reads the merges in order.
func parseMerges(raw json.RawMessage) ([]mergePair, error) {
	if raw == nil {
		return nil, errors.New("is missing")
	}
	var merges []mergePair
	err := json.Unmarshal(raw, &merges)
	return merges, err
}

// mergePair is the two pieces of a merge. Older files have a string with a space between them.
type mergePair [2]string

// UnmarshalJSON implements [json.Unmarshaler].
func (m *mergePair) UnmarshalJSON(text []byte) error {
	var parts []string
	if text[0] == '"' {
		var line string
		if err := json.Unmarshal(text, &line); err != nil {
			return err
		}
		parts = strings.Split(line, " ")
	} else if err := json.Unmarshal(text, &parts); err != nil {
		return err
	}
	if len(parts) != 2 {
		return fmt.Errorf("%.60s is not a pair", text)
	}
	*m = mergePair(parts)
	return nil
}

// parseUnigram reads a Unigram model.
func parseUnigram(raw json.RawMessage) (model, error) {
	var f unigramFile
	if err := decode(raw, &f); err != nil {
		return nil, err
	}
	pieces, scores := make([]string, len(f.Vocab)), make([]float64, len(f.Vocab))
	seen := map[string]bool{}
	for i, s := range f.Vocab {
		if seen[s.piece] {
			return nil, fmt.Errorf("vocab[%d]: duplicate piece %q", i, s.piece)
		}
		seen[s.piece] = true
		pieces[i], scores[i] = s.piece, s.score
	}
	unk := int32(-1)
	if f.UnkID != nil {
		if unk = *f.UnkID; unk < 0 || int(unk) >= len(pieces) {
			return nil, fmt.Errorf("unk_id %d is not in the vocab of %d pieces", unk, len(pieces))
		}
	}
	m := newUnigram(pieces, scores, unk)
	if f.ByteFallback {
		m.bytes = byteSymbols(m.vocab)
	}
	if unk < 0 && !m.spellsAll() {
		return nil, errors.New("unk_id is missing: unknown characters would vanish")
	}
	return m, nil
}

// scoredPiece is a piece of a Unigram model with its log-probability.
type scoredPiece struct {
	piece string
	score float64
}

// UnmarshalJSON implements [json.Unmarshaler].
func (s *scoredPiece) UnmarshalJSON(text []byte) error {
	var pair []json.RawMessage
	if err := json.Unmarshal(text, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("vocab: %.60s is not a pair of piece and score", text)
	}
	return errors.Join(json.Unmarshal(pair[0], &s.piece), json.Unmarshal(pair[1], &s.score))
}
