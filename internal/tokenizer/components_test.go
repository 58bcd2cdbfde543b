package tokenizer

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"testing"
)

// components is the path of a file written by testdata/make_components.py.
var components = flag.String("components", "testdata/components.jsonl.gz", "encodings to hold each component against")

// componentFile is one line of that file.
type componentFile struct {
	Texts  []string                   `json:"texts"`
	Models map[string]json.RawMessage `json:"models"`
}

// component is a tokenizer with the expected encoding of each text.
type component struct {
	Name     string                     `json:"name"`
	Model    string                     `json:"model"`
	Sections map[string]json.RawMessage `json:"sections"`
	IDs      [][]int32                  `json:"ids"`
	Wrapped  [][]int32                  `json:"wrapped"`
	Decoded  []*string                  `json:"decoded"`
}

// readComponents reads the file.
func readComponents(t testing.TB, path string) (file componentFile, list []component) {
	t.Helper()
	packed, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	lines, err := gzip.NewReader(bufio.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(lines)
	err = dec.Decode(&file)
	for err == nil {
		var c component
		if err = dec.Decode(&c); err == nil {
			list = append(list, c)
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return file, list
}

// json writes the component as a tokenizer.json.
func (c *component) json(t testing.TB, models map[string]json.RawMessage) []byte {
	t.Helper()
	sections := maps.Clone(c.Sections)
	sections["model"] = models[c.Model]
	data, err := json.Marshal(sections)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestComponents compares every component of the format with the reference library.
func TestComponents(t *testing.T) {
	file, list := readComponents(t, *components)
	if len(list) < 100 || len(file.Texts) < 50 {
		t.Fatalf("%d components, %d texts", len(list), len(file.Texts))
	}
	for _, c := range list {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			tok, err := Parse(c.json(t, file.Models))
			if err != nil {
				t.Fatal(err)
			}
			wrong := 0
			for i, text := range file.Texts {
				if difference := c.compare(tok, i, text); difference != "" {
					if wrong++; wrong <= 3 {
						t.Errorf("text %d %q:\n%s", i, text, difference)
					}
				}
			}
			if wrong > 3 {
				t.Errorf("%d texts of %d are wrong", wrong, len(file.Texts))
			}
		})
	}
}

// compare describes the difference for one text, or returns "".
func (c *component) compare(tok Tokenizer, i int, text string) string {
	if c.IDs[i] == nil {
		return "" // the reference library fails, too
	}
	ids, err := tok.EncodeSpecial(text)
	if err != nil {
		return err.Error()
	}
	if !slices.Equal(ids, c.IDs[i]) {
		return fmt.Sprintf("ids\n  %s, want\n  %s", spelling(tok, ids), spelling(tok, c.IDs[i]))
	}
	if got := tok.Wrap(ids); c.Wrapped != nil && !slices.Equal(got, c.Wrapped[i]) {
		return fmt.Sprintf("wrapped %v, want %v", got, c.Wrapped[i])
	}
	want := c.Decoded[i]
	if got, err := tok.Decode(ids); want != nil && (err != nil || got != *want) {
		return fmt.Sprintf("decoded %q, want %q, error %v", got, *want, err)
	}
	return ""
}

// spelling lists tokens.
func spelling(tok Tokenizer, ids []int32) string {
	var list []string
	for _, id := range ids {
		list = append(list, tok.Token(id))
	}
	return fmt.Sprintf("%q", list)
}
