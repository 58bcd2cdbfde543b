// Package strictjson decodes JSON and rejects unknown keys, duplicate keys and trailing text, with errors that name
// them.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Unmarshal decodes data, in standard form, into v, which must be a pointer to a struct, map or slice.
func Unmarshal(data []byte, v any) error {
	text, err := Standard(data)
	if err != nil {
		return err
	}
	if err := noDuplicates(text); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return position(text, err)
	}
	return nil
}

// Object reads the members of one object from dec. It calls member for each, which must consume the value with
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
			return fmt.Errorf("duplicate key %q", key)
		}
		seen[key] = true
		if err := member(key); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// End checks that only white space is left in dec.
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

// noDuplicates walks a valid document.
func noDuplicates(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber() // an unused number may be beyond float64
	if err := walk(dec, data); err != nil {
		return fmt.Errorf("%s: %w", place(data, dec.InputOffset()-1), err)
	}
	return nil
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

// position adds line and column to a syntax or type error.
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
	return fmt.Errorf("%s: %w", place(data, offset-1), err) // the offset is one past the culprit
}

// place names the line and column of data[at], both from 1.
func place(data []byte, at int64) string {
	before := data[:min(max(at, 0), int64(len(data)))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf("line %d, column %d", line, column)
}

// describe names a token for error messages.
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
