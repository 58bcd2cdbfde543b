package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"pgregory.net/rapid"

	"github.com/archbench/archbench/harness/internal/exchange"
	"github.com/archbench/archbench/harness/internal/lmfake"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/run"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/internal/tokenizer"
	"github.com/archbench/archbench/lm"
)

func TestExitCodes(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, tc := range []struct {
		ctx  context.Context
		err  error
		want int
	}{
		{context.Background(), nil, 0},
		{context.Background(), errFailed, 1},
		{context.Background(), usage("wrong"), 2},
		{context.Background(), fmt.Errorf("wrapped: %w", usage("wrong")), 2},
		{context.Background(), fmt.Errorf("no run: %w", store.ErrNotFound), 2},
		{context.Background(), errors.New("disk on fire"), 3},
		{context.Background(), result.ErrIncomparable, 3},
		{context.Background(), errCells, 4},
		{context.Background(), fmt.Errorf("run: %w", run.ErrInterrupted), 130},
		{cancelled, errors.New("call cancelled"), 130},
		{cancelled, fmt.Errorf("record: %w", store.ErrMoved), 3},
		{cancelled, fmt.Errorf("record: %w", store.ErrDiskFull), 3},
		{cancelled, fmt.Errorf("read corpus: %w", syscall.EIO), 3},
	} {
		if got := exitCode(tc.ctx, tc.err); got != tc.want {
			t.Errorf("exit code of %v is %d, want %d", tc.err, got, tc.want)
		}
	}
}

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	a := &app{out: &bytes.Buffer{}, err: &bytes.Buffer{}}
	pending := a.root().Commands()
	for len(pending) > 0 {
		c := pending[0]
		pending = append(pending[1:], c.Commands()...)
		if c.Name() == "help" {
			continue
		}
		if c.Short == "" || !strings.Contains(c.Example, "archbench "+strings.TrimPrefix(c.CommandPath(), "archbench ")) && !c.HasSubCommands() {
			t.Errorf("%s: help %q, example %q", c.CommandPath(), c.Short, c.Example)
		}
	}
}

// TestHelpFitsItsWidth checks a terminal of 80 columns and a pipe, for which lines are at most helpWidth.
func TestHelpFitsItsWidth(t *testing.T) {
	for width, limit := range map[int]int{80: 80, 0: helpWidth} {
		var out bytes.Buffer
		a := &app{out: &out, err: &bytes.Buffer{}, width: width}
		pending := []*cobra.Command{a.root()}
		for len(pending) > 0 {
			c := pending[0]
			pending = append(pending[1:], c.Commands()...)
			out.Reset()
			if err := c.Help(); err != nil {
				t.Fatal(err)
			}
			_, flags, _ := strings.Cut(out.String(), "Flags:")
			flags, _, _ = strings.Cut(flags, "\nUse ")
			for line := range strings.Lines(flags) {
				if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > limit {
					t.Errorf("width %d, %s --help: a line of %d: %s", width, c.CommandPath(), n, line)
				}
			}
			for line := range strings.Lines(out.String()) {
				if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > helpWidth {
					t.Errorf("%s --help: a line of %d: %s", c.CommandPath(), n, line)
				}
			}
		}
	}
}

func TestDidYouMean(t *testing.T) {
	words := []string{"speed", "memory", "flops"}
	for word, want := range map[string]string{
		"sped": "; did you mean speed?", "Flop": "; did you mean flops?", "memroy": "; did you mean memory?", "zzzzzz": "", "": "",
	} {
		if got := didYouMean(word, words); got != want {
			t.Errorf("didYouMean(%q) = %q, want %q", word, got, want)
		}
	}
}

// fullOnce fails the write with number at, like a disk that is full for a moment.
type fullOnce struct{ at, writes int }

func (w *fullOnce) Write(b []byte) (int, error) {
	if w.writes++; w.writes-1 == w.at {
		return 0, syscall.ENOSPC
	}
	return len(b), nil
}

// TestLostOutputIsAnError fails each write of every format in turn: incomplete output must be an error.
func TestLostOutputIsAnError(t *testing.T) {
	outputs := map[string]func(io.Writer) error{
		"bench": func(w io.Writer) error { return exchange.WriteBench(w, &record.Run{ID: "r"}) },
	}
	for _, format := range table.FormatNames() {
		outputs[format] = func(w io.Writer) error {
			return table.Write(w, format, 40, table.Words("t", "Speeds", []string{"model"}), table.Words("e", "Empty", []string{"model"}))
		}
	}
	for format, write := range outputs {
		whole := &fullOnce{at: -1}
		if err := write(whole); err != nil || whole.writes == 0 {
			t.Fatalf("%s: %d writes, %v", format, whole.writes, err)
		}
		for at := range whole.writes {
			if err := write(&fullOnce{at: at}); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("%s: write %d of %d was refused, but the error is %v", format, at, whole.writes, err)
			}
		}
	}
}

// done returns a function's result and ends the test at an error.
func done[T any](v T, err error) func(t rapid.TB) T {
	return func(t rapid.TB) T {
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestDecoderWaitsForWholeCharacters(t *testing.T) {
	bytewise := tokenizer.Bytes()
	d := decoder{tokenizer: bytewise}
	var pieces []string
	for _, id := range done(bytewise.Encode("aéb"))(t) {
		pieces = append(pieces, done(d.next([]int32{id}))(t))
	}
	if diff := cmp.Diff([]string{"a", "", "é", "b"}, pieces); diff != "" {
		t.Error(diff)
	}
	if rest := done(d.rest())(t); rest != "" {
		t.Errorf("rest %q", rest)
	}
}

// sentencePiece is a tokenizer whose decoder strips one blank from the beginning of a text, like Llama's.
const sentencePiece = `{"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
	"decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},
	"model":{"type":"BPE","vocab":{"<s>":0,"▁":1,"a":2,"b":3,"▁a":4,"▁▁":5,"<0xC3>":6,"<0xA9>":7},"merges":["▁ a","▁ ▁"],"byte_fallback":true},
	"added_tokens":[{"id":0,"content":"<s>","special":true}]}`

// TestDecoderContinuesAText streams continuations in chunks of every size and compares them with the text of prompt and
// continuation, without the prompt's.
func TestDecoderContinuesAText(t *testing.T) {
	tok, err := tokenizer.Parse([]byte(sentencePiece))
	if err != nil {
		t.Fatal(err)
	}
	parts := [][]int32{{0}, {1}, {2}, {3}, {4}, {5}, {6, 7}, {99}} // é takes two tokens, 99 is not a token
	rapid.Check(t, func(t *rapid.T) {
		prompt := done(tok.Encode(rapid.SampledFrom([]string{"", "a", "b a", " ", "a  ", "é"}).Draw(t, "prompt")))(t)
		ids := slices.Concat(rapid.SliceOf(rapid.SampledFrom(parts)).Draw(t, "ids")...)
		d := decoder{tokenizer: tok, written: prompt}
		var got strings.Builder
		for rest := ids; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "chunk")
			got.WriteString(done(d.next(rest[:n]))(t))
			rest = rest[n:]
		}
		got.WriteString(done(d.rest())(t))
		want := strings.TrimPrefix(done(tok.Decode(slices.Concat(prompt, ids)))(t), done(tok.Decode(prompt))(t))
		if got.String() != want {
			t.Fatalf("%q, want %q", got.String(), want)
		}
	})
	d := decoder{tokenizer: tok, written: done(tok.Encode("a"))(t)}
	if got := done(d.next([]int32{4}))(t); got != " a" {
		t.Errorf("the blank before a continuation: %q", got)
	}
	d = decoder{tokenizer: tok, written: []int32{2, 6}}
	if got := done(d.next([]int32{7}))(t) + done(d.rest())(t); got != "é" {
		t.Errorf("a character that the prompt begins: %q", got)
	}
}

// TestOneStartToken counts the start tokens of prompts: none is added to a prompt that begins with one.
func TestOneStartToken(t *testing.T) {
	tok, err := tokenizer.Parse([]byte(sentencePiece))
	if err != nil {
		t.Fatal(err)
	}
	for prompt, want := range map[string]int{"": 1, "a": 1, "<s>a": 1, "<s><s>a": 2, "a<s>": 1} {
		m, err := (&lmfake.Architecture{}).Load(t.Context(), lm.LoadRequest{Variant: "tiny"})
		if err != nil {
			t.Fatal(err)
		}
		s := opened{model: m, info: starting{m}.Info(), tokenizer: tok}
		req, err := s.request(generateFlags{prompt: prompt, maxNew: 1})
		if err != nil {
			t.Fatal(err)
		}
		if got := leading(req.Inputs[0].Tokens, 0); got != want {
			t.Errorf("%q begins with %d start tokens, want %d", prompt, got, want)
		}
	}
}

// TestTokensBeyondTheModel checks that errors name tokens that the model lacks, in the prompt and for --stop.
func TestTokensBeyondTheModel(t *testing.T) {
	tok, err := tokenizer.Parse([]byte(`{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"added_tokens":[{"id":1,"content":"[PAD]","special":true}]}`))
	if err != nil {
		t.Fatal(err)
	}
	m, err := (&lmfake.Architecture{}).Load(t.Context(), lm.LoadRequest{Variant: "tiny"})
	if err != nil {
		t.Fatal(err)
	}
	s := opened{model: m, info: narrow{m}.Info(), tokenizer: tok}
	for _, f := range []generateFlags{{prompt: "a[PAD]", maxNew: 1}, {prompt: "a", maxNew: 1, stop: []string{"[PAD]"}}} {
		if _, err := s.request(f); err == nil || !strings.Contains(err.Error(), `"[PAD]"`) || !strings.Contains(err.Error(), "1 is beyond the model's 1 ids") {
			t.Errorf("%+v: %v", f, err)
		}
	}
	if _, err := s.request(generateFlags{prompt: "a", maxNew: 1}); err != nil {
		t.Errorf("a token that does not occur: %v", err)
	}
}

// narrow is a model with one id and no start token.
type narrow struct{ lm.Model }

func (m narrow) Info() lm.ModelInfo {
	info := m.Model.Info()
	info.Vocab, info.BOS = 1, -1
	return info
}

// starting is a model with the start token 0.
type starting struct{ lm.Model }

func (m starting) Info() lm.ModelInfo {
	info := m.Model.Info()
	info.BOS = 0
	return info
}

func TestGenerateFlags(t *testing.T) {
	good := generateFlags{maxNew: 1}
	good.sampling.RepetitionPenalty, good.sampling.TopP, good.sampling.Temperature = 1, 1, 0.7
	good.greedy = true
	if err := good.check(); err != nil || good.sampling.Temperature != 0 {
		t.Errorf("greedy: %v, temperature %v", err, good.sampling.Temperature)
	}
	bad := good
	bad.sampling.RepetitionPenalty = 0
	if err := bad.check(); err == nil || !strings.Contains(err.Error(), "--repetition-penalty 0") {
		t.Errorf("a penalty of 0: %v", err)
	}
}

func TestSpecs(t *testing.T) {
	models, plugins := t.TempDir(), t.TempDir()
	for _, name := range []string{"gpt2", "bk"} {
		dir := filepath.Join(models, name+"-3m")
		if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "config.json"), []byte("{}"), 0o644),
			os.WriteFile(filepath.Join(plugins, "archbench-plugin-"+name), nil, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(plugins, "archbench-plugin-echo"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ARCHBENCH_PLUGINS", plugins)
	t.Setenv(modelsVariable, models)
	t.Setenv("PATH", "")
	shipped := func(name string) string { return filepath.Join(models, name+"-3m") }
	for _, tc := range []struct {
		name  string
		flags modelFlags
		want  []run.ModelSpec
	}{
		{"default", modelFlags{}, []run.ModelSpec{
			{Name: "bk", Architecture: "bk", Checkpoint: shipped("bk")}, {Name: "gpt2", Architecture: "gpt2", Checkpoint: shipped("gpt2")}}},
		{"one in a precision", modelFlags{plugins: []string{"bk"}, precision: "int8", head: "int8"}, []run.ModelSpec{
			{Name: "bk", Architecture: "bk", Checkpoint: shipped("bk"), Precision: "int8", Head: "int8"}}},
		{"own checkpoint", modelFlags{plugins: []string{"bk"}, checkpoint: models}, []run.ModelSpec{
			{Name: "bk", Architecture: "bk", Checkpoint: models}}},
		{"new weights", modelFlags{plugins: []string{"bk"}, init: "7", variant: "tiny", options: []string{"a=b"}}, []run.ModelSpec{
			{Name: "bk", Architecture: "bk", Variant: "tiny", Seed: 7, Options: map[string]string{"a": "b"}}}},
		{"new weights of named models", modelFlags{models: []string{"a=gpt2", "bk@int8"}, init: "7", variant: "tiny"}, []run.ModelSpec{
			{Name: "a", Architecture: "gpt2", Variant: "tiny", Seed: 7}, {Architecture: "bk", Variant: "tiny", Seed: 7, Precision: "int8"}}},
		{"own variants", modelFlags{models: []string{"a=gpt2:124m", "bk"}, init: "7"}, []run.ModelSpec{
			{Name: "a", Architecture: "gpt2", Variant: "124m", Seed: 7}, {Architecture: "bk", Seed: 7}}},
		{"named", modelFlags{models: []string{"x=gpt2:" + models + "@int4", "gpt2:" + models}, precision: "bf16"}, []run.ModelSpec{
			{Name: "x", Architecture: "gpt2", Checkpoint: models, Precision: "int4"}, {Architecture: "gpt2", Checkpoint: models, Precision: "bf16"}}},
	} {
		got, err := tc.flags.specs(t.Context(), func(string) {}, nil)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s:\n%s", tc.name, diff)
		}
	}
	for name, flags := range map[string]modelFlags{
		"unknown": {plugins: []string{"gtp2"}}, "seed and checkpoint": {init: "1", checkpoint: models}, "bad seed": {init: "x"},
		"bad option": {options: []string{"a"}}, "two plugins": {plugins: []string{"bk", "gpt2"}, checkpoint: models},
		"two variants": {models: []string{"a=gpt2:124m", "bk"}, init: "1", variant: "tiny"},
	} {
		var mistake usageError
		if _, err := flags.specs(t.Context(), func(string) {}, nil); !errors.As(err, &mistake) {
			t.Errorf("%s: %v, want a usage error", name, err)
		}
	}
}

func TestOneSpec(t *testing.T) {
	flags := modelFlags{init: "7", variant: "tiny"}
	got, err := flags.one(t.Context(), "gpt2@int8", func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(run.ModelSpec{Name: "gpt2", Architecture: "gpt2", Variant: "tiny", Seed: 7, Precision: "int8"}, got); diff != "" {
		t.Error(diff)
	}
	var mistake usageError
	if got, err := flags.one(t.Context(), "gpt2:124m", func(string) {}); !errors.As(err, &mistake) {
		t.Errorf("two variants: %+v, %v, want a usage error", got, err)
	}
}

func TestCommandIsQuoted(t *testing.T) {
	a := &app{args: []string{"run", "speed", "--model", "x=gpt2:my dir@int8", "--corpus", "it's.txt", ""}}
	if got, want := a.command(), `archbench run speed --model 'x=gpt2:my dir@int8' --corpus 'it'\''s.txt' ''`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestWordsOnTheTerminal checks that text of users, files and plugins cannot control the terminal.
func TestWordsOnTheTerminal(t *testing.T) {
	var out, err bytes.Buffer
	if code := execute(context.Background(), []string{"show", "x\x1b[2J\u202e", "--db", "no\x1b[2Jwhere.db"}, nil, &out, &err, "test"); code != ExitUsage {
		t.Errorf("exit code %d", code)
	}
	if strings.ContainsAny(err.String(), "\x1b\u202e") || !strings.Contains(err.String(), `no\u001b[2Jwhere.db`) {
		t.Errorf("%q", err.String())
	}
	a := &app{out: &out, format: "table"}
	tab := table.Words("t", "T", []string{"a", "b"})
	tab.Add("k", "\x1b[31mred\x1b[m")
	tab.Notes = []string{"\x1b]0;title\a"}
	if err := a.print(tab); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\a") || !strings.Contains(out.String(), `\u001b[31mred`) {
		t.Errorf("%q", out.String())
	}
}
