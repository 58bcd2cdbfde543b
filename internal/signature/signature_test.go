package signature

import (
	"strings"
	"testing"
)

func TestDescribe(t *testing.T) {
	for head, want := range map[string]string{
		"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 67\n": "is a Git LFS pointer, not the weights: git lfs pull",
		"":                                   "is empty",
		"\n <!DOCTYPE html><html>":           "is a web page, not the weights",
		"<html lang=\"en\">":                 "is a web page, not the weights",
		"<?xml version=\"1.0\"?><Error>":     "is XML, not the weights",
		"Entry not found":                    `is text that begins "Entry not found", not the weights`,
		`{"error":"Repository not found"}`:   `is text that begins "{\"error\"`,
		"PK\x03\x04\x00\x00":                 "torch.save",
		"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8": "pickle",
		"GGUF\x03\x00\x00\x00":               "is a GGUF file",
		"\x89HDF\r\n\x1a\n":                  "HDF5",
		"\x1f\x8b\x08":                       "gzip",
		"\xff\xfe{\x00":                      "UTF-16",
		strings.Repeat("\x00", 600):          "begins with zeros",
	} {
		if got := Describe([]byte(head), "the weights"); !strings.Contains(got, want) {
			t.Errorf("%.30q: %q, want %q", head, got, want)
		}
	}
	for _, head := range []string{"\x01\x02\x03", "abc\x00def", "\xc3("} {
		if got := Describe([]byte(head), "the weights"); got != "" {
			t.Errorf("%q: %q, want nothing", head, got)
		}
	}
	if got := Describe([]byte(strings.Repeat("x", peek-1)+"é"), "JSON"); !strings.Contains(got, "is text") {
		t.Errorf("text cut within a rune: %q", got)
	}
}

func FuzzDescribe(f *testing.F) {
	f.Add([]byte("version https://git-lfs.github.com/spec/v1\n"))
	f.Add([]byte("<html>\xc3"))
	f.Fuzz(func(t *testing.T, head []byte) {
		if got := Describe(head, "JSON"); strings.ContainsFunc(got, func(r rune) bool { return r < ' ' }) {
			t.Errorf("%q holds control characters", got)
		}
	})
}
