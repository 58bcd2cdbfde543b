package tokenizer

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/archbench/archbench/internal/strictjson"
)

// unpacked copies a folder of testdata/folders and decompresses its .gz files.
func unpacked(t testing.TB, name string) string {
	t.Helper()
	from, to := filepath.Join("testdata", "folders", name), t.TempDir()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		file := strings.TrimSuffix(e.Name(), ".gz")
		data, err := readReference(filepath.Join(from, file))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, file), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// folderNames lists the folders of testdata/folders with the given prefix.
func folderNames(t testing.TB, prefix string) (names []string) {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join("testdata", "folders", prefix+"*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("%d folders: %v", len(dirs), err)
	}
	for _, dir := range dirs {
		names = append(names, filepath.Base(dir))
	}
	return names
}

// TestFolders compares every form of tokenizer with what transformers reads from the same folder.
func TestFolders(t *testing.T) {
	for _, name := range slices.DeleteFunc(folderNames(t, ""), func(n string) bool { return n == "spm-unigram-llama" }) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := unpacked(t, name)
			v, err := Verify(dir, filepath.Join(dir, "encodings.jsonl"), 5)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %d lines, ids identical in %d, text in %d", open(t, dir).Name(), v.Lines, v.SameIDs, v.SameText)
			for _, d := range v.Differences {
				t.Errorf("line %d %q: ids %v, want %v; decoded %q, want %q", d.Line, d.Text, d.GotIDs, d.WantIDs, d.GotText, d.WantText)
			}
			if v.Lines < 150 {
				t.Errorf("%d lines were compared", v.Lines)
			}
		})
	}
}

// TestSentencePiece compares models with the sentencepiece library, with special tokens not recognised.
// testdata/README.md lists where the two disagree.
func TestSentencePiece(t *testing.T) {
	for _, name := range slices.DeleteFunc(folderNames(t, "spm-"), func(n string) bool { return n == "spm-bpe-unused" || n == "spm-bpe-first" }) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := unpacked(t, name)
			tok := open(t, dir)
			file, err := os.Open(filepath.Join(dir, "sentencepiece.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			for lines := bufio.NewScanner(file); lines.Scan(); {
				var want struct {
					Text string  `json:"text"`
					IDs  []int32 `json:"ids"`
				}
				if err := strictjson.Unmarshal(lines.Bytes(), &want); err != nil {
					t.Fatal(err)
				}
				if strings.Contains(want.Text, "<0x") || want.Text == "▁" {
					continue
				}
				if got := encode(t, tok, want.Text); !slices.Equal(got, want.IDs) {
					t.Errorf("%q: ids %v, want %v", want.Text, got, want.IDs)
				}
			}
		})
	}
}

// TestNameOfLlamaTokenizer checks that the name says whose ids these are where the LlamaTokenizer of transformers 5
// reads a model differently.
func TestNameOfLlamaTokenizer(t *testing.T) {
	for folder, want := range map[string]bool{"spm-unigram-llama": true, "spm-bpe-rules": false, "spm-bpe": false} {
		dir := unpacked(t, folder)
		config := filepath.Join(dir, "tokenizer_config.json")
		if folder == "spm-bpe" {
			if err := os.WriteFile(config, []byte(`{"tokenizer_class": "LlamaTokenizerFast"}`), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if name := open(t, dir).Name(); strings.Contains(name, "as sentencepiece reads it") != want {
			t.Errorf("%s: %s", folder, name)
		}
	}
}

func TestSentencePieceRefuses(t *testing.T) {
	piece := func(text string) string {
		return "\x0a" + string(rune(len(text)+2)) + "\x0a" + string(rune(len(text))) + text
	}
	sound := piece("<unk>") + piece("a")
	for want, model := range map[string]string{
		"is empty":                     "",
		"it has no pieces":             "\x12\x02\x18\x01",
		"another form":                 "IQ== 0\nIg== 1\n",
		"unexpected EOF":               sound[:len(sound)-1],
		"is not UTF-8":                 sound + piece("\xff"),
		"are both \"a\"":               sound + piece("a"),
		"model_type 4 is neither":      sound + "\x12\x02\x18\x04",
		"treat_whitespace_as_suffix":   sound + "\x12\x03\xc0\x01\x01",
		"escape_whitespaces false":     sound + "\x1a\x02\x28\x00",
		"unk_id 7 is not among":        sound + "\x12\x03\xc0\x02\x07",
		"kind 9":                       sound + "\x0a\x05\x0a\x01b\x18\x09",
		"the score of \"b\" is not fi": sound + "\x0a\x08\x0a\x01b\x15\x00\x00\xc0\x7f",
		"a group":                      sound + "\x0b",
	} {
		_, err := Open(folder(t, map[string]string{"tokenizer.model": model}))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", model, err, want)
		}
	}
	files := map[string]string{"tokenizer.model": sound, "tokenizer_config.json": `{"tokenizer_class":"XLMRobertaTokenizer"}`}
	if _, err := Open(folder(t, files)); err == nil || !strings.Contains(err.Error(), `tokenizer_class "XLMRobertaTokenizer"`) {
		t.Errorf("a class that moves ids: %v", err)
	}
}
