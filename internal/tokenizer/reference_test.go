package tokenizer

import (
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// references are the folders of testdata.
var references = []string{"gpt2", "bytelevel-bpe-1k", "spm-bpe-mistral", "unigram-ru"}

// referenceDir returns a folder with tokenizer.json and encodings.jsonl, unpacked from testdata.
func referenceDir(t testing.TB, name string) string {
	t.Helper()
	dir := t.TempDir()
	for _, file := range []string{"tokenizer.json", "encodings.jsonl"} {
		data, err := readReference(filepath.Join("testdata", name, file))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, file), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// readReference reads a file that may be gzipped.
func readReference(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	packed, err := os.Open(path + ".gz")
	if err != nil {
		return nil, err
	}
	defer packed.Close()
	z, err := gzip.NewReader(packed)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// open opens a valid tokenizer.
func open(t testing.TB, dir string) Tokenizer {
	t.Helper()
	tok, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// encode encodes text and expects success.
func encode(t testing.TB, tok Tokenizer, text string) []int32 {
	t.Helper()
	ids, err := tok.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// encodeSpecial is encode with special tokens recognised.
func encodeSpecial(t testing.TB, tok Tokenizer, text string) []int32 {
	t.Helper()
	ids, err := tok.EncodeSpecial(text)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// decodeIDs decodes ids and expects success.
func decodeIDs(t testing.TB, tok Tokenizer, ids []int32) string {
	t.Helper()
	text, err := tok.Decode(ids)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestReferences(t *testing.T) {
	for _, name := range references {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := referenceDir(t, name)
			v, err := Verify(dir, filepath.Join(dir, "encodings.jsonl"), 3)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d lines, ids identical in %d, text in %d", v.Lines, v.SameIDs, v.SameText)
			if !v.OK() || v.Lines < 200 {
				t.Errorf("differences: %+v", v.Differences)
			}
		})
	}
}

// TestSmall reads small files, each modelled on a published tokenizer.
func TestSmall(t *testing.T) {
	dirs, err := filepath.Glob("testdata/small/*")
	if err != nil || len(dirs) < 11 {
		t.Fatal(dirs, err)
	}
	for _, dir := range dirs {
		v, err := Verify(dir, filepath.Join(dir, "encodings.jsonl"), 3)
		if err != nil || !v.OK() {
			t.Errorf("%s: %v, differences %+v", dir, err, v.Differences)
		}
	}
}

// TestVerifyFinds corrupts reference lines in every way.
func TestVerifyFinds(t *testing.T) {
	lines := `{"text":"ab","ids":[97,98],"decoded":"ab"}
{"text":"ab","ids":[97,99],"decoded":"ac"}
{"text":"ab","ids":[97,98],"decoded":"abc"}
{"text":"c<|endoftext|>","ids":[99,256],"decoded":"c<|endoftext|>"}`
	v, err := verify(Bytes(), strings.NewReader(lines), 1)
	if err != nil || v.Lines != 4 || v.SameIDs != 3 || v.SameText != 3 || v.OK() {
		t.Errorf("%+v, %v", v, err)
	}
	if len(v.Differences) != 1 || v.Differences[0].Line != 2 || v.Differences[0].GotIDs[1] != 98 {
		t.Errorf("differences %+v", v.Differences)
	}
	if v, err := verify(Bytes(), strings.NewReader(""), 1); err != nil || v.OK() {
		t.Errorf("nothing compared: %+v, %v", v, err)
	}
	for line, want := range map[string]string{
		`{"text":`:          "1: ",
		`{"txt":"a"}`:       `1: json: unknown field "txt"`,
		"{}\n{\"ids\":[-]}": "2: line 1, column 10",
	} {
		if _, err := verify(Bytes(), strings.NewReader(line), 1); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", line, err, want)
		}
	}
	if _, err := Verify(t.TempDir(), "x", 1); !errors.Is(err, ErrMissing) {
		t.Errorf("error %v, want ErrMissing", err)
	}
	if _, err := Verify(referenceDir(t, "unigram-ru"), "none.jsonl", 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want fs.ErrNotExist", err)
	}
}
