// Package signature recognises files that are not what their name promises: a Git LFS pointer, a web page in place of a
// download, a pickle named like a safetensors file.
package signature

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ByExport says how to convert weights from another format to safetensors.
const ByExport = `save it as safetensors with Python: from transformers import AutoModelForCausalLM; ` +
	`AutoModelForCausalLM.from_pretrained("DIR").save_pretrained("NEW", safe_serialization=True)`

// magics are formats by their first bytes.
var magics = []struct{ magic, is string }{
	{"PK\x03\x04", "is a zip archive, as torch.save writes, which is not read: name it pytorch_model.bin and " + ByExport},
	{"\x80\x02", pickle}, {"\x80\x03", pickle}, {"\x80\x04", pickle}, {"\x80\x05", pickle},
	{"GGUF", "is a GGUF file, which is not read: take the safetensors of the same model"},
	{"\x89HDF\r\n\x1a\n", "is an HDF5 file, as Keras writes, which is not read: " + ByExport},
	{"\x93NUMPY", "is a NumPy array, which is not read"},
	{"\x1f\x8b", "is compressed with gzip: unpack it first"},
	{"\x28\xb5\x2f\xfd", "is compressed with zstd: unpack it first"},
	{"\xfd7zXZ\x00", "is compressed with xz: unpack it first"},
	{"\xff\xfe", "is text in UTF-16: save it as UTF-8"},
	{"\xfe\xff", "is text in UTF-16: save it as UTF-8"},
}

const pickle = "is a Python pickle, as torch.save wrote, which is not read: name it pytorch_model.bin and " + ByExport

// peek is how much of a file is examined.
const peek = 512

// Describe says what a file that begins with head is, where what was expected (for example "the weights"), and what to
// do. It returns "" if nothing is recognised. Use it only for files that could not be read: some formats may begin with
// any bytes.
func Describe(head []byte, what string) string {
	head = head[:min(len(head), peek)]
	if len(head) == 0 {
		return "is empty, an unfinished download: fetch it again"
	}
	if bytes.HasPrefix(head, []byte("version https://git-lfs.github.com/")) {
		return fmt.Sprintf("is a Git LFS pointer, not %s: git lfs pull", what)
	}
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.is
		}
	}
	if len(bytes.Trim(head, "\x00")) == 0 {
		return "begins with zeros, an unfinished download: fetch it again"
	}
	return describeText(head, what)
}

// describeText recognises web pages and other text that a download may leave.
func describeText(head []byte, what string) string {
	if !printable(head) {
		return ""
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(head)), "\n")
	switch start := strings.ToLower(line); {
	case strings.HasPrefix(start, "<!doctype html"), strings.HasPrefix(start, "<html"):
		return fmt.Sprintf("is a web page, not %s: the download was answered with a page, perhaps for want of a login; fetch it again", what)
	case strings.HasPrefix(start, "<?xml"):
		return fmt.Sprintf("is XML, not %s: the download was answered with a message; fetch it again", what)
	}
	return fmt.Sprintf("is text that begins %.40q, not %s", line, what)
}

// printable reports whether head is text: valid UTF-8, apart from a rune cut off at the end, without control
// characters.
func printable(head []byte) bool {
	for len(head) > 0 {
		r, n := utf8.DecodeRune(head)
		switch {
		case r == utf8.RuneError && n == 1:
			return !utf8.FullRune(head)
		case r < ' ' && !strings.ContainsRune("\t\r\n", r), r == 0x7f:
			return false
		}
		head = head[n:]
	}
	return true
}
