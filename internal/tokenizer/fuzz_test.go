package tokenizer

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// FuzzParse parses arbitrary files. An accepted file must encode and decode any text.
func FuzzParse(f *testing.F) {
	impatient(f)
	f.Add(`{"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"<0x0A>":3},"merges":[["a","b"]],"byte_fallback":true,"unk_token":"a","fuse_unk":true},
		"added_tokens":[{"id":9,"content":"<s>","special":true,"lstrip":true},{"id":10,"content":"▁","normalized":true}],
		"normalizer":{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Prepend","prepend":"▁"}]},
		"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"},
		"decoder":{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Strip","content":" ","start":1,"stop":1},{"type":"Metaspace","replacement":"▁"}]},
		"post_processor":{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{}}}`, "ab\n<s> x")
	f.Add(`{"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",-1],["ab",-1.5]],"byte_fallback":true},
		"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"ByteLevel","add_prefix_space":true}]},
		"decoder":{"type":"ByteLevel"}}`, "abc 12\xff")
	for _, name := range references[1:] {
		data, err := readReference(filepath.Join("testdata", name, "tokenizer.json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data), "some text")
	}
	file, list := readComponents(f, *components)
	for i, c := range list {
		f.Add(string(c.json(f, file.Models)), file.Texts[i%len(file.Texts)])
	}
	f.Fuzz(func(t *testing.T, file, text string) {
		tok, err := Parse([]byte(file))
		if err != nil {
			return
		}
		use(t, tok, text)
	})
}

// impatient shortens the regular-expression timeout while a fuzz target runs.
func impatient(f *testing.F) {
	patience := timeOfMatch
	timeOfMatch = 20 * time.Millisecond
	f.Cleanup(func() { timeOfMatch = patience })
}

// use encodes and decodes text with an accepted tokenizer.
func use(t *testing.T, tok Tokenizer, text string) {
	t.Helper()
	ids, err := tok.EncodeSpecial(text)
	if err != nil {
		return
	}
	plain, err := tok.Encode(text)
	if err != nil {
		return
	}
	for _, id := range plain {
		if int(id) >= tok.PlainVocab() {
			t.Fatalf("id %d of plain text is not below %d", id, tok.PlainVocab())
		}
	}
	for _, id := range tok.Wrap(append(ids, plain...)) {
		if id < 0 {
			t.Fatalf("negative id %d", id)
		}
	}
	if _, err := tok.Decode(ids); err != nil {
		return
	}
	for _, id := range ids {
		if int(id) >= tok.Vocab() {
			t.Fatalf("id %d is not below %d", id, tok.Vocab())
		}
	}
}

// FuzzRoundTrip encodes arbitrary bytes: valid UTF-8 comes back unchanged, other text with its ill-formed parts
// replaced.
func FuzzRoundTrip(f *testing.F) {
	tok := open(f, filepath.Join("testdata", "bytelevel-bpe-1k"))
	for _, s := range []string{"", "a  b\n", "don't", "\xff\xfe", "мир\u00a0<|endoftext|>", strings.Repeat(" ", 300) + "x", "\xe2\x82"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want := lossy([]byte(text))
		if got := decodeIDs(t, tok, encode(t, tok, text)); got != want {
			t.Errorf("%q came back as %q", text, got)
		}
		if got := decodeIDs(t, tok, encodeSpecial(t, tok, text)); got != want && !strings.Contains(text, EndOfText) {
			t.Errorf("%q came back as %q with special tokens", text, got)
		}
		if got := decodeIDs(t, Bytes(), encode(t, Bytes(), text)); got != text {
			t.Errorf("%q came back as %q from bytes", text, got)
		}
	})
}

// FuzzFolder parses arbitrary files of the multi-file forms. An accepted tokenizer must encode and decode any text.
func FuzzFolder(f *testing.F) {
	impatient(f)
	f.Add(tinyVocab, "#version: 0.2\na b\n", `{"tokenizer_class":"GPT2Tokenizer","add_bos_token":true,"added_tokens_decoder":{"7":{"content":"<x>","lstrip":true}}}`, `{"eos_token":"</s>"}`, `{"<y>":9}`, "ab <x> c")
	f.Add("[UNK]\na\n##b\n[CLS]\n[SEP]\n", "", `{"do_lower_case":false,"pad_token":{"content":"[PAD]","rstrip":true}}`, `{"additional_special_tokens":["<z>"]}`, `{}`, "ab [CLS] b")
	f.Fuzz(func(t *testing.T, vocab, merges, config, named, added, text string) {
		files := map[string][]byte{
			"vocab.json": []byte(vocab), "vocab.txt": []byte(vocab), "merges.txt": []byte(merges),
			"tokenizer_config.json": []byte(config), "special_tokens_map.json": []byte(named), "added_tokens.json": []byte(added),
		}
		for _, parse := range []func(map[string][]byte) (*pipeline, error){parseVocabMerges, parseVocabTxt} {
			if tok, err := parse(files); err == nil {
				use(t, tok, text)
			}
		}
	})
}

// FuzzSentencePiece parses arbitrary SentencePiece models.
func FuzzSentencePiece(f *testing.F) {
	impatient(f)
	for _, name := range folderNames(f, "spm-") {
		data, err := readReference(filepath.Join("testdata", "folders", name, "tokenizer.model"))
		if err != nil {
			f.Fatal(err)
		}
		m, err := parseSPModel(data)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(tinySPModel(m), "the  fox <s> é")
	}
	f.Fuzz(func(t *testing.T, model []byte, text string) {
		if tok, err := parseSentencePiece(map[string][]byte{"tokenizer.model": model}); err == nil {
			use(t, tok, text)
		}
	})
}

// tinySPModel writes the first pieces and some of the settings of a model.
func tinySPModel(m *spModel) (data []byte) {
	for _, p := range m.pieces[:20] {
		piece := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), p.text)
		piece = protowire.AppendFixed32(protowire.AppendTag(piece, 2, protowire.Fixed32Type), math.Float32bits(p.score))
		piece = protowire.AppendVarint(protowire.AppendTag(piece, 3, protowire.VarintType), p.kind)
		data = protowire.AppendBytes(protowire.AppendTag(data, 1, protowire.BytesType), piece)
	}
	trainer := protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), m.trainer.model)
	return protowire.AppendBytes(protowire.AppendTag(data, 2, protowire.BytesType), trainer)
}

// FuzzRegex translates arbitrary expressions. An accepted expression must report its matches in order.
func FuzzRegex(f *testing.F) {
	impatient(f)
	_, list := readComponents(f, *components)
	for _, c := range list {
		var split struct {
			PreTokenizers []struct {
				Pattern pattern `json:"pattern"`
			} `json:"pretokenizers"`
		}
		if json.Unmarshal(c.Sections["pre_tokenizer"], &split) == nil && len(split.PreTokenizers) > 0 {
			if expr := split.PreTokenizers[0].Pattern.Regex; expr != nil {
				f.Add(*expr, "Don't stop 123, x\u0301\r\n  now")
			}
		}
	}
	for expr := range regexRefusals {
		f.Add(expr, "ab")
	}
	f.Fuzz(func(t *testing.T, expr, text string) {
		find, err := newRegex(expr)
		if err != nil {
			return
		}
		done := 0
		_ = find(text, func(start, end int) {
			if start < done || end < start || end > len(text) {
				t.Fatalf("%d to %d after %d in %d bytes", start, end, done, len(text))
			}
			done = end
		})
	})
}
