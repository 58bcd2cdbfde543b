package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/archbench/archbench/docs"
	"github.com/archbench/archbench/harness/internal/corpus"
	"github.com/archbench/archbench/harness/internal/dataset"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/task"
	"github.com/archbench/archbench/harness/internal/text"
	"github.com/archbench/archbench/harness/internal/train"
	"github.com/archbench/archbench/internal/strictjson"
	"github.com/archbench/archbench/internal/tokenizer"
	"github.com/archbench/archbench/lm"
)

// trainSource is what a training reads. It is stored with the training, to be opened again when it is resumed.
type trainSource struct {
	Corpora    []string `json:"corpora,omitempty"` // as --corpus, with absolute paths; neither these nor a task: the documentation
	Task       string   `json:"task,omitempty"`
	Tokenizer  string   `json:"tokenizer,omitempty"` // bytes, or "": the model's
	Batch      int      `json:"batch"`
	Length     int      `json:"length"`
	Seed       uint64   `json:"seed"`
	EvalTokens int      `json:"eval_tokens"`
}

func readTrainSource(data []byte) (s trainSource, err error) {
	return s, strictjson.Unmarshal(data, &s)
}

// goTree is the value of --corpus for the Go source tree.
const goTree = "go"

// open opens what the flags name, and fits the model to it: new weights get its vocabulary.
func (s *trainSource) open(ctx context.Context, a *app, f *trainFlags, o *train.Options) (err error) {
	if s.Task != "" {
		t, err := task.Parse(s.Task)
		if err != nil {
			return usage("--task: %w", err)
		}
		s.Task, o.Length = t.String(), t.Longest(dataset.Train)
		f.fit(ctx, a, &o.Model, t.Vocab(), "null")
		o.Data = s.onTask(t)
	} else if err := s.openText(ctx, a, f, o); err != nil {
		return err
	}
	o.Source, err = json.Marshal(s)
	return err
}

func (s *trainSource) openText(ctx context.Context, a *app, f *trainFlags, o *train.Options) error {
	for i, words := range s.Corpora {
		if words != goTree {
			s.Corpora[i] = absolute(words)
		}
	}
	sources, name, err := s.texts(ctx)
	if err != nil {
		return asUsageUnlessDone(ctx, err)
	}
	for _, source := range sources {
		a.note(source.Text.Omissions())
	}
	asked, err := f.models.namedTokenizer()
	if err != nil {
		return err
	}
	place := cmp.Or(asked, o.Model.Checkpoint)
	if place == "" {
		if place, err = shippedModel(o.Model.Architecture); err != nil {
			place = tokenizer.BytesName
		}
	}
	if place == tokenizer.BytesName {
		s.Tokenizer = place
		f.fit(ctx, a, &o.Model, tokenizer.Bytes().Vocab(), strconv.Itoa(tokenizer.Bytes().Vocab()-1))
	} else if err := f.fitTokenizer(ctx, a, o, place); err != nil {
		return err
	}
	o.Data = s.onText(sources, name, func(info lm.ModelInfo) (tokenizer.Tokenizer, error) {
		return tokenizer.Choose(cmp.Or(asked, s.Tokenizer), place, info.Vocab)
	})
	return nil
}

// resumed opens what was stored, with the tokenizer of a checkpoint.
func (s trainSource) resumed(folder string) func(context.Context, lm.ModelInfo) (train.Data, error) {
	return func(ctx context.Context, info lm.ModelInfo) (train.Data, error) {
		if s.Task != "" {
			t, err := task.Parse(s.Task)
			if err != nil {
				return nil, usage("--task: %w", err)
			}
			return s.onTask(t)(ctx, info)
		}
		sources, name, err := s.texts(ctx)
		if err != nil {
			return nil, asUsageUnlessDone(ctx, err)
		}
		return s.onText(sources, name, func(info lm.ModelInfo) (tokenizer.Tokenizer, error) {
			return tokenizer.Choose(s.Tokenizer, filepath.Join(folder, "last"), info.Vocab)
		})(ctx, info)
	}
}

func (s trainSource) onTask(t *task.Task) func(context.Context, lm.ModelInfo) (train.Data, error) {
	return func(_ context.Context, info lm.ModelInfo) (train.Data, error) {
		return train.OnTask(t, info, s.Batch, s.EvalTokens, s.Seed)
	}
}

func (s trainSource) onText(sources []corpus.Source, name string, choose func(lm.ModelInfo) (tokenizer.Tokenizer, error)) func(context.Context, lm.ModelInfo) (train.Data, error) {
	return func(ctx context.Context, info lm.ModelInfo) (train.Data, error) {
		t, err := choose(info)
		if err != nil {
			return nil, asUsageUnlessDone(ctx, err)
		}
		cut, err := cutOf(ctx, sources)
		if err != nil {
			return nil, asUsageUnlessDone(ctx, err)
		}
		c, err := corpus.Open(ctx, sources, corpus.Options{Tokenizer: t, Start: info.BOS, Vocab: info.Vocab, Cut: cut})
		if err != nil {
			return nil, asUsageUnlessDone(ctx, err)
		}
		about := train.About{Name: name, Length: s.Length, Tokenizer: record.Tokenizer{Asked: s.Tokenizer, Name: t.Name(), SHA256: t.SHA256()}}
		return train.OnText(c, about, info, s.Batch, s.EvalTokens, s.Seed)
	}
}

// texts loads the corpora.
func (s trainSource) texts(ctx context.Context) (sources []corpus.Source, name string, err error) {
	if s.Corpora == nil {
		own, err := documentation()
		return []corpus.Source{{Text: own}}, own.Source, err
	}
	var names []string
	for _, words := range s.Corpora {
		source, err := openCorpus(ctx, words)
		if err != nil {
			return nil, "", fmt.Errorf("--corpus %s: %w", words, err)
		}
		sources, names = append(sources, source), append(names, source.Text.Source)
	}
	return sources, strings.Join(names, " + "), nil
}

// openCorpus opens a value of --corpus: a file, a folder or go, with a weight after = unless that is part of a file's name.
func openCorpus(ctx context.Context, words string) (s corpus.Source, err error) {
	path := words
	if i := strings.LastIndexByte(words, '='); i > 0 {
		if _, missing := os.Stat(words); errors.Is(missing, fs.ErrNotExist) {
			if s.Weight, err = strconv.ParseFloat(words[i+1:], 64); err != nil || !(s.Weight > 0) {
				return s, fmt.Errorf("%q is no weight, want a number above 0", words[i+1:])
			}
			path = words[:i]
		}
	}
	if filepath.Base(path) != goTree || exists(path) {
		s.Text, err = text.Load(ctx, path)
		return s, err
	}
	root, err := text.GoRoot(ctx)
	if err == nil {
		s.Text, err = text.GoSource(ctx, root)
	}
	return s, err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// documentation is the text that every archbench has with it.
func documentation() (*text.Corpus, error) {
	c := &text.Corpus{Source: "archbench's own documentation"}
	err := fs.WalkDir(docs.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(docs.FS, path)
		c.Documents = append(c.Documents, text.FromString(path, string(data)))
		return err
	})
	return c, err
}

const (
	// enoughDocuments is the number of documents from which on a split leaves some on every side.
	enoughDocuments = 100
	// pieces is the number of documents that few are cut into, and shortest and longest their lengths in bytes.
	pieces   = 200
	shortest = 1 << 6
	longest  = 1 << 16
)

// cutOf is the length of the documents that few documents are cut into, so that a split leaves some on every side; 0: no cut.
func cutOf(ctx context.Context, sources []corpus.Source) (int, error) {
	if enough, err := corpus.AtLeast(ctx, sources, enoughDocuments); enough || err != nil {
		return 0, err
	}
	bytes := int64(0)
	for _, s := range sources {
		bytes += s.Text.Bytes()
	}
	return int(min(longest, max(shortest, bytes/pieces))), nil
}

// fitTokenizer gives new weights the vocabulary of a tokenizer, and checkpoints its files.
func (f *trainFlags) fitTokenizer(ctx context.Context, a *app, o *train.Options, place string) error {
	t, err := tokenizer.Open(place)
	if errors.Is(err, tokenizer.ErrMissing) && o.Model.Checkpoint != "" {
		return nil // the vocabulary will say whether the model's tokens are bytes
	}
	if err != nil {
		return usage("tokenizer: %w", err)
	}
	if o.Companions, err = tokenizer.Files(place); err != nil {
		return usage("tokenizer: %w", err)
	}
	start := "null"
	for _, token := range []string{tokenizer.EndOfText, "<s>", "[BOS]", "[CLS]"} {
		if id, ok := t.ID(token); ok {
			start = strconv.Itoa(int(id))
			break
		}
	}
	f.fit(ctx, a, &o.Model, t.Vocab(), start)
	return nil
}

// fit gives the config of new weights a vocabulary and its start token, JSON, unless the user or the config says it.
func (f *trainFlags) fit(ctx context.Context, a *app, m *train.Model, vocab int, start string) {
	if m.Checkpoint != "" {
		return
	}
	known := newCatalog(f.models.candidates(), a.warn)
	if configured(known.describe(ctx, m.Architecture), m) == vocab {
		return
	}
	settings := known.settings(ctx, m.Architecture)
	for _, pair := range [][2]string{{"vocab_size", strconv.Itoa(vocab)}, {"bos_token_id", start}, {"eos_token_id", start}} {
		if _, said := m.Options[pair[0]]; said || !slices.Contains(settings, pair[0]) {
			continue
		}
		if m.Options == nil {
			m.Options = map[string]string{}
		}
		m.Options[pair[0]] = pair[1]
	}
}

// configured is the vocabulary of a model's config, 0 if it is not known.
func configured(d *lm.Description, m *train.Model) int {
	config := m.Config
	if d != nil && config == "" {
		for i, v := range d.Variants {
			if v.Name == m.Variant || m.Variant == "" && i == 0 {
				config = v.Config
			}
		}
	}
	var keys struct {
		Vocab int `json:"vocab_size"`
	}
	_ = json.Unmarshal([]byte(config), &keys) // a config that cannot be read is the plugin's to refuse
	return keys.Vocab
}
