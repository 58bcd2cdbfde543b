package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// decoder rewrites token spellings on the way back to text.
type decoder func(tokens []string) ([]string, error)

// eachToken makes a decoder that applies a function to each token and its index.
func eachToken(f func(i int, token string) string) decoder {
	return func(tokens []string) ([]string, error) {
		for i, token := range tokens {
			tokens[i] = f(i, token)
		}
		return tokens, nil
	}
}

// parseDecoder reads a decoder; nil for null.
func parseDecoder(raw json.RawMessage) (decoder, error) {
	return parseComponent(raw, map[string]parser[decoder]{
		"ByteLevel":    configured(func(byteLevelFile) (decoder, error) { return decodeByteLevel, nil }),
		"ByteFallback": bare[decoder](decodeByteFallback),
		"Fuse":         bare[decoder](decodeFuse),
		"Replace":      configured(replaceDecoder),
		"Strip":        configured(stripDecoder),
		"Metaspace":    configured(metaspaceDecoder),
		"WordPiece":    configured(wordPieceDecoder),
		"BPEDecoder":   configured(bpeDecoder),
		"CTC":          configured(ctcDecoder),
		"Sequence":     configured(sequenceDecoder),
	})
}

func sequenceDecoder(f struct {
	Type     string            `json:"type"`
	Decoders []json.RawMessage `json:"decoders"`
}) (decoder, error) {
	steps, err := members("decoders", f.Decoders, parseDecoder)
	return inTurn(steps), err
}

// decodeByteLevel turns byte characters back into bytes, and the bytes into text.
func decodeByteLevel(tokens []string) ([]string, error) {
	var b []byte
	for _, token := range tokens {
		b = unspellBytes(b, token)
	}
	return []string{lossy(b)}, nil
}

// decodeByteFallback turns runs of tokens such as <0xE2> into text. If a run is not valid UTF-8, each of its bytes
// becomes U+FFFD.
func decodeByteFallback(tokens []string) ([]string, error) {
	var out []string
	var run []byte
	flush := func() {
		if utf8.Valid(run) {
			out = append(out, string(run))
		} else {
			out = append(out, strings.Repeat("\uFFFD", len(run)))
		}
		run = run[:0]
	}
	for _, token := range tokens {
		if b, ok := byteToken(token); ok {
			run = append(run, b)
			continue
		}
		if len(run) > 0 {
			flush()
		}
		out = append(out, token)
	}
	if len(run) > 0 {
		flush()
	}
	return out, nil
}

// byteToken parses a token of the form <0xE2>.
func byteToken(token string) (byte, bool) {
	if len(token) != 6 || token[:3] != "<0x" || token[5] != '>' {
		return 0, false
	}
	b, err := strconv.ParseUint(token[3:5], 16, 8)
	return byte(b), err == nil
}

// decodeFuse joins all tokens into one.
func decodeFuse(tokens []string) ([]string, error) { return []string{strings.Join(tokens, "")}, nil }

// replaceDecoder replaces a pattern in every token.
func replaceDecoder(f replaceFile) (decoder, error) {
	replace, err := f.replacement()
	return func(tokens []string) (_ []string, err error) {
		for i, token := range tokens {
			if tokens[i], _, err = replace(token); err != nil {
				return nil, err
			}
		}
		return tokens, nil
	}, err
}

// wordPieceDecoder appends pieces with the prefix to the previous piece and separates all others by a space.
func wordPieceDecoder(f struct {
	Type    string `json:"type"`
	Prefix  string `json:"prefix"`
	Cleanup bool   `json:"cleanup"`
}) (decoder, error) {
	return eachToken(func(i int, token string) string {
		rest, inside := strings.CutPrefix(token, f.Prefix)
		switch {
		case i > 0 && inside:
			token = rest
		case i > 0:
			token = " " + token
		}
		if f.Cleanup {
			token = cleanUp(token)
		}
		return token
	}), nil
}

// bpeDecoder turns the end-of-word suffix into a space, and drops it from the last token.
func bpeDecoder(f struct {
	Type   string `json:"type"`
	Suffix string `json:"suffix"`
}) (decoder, error) {
	return func(tokens []string) ([]string, error) {
		for i, token := range tokens {
			with := " "
			if i == len(tokens)-1 {
				with = ""
			}
			tokens[i] = strings.ReplaceAll(token, f.Suffix, with)
		}
		return tokens, nil
	}, nil
}

// ctcDecoder drops repetitions and padding (connectionist temporal classification, Graves et al. 2006).
func ctcDecoder(f struct {
	Type      string `json:"type"`
	Pad       string `json:"pad_token"`
	Delimiter string `json:"word_delimiter_token"`
	Cleanup   bool   `json:"cleanup"`
}) (decoder, error) {
	return func(tokens []string) ([]string, error) {
		var out []string
		for _, token := range slices.Compact(tokens) {
			token = strings.ReplaceAll(token, f.Pad, "")
			if f.Cleanup {
				token = strings.ReplaceAll(cleanUp(token), f.Delimiter, " ")
			}
			if token != "" {
				out = append(out, token)
			}
		}
		return out, nil
	}, nil
}

// stripDecoder strips up to a given number of characters from both ends of every token.
func stripDecoder(f struct {
	Type    string `json:"type"`
	Content string `json:"content"`
	Start   uint   `json:"start"`
	Stop    uint   `json:"stop"`
}) (decoder, error) {
	if utf8.RuneCountInString(f.Content) != 1 {
		return nil, fmt.Errorf("content %q is not one character", f.Content)
	}
	return eachToken(func(_ int, token string) string {
		for n := uint(0); n < f.Start && strings.HasPrefix(token, f.Content); n++ {
			token = strings.TrimPrefix(token, f.Content)
		}
		for n := uint(0); n < f.Stop && strings.HasSuffix(token, f.Content); n++ {
			token = strings.TrimSuffix(token, f.Content)
		}
		return token
	}), nil
}

// metaspaceDecoder turns the visible blank into a space. In the first token it drops the blank that the pre-tokenizer put
// there.
func metaspaceDecoder(f metaspaceFile) (decoder, error) {
	scheme, err := f.scheme()
	return eachToken(func(i int, token string) string {
		with := " "
		if i == 0 && scheme != "never" {
			with = ""
		}
		return strings.ReplaceAll(token, f.Replacement, with)
	}), err
}

// cleanUp removes the spaces before English punctuation and contractions, one kind after another.
func cleanUp(s string) string {
	for _, pair := range [][2]string{{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"},
		{" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}} {
		s = strings.ReplaceAll(s, pair[0], pair[1])
	}
	return s
}
