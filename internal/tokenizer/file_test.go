package tokenizer

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestParseRefuses checks that every error names the field.
func TestParseRefuses(t *testing.T) {
	const model = `"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":[["a","b"]]}`
	with := func(section string) string { return "{" + model + "," + section + "}" }
	bpe := func(members string) string { return `{"model":{"type":"BPE",` + members + `}}` }
	unigram := func(members string) string { return `{"model":{"type":"Unigram",` + members + `}}` }
	for text, want := range map[string]string{
		"":                             "is empty",
		"[]":                           "where an object is expected",
		"{}":                           "model: has no type",
		"{\"a\xff\"":                   "UTF-8",
		with(`"extra":1`) + "":         `unknown key "extra"`,
		with(model):                    `duplicate key "model"`,
		with(`"version":"1.0"`) + "{}": "after top-level value",
		with(`"normalizer":{"type":"Precompiled","precompiled_charsmap":"x"}`):        `normalizer: precompiled_charsmap: illegal base64`,
		with(`"normalizer":{"type":"Precompiled","precompiled_charsmap":"/wAAAA=="}`): `normalizer: precompiled_charsmap: a trie of 255 bytes in a table of 0`,
		with(`"normalizer":{}`): "normalizer: has no type",
		with(`"normalizer":{"type":"Replace","pattern":{"Regex":"a\\K"},"content":""}`):                                                                                            `normalizer: pattern: Regex "a\\K": "\\K" is not supported`,
		with(`"normalizer":{"type":"Replace","pattern":{},"content":""}`):                                                                                                          "normalizer: pattern: has neither",
		with(`"normalizer":{"type":"Prepend","prepent":"x"}`):                                                                                                                      `normalizer: json: unknown field "prepent"`,
		with(`"normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Unaccent"}]}`):                                                                                `normalizer: normalizers[1]: type "Unaccent" is not supported`,
		with(`"pre_tokenizer":{"type":"Split","pattern":{"String":" "},"behavior":"removed"}`):                                                                                     `pre_tokenizer: behavior "removed" is not one of Removed`,
		with(`"pre_tokenizer":{"type":"UnicodeScripts"}`):                                                                                                                          `pre_tokenizer: type "UnicodeScripts" is not supported`,
		with(`"pre_tokenizer":{"type":"CharDelimiterSplit","delimiter":""}`):                                                                                                       `delimiter "" is not one character`,
		with(`"pre_tokenizer":{"type":"FixedLength","length":0}`):                                                                                                                  "length 0 is not positive",
		with(`"pre_tokenizer":{"type":"Metaspace","replacement":"__"}`):                                                                                                            `pre_tokenizer: replacement "__" is not one character`,
		with(`"pre_tokenizer":{"type":"Metaspace","replacement":"_","prepend_scheme":"last"}`):                                                                                     `prepend_scheme "last"`,
		with(`"pre_tokenizer":{"type":"Digits"}`):                                                                                                                                  "pre_tokenizer: individual_digits is missing",
		with(`"pre_tokenizer":{"type":"ByteLevel","use_regexp":true}`):                                                                                                             `unknown field "use_regexp"`,
		with(`"decoder":{"type":"Spelling"}`):                                                                                                                                      `decoder: type "Spelling" is not supported`,
		with(`"decoder":{"type":"Strip","content":"","start":1,"stop":0}`):                                                                                                         `decoder: content "" is not one character`,
		with(`"decoder":{"type":"Strip","content":" ","start":-1,"stop":0}`):                                                                                                       "decoder: ",
		with(`"decoder":{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"CTX"}]}`):                                                                                          `decoder: decoders[1]: type "CTX"`,
		with(`"post_processor":{"type":"BertProcessing"}`):                                                                                                                         "post_processor: sep or cls is missing",
		with(`"post_processor":{"type":"RobertaProcessing","sep":["a",-1],"cls":["b",1]}`):                                                                                         "post_processor: id -1 is out of range",
		with(`"post_processor":{"type":"RobertaProcessing","sep":["a"],"cls":["b",1]}`):                                                                                            `["a"] is not a pair`,
		with(`"post_processor":{"type":"TemplateProcessing","single":[{"Sequence":{"id":"B","type_id":0}}],"pair":[],"special_tokens":{}}`):                                        `single[0]: Sequence is "B", must be "A"`,
		with(`"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":0}}],"special_tokens":{}}`):                                              `single[0]: "x" is not in special_tokens`,
		with(`"post_processor":{"type":"Sequence","processors":[{"type":"RobertaProcessing","sep":["a",0],"cls":["b",1]},{"type":"BertProcessing","sep":["a",0],"cls":["b",1]}]}`): "processors[1]: a second one that adds tokens",
		with(`"post_processor":{"type":"TemplateProcessing","single":[{}],"special_tokens":{}}`):                                                                                   "single[0]: is neither",
		with(`"added_tokens":[{"id":7,"content":""}]`):                                                                                                                             "added_tokens[0]: has no content",
		with(`"added_tokens":[{"id":9,"content":"x","colour":"red"}]`):                                                                                                             `unknown field "colour"`,
		`{"model":{"type":"WordPiece"}}`:                                                                                                                                           `model: vocab: is missing`,
		`{"model":{"type":"WordPiece","vocab":{}}}`:                                                                                                                                `model: unk_token is missing`,
		`{"model":{"type":"WordPiece","vocab":{},"unk_token":"u"}}`:                                                                                                                `continuing_subword_prefix or max_input`,
		`{"model":{"type":"WordLevel","vocab":{}}}`:                                                                                                                                `model: unk_token is missing`,
		`{"model":{"vocab":{}}}`:                      "model: has no type",
		bpe(`"merges":[]`):                            "model: vocab: is missing",
		bpe(`"vocab":{}`):                             "model: merges: is missing",
		bpe(`"vocab":{"a":0,"a":1},"merges":[]`):      `model: vocab: duplicate key "a"`,
		bpe(`"vocab":{"a":0,"b":0},"merges":[]`):      `model: vocab: "a" and "b" share id 0`,
		bpe(`"vocab":{"a":-1},"merges":[]`):           `model: vocab: id of "a" is not a number from 0`,
		bpe(`"vocab":{"a":null},"merges":[]`):         `model: vocab: id of "a" is not a number from 0`,
		bpe(`"vocab":{"a":0},"merges":[["a"]]`):       `model: merges: ["a"] is not a pair`,
		bpe(`"vocab":{"a":0},"merges":["a b c"]`):     `"a b c" is not a pair`,
		bpe(`"vocab":{"a":0},"merges":[7]`):           "model: merges: json",
		bpe(`"vocab":{"a":0,"b":1},"merges":["a b"]`): `merges[0] ("a", "b"): both pieces and what they make`,
		bpe(`"vocab":{},"merges":[],"dropout":0.1`):   "model: dropout 0.1 is not supported",
		bpe(`"vocab":{"a":0,"#b":1},"merges":[["a","#b"]],"continuing_subword_prefix":"#"`): `both pieces and what they make`,
		bpe(`"vocab":{},"merges":[],"surprise":1`):                                          `unknown field "surprise"`,
		unigram(`"vocab":[["a",0]],"unk_id":1`):                                             "model: unk_id 1 is not in the vocab of 1 pieces",
		unigram(`"vocab":[["a",0]]`):                                                        "model: unk_id is missing",
		unigram(`"vocab":[["a",0],["a",1]],"unk_id":0`):                                     `model: vocab[1]: duplicate piece "a"`,
		unigram(`"vocab":[["a"]],"unk_id":0`):                                               `vocab: ["a"] is not a pair`,
		unigram(`"vocab":[["a","b"]],"unk_id":0`):                                           "cannot unmarshal string",
	} {
		_, err := Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n  error %v\n  want %q", text, err, want)
		}
	}
}

// TestParseOldFiles reads a model with merges as strings, no type, and an unk_token missing from the vocabulary.
func TestParseOldFiles(t *testing.T) {
	tok, err := Parse([]byte(`{"version":"1.0","truncation":{"max_length":2},"model":{"unk_token":"","continuing_subword_prefix":"","end_of_word_suffix":"",
		"vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := encode(t, tok, "abaab"); len(got) != 3 || got[0] != 2 || got[1] != 0 || got[2] != 2 {
		t.Errorf("ids %v", got)
	}
	if _, err := tok.Encode("abaxab"); err == nil || !strings.Contains(err.Error(), `"x" has no piece, and unk_token ""`) {
		t.Errorf("an unknown character: %v", err)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); !errors.Is(err, ErrMissing) {
		t.Errorf("error %v, want ErrMissing", err)
	}
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want fs.ErrNotExist", err)
	}
	path := filepath.Join(dir, "tokenizer.json")
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), dir+": tokenizer.json: ") {
		t.Errorf("error %v, want one that names %s", err, path)
	}
}
