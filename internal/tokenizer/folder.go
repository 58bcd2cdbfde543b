package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/archbench/archbench/internal/regularfile"
	"github.com/archbench/archbench/internal/signature"
	"github.com/archbench/archbench/internal/strictjson"
)

// ErrMissing reports that a model folder holds no tokenizer in any form.
var ErrMissing = errors.New("no tokenizer")

// maxFile bounds each tokenizer file; the largest published ones are about 35 MB.
const maxFile = 1 << 28

// form is one set of files that make up a tokenizer.
type form struct {
	needs []string // required files
	takes []string // optional files
	parse func(files map[string][]byte) (*pipeline, error)
}

// forms are tried in this order: the first with any file in the folder is the folder's form.
var forms = []form{
	{needs: []string{"tokenizer.json"}, parse: func(files map[string][]byte) (*pipeline, error) {
		p, err := parseFile(files["tokenizer.json"])
		if err != nil {
			err = fmt.Errorf("tokenizer.json: %w", err)
		}
		return p, err
	}},
	{needs: []string{"vocab.json", "merges.txt"}, takes: settingsFiles, parse: parseVocabMerges},
	{needs: []string{"tokenizer.model"}, takes: settingsFiles, parse: parseSentencePiece},
	{needs: []string{"vocab.txt"}, takes: settingsFiles, parse: parseVocabTxt},
}

// BytesName selects the byte tokenizer in [Choose].
const BytesName = "bytes"

// Choose returns the tokenizer for a model with vocab ids: the requested one ("bytes", a file or a folder), else the
// checkpoint folder's own. Bytes are never a guess: without a request, only two kinds of model get them: new weights,
// which know no text, and a checkpoint without a tokenizer whose vocabulary size allows nothing else. The error wraps
// [ErrMissing] if the folder has no tokenizer.
func Choose(asked, checkpoint string, vocab int) (Tokenizer, error) {
	switch {
	case asked == BytesName:
		return Bytes(), nil
	case asked != "":
		return Open(asked)
	case checkpoint == "":
		return Bytes(), nil
	}
	t, err := Open(checkpoint)
	if errors.Is(err, ErrMissing) && (vocab == endOfTextID || vocab == endOfTextID+1) {
		return Bytes(), nil
	}
	return t, err
}

// Open reads the tokenizer of a model folder, or the tokenizer that a file belongs to: a tokenizer.json under any name,
// or a file of another form under its usual name.
func Open(path string) (Tokenizer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open tokenizer: %w", err)
	}
	var p *pipeline
	if info.IsDir() {
		p, err = openFolder(path)
	} else {
		p, err = openFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("open tokenizer %s: %w", path, err)
	}
	return p, nil
}

// openFolder reads the first form that the folder has a file of.
func openFolder(dir string) (*pipeline, error) {
	var known []string
	for _, f := range forms {
		if f.in(dir) {
			return f.open(dir)
		}
		known = append(known, strings.Join(f.needs, " with "))
	}
	return nil, fmt.Errorf("%w: the folder has none of %s; name one with --tokenizer FILE, or use one token per byte with --tokenizer %s",
		ErrMissing, strings.Join(known, ", "), BytesName)
}

// openFile reads the form that the file name belongs to, else a tokenizer.json.
func openFile(path string) (*pipeline, error) {
	dir, name := filepath.Split(path)
	for _, f := range forms {
		if slices.Contains(f.needs, name) {
			return f.open(dir)
		}
	}
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	p, err := Parse(data)
	if err != nil {
		return nil, err
	}
	return p.(*pipeline), nil
}

// open reads a form's files from a folder and assembles the tokenizer.
func (f form) open(dir string) (*pipeline, error) {
	files := map[string][]byte{}
	for _, name := range slices.Concat(f.needs, f.takes) {
		data, err := read(filepath.Join(dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist) && slices.Contains(f.needs, name):
			return nil, fmt.Errorf("%s is missing: the tokenizer is %s: %w", name, strings.Join(f.needs, " with "), err)
		case err == nil:
			files[name] = data
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	p, err := f.parse(files)
	if err != nil {
		return nil, f.explain(files, err)
	}
	p.name, p.sha256 = strings.Join(f.needs, " + ")+" "+p.name, hashOf(files)
	return p, nil
}

// explain says what a file is that holds no tokenizer or no JSON; for any other file it returns the original error.
func (f form) explain(files map[string][]byte, err error) error {
	for _, name := range f.needs {
		if is := signature.Describe(files[name], "the tokenizer"); is != "" && !strings.HasPrefix(is, "is text") {
			return fmt.Errorf("%s %s", name, is)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if filepath.Ext(name) != ".json" {
			continue
		}
		if _, why := strictjson.Standard(files[name]); why != nil {
			return fmt.Errorf("%s: %w", name, why)
		}
	}
	return err
}

// read reads one tokenizer file.
func read(path string) ([]byte, error) { return regularfile.Read(path, maxFile) }

// hashOf identifies files: the hex hash of a single file, else the hash of sha256sum's output for all of them in name
// order.
func hashOf(files map[string][]byte) string {
	all := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		sum := sha256.Sum256(files[name])
		if len(files) == 1 {
			return hex.EncodeToString(sum[:])
		}
		fmt.Fprintf(all, "%x  %s\n", sum, name)
	}
	return hex.EncodeToString(all.Sum(nil))
}
