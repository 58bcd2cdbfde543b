// Package strictjson reads JSON files whose mistakes must not pass unnoticed: a key that nobody knows, a key that
// stands twice, or text after the end is an error that names it.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Unmarshal decodes data into v, which must be a pointer to a struct, map or slice.
func Unmarshal(data []byte, v any) error {
	if err := noDuplicates(data); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return position(data, err)
	}
	return nil
}

// Object reads the members of one object from dec. For each it calls member, which must consume the value with
// dec.Decode or a nested Object.
func Object(dec *json.Decoder, member func(key string) error) error {
	tok, err := dec.Token()
	if err != nil {
		return err
	}
	if tok != json.Delim('{') {
		return fmt.Errorf("found %v where an object is expected", describe(tok))
	}
	seen := map[string]bool{}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return err
		}
		key, ok := tok.(string)
		if !ok {
			return fmt.Errorf("found %v where a key is expected", describe(tok))
		}
		if seen[key] {
			return fmt.Errorf("key %q stands twice in one object", key)
		}
		seen[key] = true
		if err := member(key); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// End checks that nothing but white space follows in dec.
func End(dec *json.Decoder) error {
	switch tok, err := dec.Token(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	default:
		return fmt.Errorf("found %v after the end", describe(tok))
	}
}

// noDuplicates walks the whole document.
func noDuplicates(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("not valid UTF-8")
	}
	if !json.Valid(data) { // also bounds the depth of the walk below
		var v json.RawMessage
		return position(data, json.Unmarshal(data, &v))
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := walk(dec, data); err != nil {
		return err
	}
	return End(dec)
}

// walk consumes one value of any kind.
func walk(dec *json.Decoder, data []byte) error {
	rest := bytes.TrimLeft(data[dec.InputOffset():], " \t\r\n:,")
	switch {
	case len(rest) > 0 && rest[0] == '{':
		return Object(dec, func(string) error { return walk(dec, data) })
	case len(rest) > 0 && rest[0] == '[':
		if _, err := dec.Token(); err != nil {
			return err
		}
		for dec.More() {
			if err := walk(dec, data); err != nil {
				return err
			}
		}
	}
	_, err := dec.Token()
	return err
}

// position adds the line and column to a syntax or type error.
func position(data []byte, err error) error {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	var offset int64
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &typ):
		offset = typ.Offset
	default:
		return err
	}
	before := data[:min(offset, int64(len(data)))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := max(1, len(before)-bytes.LastIndexByte(before, '\n')-1) // the offset is after the culprit
	return fmt.Errorf("%d:%d: %w", line, column, err)
}

// describe names a token for an error message.
func describe(tok json.Token) string {
	switch v := tok.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("the string %.40q", v)
	default:
		return fmt.Sprint(v)
	}
}
