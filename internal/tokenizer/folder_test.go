package tokenizer

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folder writes files into a new folder.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The smallest tokenizer in each form.
const (
	tinyJSON  = `{"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}`
	tinyVocab = `{"a":0,"b":1,"ab":2}`
)

// TestChoose covers every kind of folder and request; bytes are chosen only if the vocabulary allows nothing else.
func TestChoose(t *testing.T) {
	full := map[string]string{"tokenizer.json": tinyJSON, "vocab.json": tinyVocab, "merges.txt": "a b\n"}
	pair := map[string]string{"vocab.json": tinyVocab, "merges.txt": "#version: 0.2\na b\n"}
	other := folder(t, map[string]string{"mine.json": tinyJSON})
	for name, tc := range map[string]struct {
		files map[string]string
		asked string
		vocab int
		want  string // name of the tokenizer, or part of the error
	}{
		"tokenizer.json first":      {full, "", 3, "tokenizer.json BPE"},
		"vocabulary and merges":     {pair, "", 3, "vocab.json + merges.txt BPE"},
		"bytes asked for":           {full, "bytes", 3, "bytes"},
		"another file asked for":    {full, filepath.Join(other, "mine.json"), 3, "tokenizer.json BPE"},
		"no such file asked for":    {full, filepath.Join(other, "none.json"), 3, "no such file"},
		"nothing":                   {nil, "", 260, "has none of tokenizer.json, vocab.json with merges.txt"},
		"nothing, 255 ids":          {nil, "", 255, "no tokenizer"},
		"nothing, 256 ids":          {nil, "", 256, "bytes"},
		"nothing, 257 ids":          {nil, "", 257, "bytes"},
		"nothing, 258 ids":          {nil, "", 258, "no tokenizer"},
		"special tokens only":       {map[string]string{"special_tokens_map.json": `{}`}, "", 260, "no tokenizer"},
		"vocabulary only":           {map[string]string{"vocab.json": tinyVocab}, "", 256, "merges.txt is missing"},
		"merges only":               {map[string]string{"merges.txt": "a b"}, "", 260, "vocab.json is missing"},
		"pointer of Git LFS":        {map[string]string{"tokenizer.json": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"}, "", 256, "Git LFS pointer"},
		"spoilt, vocabulary beside": {map[string]string{"tokenizer.json": "{}", "vocab.json": tinyVocab, "merges.txt": ""}, "", 3, "model: has no type"},
		"web page":                  {map[string]string{"tokenizer.json": "<!DOCTYPE html><html>Sign in"}, "", 256, "tokenizer.json is a web page"},
		"pointer as merges":         {map[string]string{"vocab.json": tinyVocab, "merges.txt": "version https://git-lfs.github.com/spec/v1\n"}, "", 3, "merges.txt is a Git LFS pointer"},
		"pieces before words":       {map[string]string{"tokenizer.model": "\x0a", "vocab.txt": "[UNK]\na\n"}, "", 3, "tokenizer.model"},
		"words":                     {map[string]string{"vocab.txt": "[UNK]\na\n"}, "", 3, "vocab.txt WordPiece"},
		"words without unknown":     {map[string]string{"vocab.txt": "a\nb\n"}, "", 3, "the unknown token \"[UNK]\""},
		"words, unknown null":       {map[string]string{"vocab.txt": "[UNK]\n", "tokenizer_config.json": `{"unk_token":null}`}, "", 3, "unk_token is null"},
	} {
		dir := folder(t, tc.files)
		tok, err := Choose(tc.asked, dir, tc.vocab)
		switch {
		case err != nil && !strings.Contains(err.Error(), tc.want):
			t.Errorf("%s: error %v, want %q", name, err, tc.want)
		case err == nil && tok.Name() != tc.want:
			t.Errorf("%s: %s, want %q", name, tok.Name(), tc.want)
		case errors.Is(err, ErrMissing) != strings.Contains(tc.want, "no") && strings.HasPrefix(name, "nothing,"):
			t.Errorf("%s: error %v", name, err)
		}
	}
	if tok, err := Choose("", "", 50257); err != nil || tok.Name() != BytesName {
		t.Errorf("new weights: %v, %v", tok, err)
	}
}

// TestHashCoversAllFiles changes each tokenizer file in turn.
func TestHashCoversAllFiles(t *testing.T) {
	files := map[string]string{
		"vocab.json": tinyVocab, "merges.txt": "a b\n", "tokenizer_config.json": `{}`, "special_tokens_map.json": `{}`, "added_tokens.json": `{}`,
	}
	seen := map[string]string{}
	for changed := range files {
		dir := folder(t, files)
		file, err := os.OpenFile(filepath.Join(dir, changed), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = file.WriteString(" \n")
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
		if changed == "merges.txt" {
			if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "merges.txt:2: ") {
				t.Errorf("a spoilt line: %v", err)
			}
			continue
		}
		sum := open(t, dir).SHA256()
		if before, ok := seen[sum]; ok {
			t.Errorf("%s and %s change the hash alike", changed, before)
		}
		seen[sum] = changed
	}
}

// TestVocabMergesRefuses checks that every error names file and place.
func TestVocabMergesRefuses(t *testing.T) {
	for want, change := range map[string][2]string{
		"vocab.json: ":                    {"vocab.json", `{"a":0,"a":1}`},
		"merges.txt:1: \"a b c\" is no":   {"merges.txt", "a b c"},
		"merges.txt:2: \"a\" is not":      {"merges.txt", "#version: 0.2\na\n"},
		"</w>":                            {"merges.txt", "a b</w>"},
		"merges[0] (\"a\", \"c\")":        {"merges.txt", "a c"},
		`tokenizer_class "CLIPTokenizer"`: {"tokenizer_config.json", `{"tokenizer_class":"CLIPTokenizer"}`},
		"tokenizer_config.json: line 1, column 1: unexpected": {"tokenizer_config.json", `{`},
		`"x" is not an id`:          {"tokenizer_config.json", `{"added_tokens_decoder":{"x":{"content":"y"}}}`},
		"special_tokens_map.json: ": {"special_tokens_map.json", `[]`},
	} {
		files := map[string]string{"vocab.json": tinyVocab, "merges.txt": "a b\n", change[0]: change[1]}
		if _, err := Open(folder(t, files)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestVocabMergesIsTokenizerJSON splits GPT-2's tokenizer.json into vocab.json and merges.txt and expects the same ids.
func TestVocabMergesIsTokenizerJSON(t *testing.T) {
	for _, name := range []string{"gpt2", "bytelevel-bpe-1k"} {
		data, err := readReference(filepath.Join("testdata", name, "tokenizer.json"))
		if err != nil {
			t.Fatal(err)
		}
		var whole struct {
			Model struct {
				Vocab  json.RawMessage `json:"vocab"`
				Merges []mergePair     `json:"merges"`
			} `json:"model"`
		}
		if err := json.Unmarshal(data, &whole); err != nil {
			t.Fatal(err)
		}
		var merges strings.Builder
		for _, m := range whole.Model.Merges {
			merges.WriteString(m[0] + " " + m[1] + "\n")
		}
		dir := folder(t, map[string]string{"vocab.json": string(whole.Model.Vocab), "merges.txt": "#version: 0.2\n" + merges.String()})
		v, err := Verify(dir, filepath.Join(referenceDir(t, name), "encodings.jsonl"), 3)
		if err != nil || !v.OK() {
			t.Errorf("%s: %v, differences %+v", name, err, v.Differences)
		}
	}
}
