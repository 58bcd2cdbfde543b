package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/archbench/archbench/internal/strictjson"
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

// parseDecoder reads a decoder as a list of steps; nil for null.
func parseDecoder(raw json.RawMessage) ([]decoder, error) {
	what, err := kind(raw)
	if what == "" || err != nil {
		return nil, err
	}
	var step decoder
	switch what {
	case "ByteLevel":
		step = decodeByteLevel
		err = strictjson.Unmarshal(raw, &byteLevelFile{})
	case "ByteFallback":
		step = decodeByteFallback
		err = strictjson.Unmarshal(raw, &bareFile{})
	case "Fuse":
		step = decodeFuse
		err = strictjson.Unmarshal(raw, &bareFile{})
	case "Replace":
		step, err = parseReplaceDecoder(raw)
	case "Strip":
		step, err = parseStrip(raw)
	case "Metaspace":
		step, err = parseMetaspaceDecoder(raw)
	case "WordPiece":
		step, err = parseWordPieceDecoder(raw)
	case "BPEDecoder":
		step, err = parseBPEDecoder(raw)
	case "CTC":
		step, err = parseCTC(raw)
	case "Sequence":
		return parseDecoders(raw)
	default:
		err = unsupported(what)
	}
	return []decoder{step}, err
}

// bareFile is a component without settings.
type bareFile struct {
	Type string `json:"type"`
}

// parseDecoders reads a sequence.
func parseDecoders(raw json.RawMessage) ([]decoder, error) {
	var f struct {
		Type     string            `json:"type"`
		Decoders []json.RawMessage `json:"decoders"`
	}
	if err := strictjson.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
	steps := []decoder{}
	for i, sub := range f.Decoders {
		more, err := parseDecoder(sub)
		if err != nil {
			return nil, fmt.Errorf("decoders[%d]: %w", i, err)
		}
		steps = append(steps, more...)
	}
	return steps, nil
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

// parseReplaceDecoder reads a decoder that replaces a pattern in every token.
func parseReplaceDecoder(raw json.RawMessage) (decoder, error) {
	replace, err := parseReplace(raw)
	return func(tokens []string) (_ []string, err error) {
		for i, token := range tokens {
			if tokens[i], _, err = replace(token); err != nil {
				return nil, err
			}
		}
		return tokens, nil
	}, err
}

// parseWordPieceDecoder reads the decoder that joins pieces into words.
func parseWordPieceDecoder(raw json.RawMessage) (decoder, error) {
	var f struct {
		Type    string `json:"type"`
		Prefix  string `json:"prefix"`
		Cleanup bool   `json:"cleanup"`
	}
	err := strictjson.Unmarshal(raw, &f)
	return decodeWordPiece(f.Prefix, f.Cleanup), err
}

// parseBPEDecoder reads the decoder that turns the end-of-word suffix into a space, and drops it from the last token.
func parseBPEDecoder(raw json.RawMessage) (decoder, error) {
	var f struct {
		Type   string `json:"type"`
		Suffix string `json:"suffix"`
	}
	err := strictjson.Unmarshal(raw, &f)
	return func(tokens []string) ([]string, error) {
		for i, token := range tokens {
			with := " "
			if i == len(tokens)-1 {
				with = ""
			}
			tokens[i] = strings.ReplaceAll(token, f.Suffix, with)
		}
		return tokens, nil
	}, err
}

// parseCTC reads the decoder that drops repetitions and padding (connectionist temporal classification, Graves et al.
// 2006).
func parseCTC(raw json.RawMessage) (decoder, error) {
	var f struct {
		Type      string `json:"type"`
		Pad       string `json:"pad_token"`
		Delimiter string `json:"word_delimiter_token"`
		Cleanup   bool   `json:"cleanup"`
	}
	err := strictjson.Unmarshal(raw, &f)
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
	}, err
}

// parseStrip reads a decoder that strips up to a given number of characters from both ends of every token.
func parseStrip(raw json.RawMessage) (decoder, error) {
	var f struct {
		Type    string `json:"type"`
		Content string `json:"content"`
		Start   uint   `json:"start"`
		Stop    uint   `json:"stop"`
	}
	if err := strictjson.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
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

// parseMetaspaceDecoder reads the decoder that turns the visible blank into a space. In the first token it drops the
// blank that the pre-tokenizer put there.
func parseMetaspaceDecoder(raw json.RawMessage) (decoder, error) {
	f, err := parseMetaspaceFile(raw)
	if err != nil {
		return nil, err
	}
	return eachToken(func(i int, token string) string {
		with := " "
		if i == 0 && f.PrependScheme != "never" {
			with = ""
		}
		return strings.ReplaceAll(token, f.Replacement, with)
	}), nil
}
