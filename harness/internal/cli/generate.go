package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/internal/printable"
	"github.com/archbench/archbench/lm"
)

// generateFlags are the flags of archbench generate. Sampling parameters have the names and ranges of other tools.
type generateFlags struct {
	model    modelFlags
	prompt   string
	maxNew   int
	maxTotal int
	sampling lm.Sampling
	greedy   bool
	stop     []string
}

func (a *app) generateCommand() *cobra.Command {
	var f generateFlags
	c := &cobra.Command{
		Use: "generate MODEL", Short: "Continue a text, token by token",
		Long: `Generate streams a model's continuation of a prompt to standard output. MODEL is a shipped model (gpt2), a checkpoint
folder (./gpt2), ARCH:DIR or ARCH:init:SEED. The model's start token precedes the prompt unless the prompt begins with
it. The text ends at an end token of config.json or generation_config.json. Sampling depends on the flags only, not on
generation_config.json; the order is repetition penalty, temperature, top-k, top-p, softmax, draw.`,
		Example: `  archbench generate gpt2 --prompt 'func main() {' --max-new-tokens 40
  archbench generate checkpoints/mine --prompt 'Once' --temperature 0.7 --top-p 0.9 --seed 7
  echo 'package main' | archbench generate mamba --prompt -`,
		Args: count(1, 1, "a MODEL"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return a.generate(c.Context(), args[0], f)
		},
	}
	f.model.common(c)
	fl := c.Flags()
	fl.StringVarP(&f.prompt, "prompt", "p", "", "text to continue; - reads standard input")
	fl.IntVar(&f.maxNew, "max-new-tokens", 100, "most tokens to generate")
	fl.IntVar(&f.maxTotal, "max-length", 0, "most tokens of prompt and continuation together (default: no limit)")
	fl.Float64Var(&f.sampling.Temperature, "temperature", 1, "divisor of the logits; 0 is greedy")
	fl.IntVar(&f.sampling.TopK, "top-k", 50, "draw from the K most likely tokens; 0 is off")
	fl.Float64Var(&f.sampling.TopP, "top-p", 0.9, "draw from the most likely tokens with this total probability; 1 is off")
	fl.Float64Var(&f.sampling.RepetitionPenalty, "repetition-penalty", 1, "penalty for tokens that have occurred; 1 is off")
	fl.BoolVar(&f.greedy, "greedy", false, "always take the most likely token")
	fl.Uint64Var(&f.sampling.Seed, "seed", 1, "seed of the draws")
	fl.StringArrayVar(&f.stop, "stop", nil, "also stop at this special `TOKEN`; repeatable")
	return c
}

// check checks the ranges of the sampling parameters.
func (f *generateFlags) check() error {
	s := &f.sampling
	for _, r := range []struct {
		flag      string
		v, lo, hi float64
	}{
		{"temperature", s.Temperature, 0, 10}, {"top-p", s.TopP, 0, 1}, {"repetition-penalty", s.RepetitionPenalty, 0.1, 10},
		{"top-k", float64(s.TopK), 0, 1e9}, {"max-new-tokens", float64(f.maxNew), 1, 1e9}, {"max-length", float64(f.maxTotal), 0, 1e9},
	} {
		if !(r.v >= r.lo && r.v <= r.hi) {
			return usage("--%s %v: must be between %v and %v", r.flag, r.v, r.lo, r.hi)
		}
	}
	if f.greedy {
		s.Temperature = 0
	}
	return nil
}

// generate streams a continuation.
func (a *app) generate(ctx context.Context, what string, f generateFlags) (err error) {
	if f.prompt == "-" {
		if f.prompt, err = readPrompt(ctx, a.in); err != nil {
			return err
		}
	}
	m, err := a.open(ctx, what, &f.model)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.session.Close()) }()
	req, err := m.request(f)
	if err != nil {
		return err
	}
	if starts := leading(req.Inputs[0].Tokens, m.info.BOS); starts > 1 {
		a.warn(fmt.Sprintf("the prompt begins with %d start tokens (%s), but the model was trained with one", starts, m.tokenizer.Token(m.info.BOS)))
	}
	out := a.out
	if isTerminal(out) { // generated text might contain terminal commands
		out = printable.Writer(out)
	}
	return m.stream(ctx, out, req)
}

// maxPrompt bounds a prompt in bytes, far beyond the context of any model.
const maxPrompt = 64 << 20

// readPrompt reads a prompt to its end or until the context ends, because a terminal may never send any.
func readPrompt(ctx context.Context, in io.Reader) (string, error) {
	var data []byte
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		data, err = io.ReadAll(io.LimitReader(in, maxPrompt+1))
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-done:
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("read the prompt: %w", err)
	case len(data) > maxPrompt:
		return "", usage("the prompt is longer than %d MiB", maxPrompt>>20)
	}
	return string(data), nil
}

// request turns the flags into a request without a state.
func (m *opened) request(f generateFlags) (req lm.GenerateRequest, err error) {
	prompt, err := m.prompt(f.prompt)
	if err != nil {
		return req, err
	}
	n := f.maxNew
	if f.maxTotal > 0 {
		n = min(n, f.maxTotal-len(prompt))
	}
	if limit := m.info.ContextLimit; limit > 0 {
		n = min(n, limit-len(prompt))
	}
	if n < 1 {
		limit := "no context limit"
		if m.info.ContextLimit > 0 {
			limit = fmt.Sprintf("context limit %d", m.info.ContextLimit)
		}
		return req, usage("the prompt of %d tokens leaves no room (%s, --max-length %d)", len(prompt), limit, f.maxTotal)
	}
	stop, err := m.stops(f.stop)
	if err != nil {
		return req, err
	}
	return lm.GenerateRequest{Inputs: []lm.StepInput{{Tokens: prompt}}, MaxNew: n, Sampling: f.sampling, Stop: stop, Every: 1}, nil
}

// prompt returns the ids of a text after the model's start token, which the text may also contain itself.
func (m *opened) prompt(text string) ([]int32, error) {
	info := m.info
	ids, err := m.tokenizer.EncodeSpecial(text)
	if err != nil {
		return nil, fmt.Errorf("--prompt: %w", err)
	}
	for _, id := range ids {
		if int(id) >= info.Vocab {
			return nil, usage("--prompt contains the token %q, whose id %d is beyond the model's %d ids", m.tokenizer.Token(id), id, info.Vocab)
		}
	}
	if info.BOS >= 0 && leading(ids, info.BOS) == 0 {
		ids = slices.Insert(ids, 0, info.BOS)
	}
	if len(ids) == 0 {
		return nil, usage("the model has no start token, so --prompt must not be empty")
	}
	return ids, nil
}

// stops are the model's end tokens and those of --stop.
func (m *opened) stops(words []string) ([]int32, error) {
	stop := slices.Clone(m.info.EOS)
	for _, word := range words {
		id, ok := m.tokenizer.ID(word)
		switch {
		case !ok:
			return nil, usage("--stop %q is not a token of this tokenizer", word)
		case int(id) >= m.info.Vocab:
			return nil, usage("--stop %q: its id %d is beyond the model's %d ids, so it never occurs", word, id, m.info.Vocab)
		}
		stop = append(stop, id)
	}
	return stop, nil
}

// leading counts the occurrences of id at the beginning.
func leading(ids []int32, id int32) int {
	n := 0
	for n < len(ids) && ids[n] == id {
		n++
	}
	return n
}

// stream writes the text of tokens as they are generated.
func (m *opened) stream(ctx context.Context, out io.Writer, req lm.GenerateRequest) (err error) {
	generator, ok := lm.As[lm.Generator](m.model)
	stepper, canStep := lm.As[lm.Stepper](m.model)
	if !ok || !canStep {
		return ofModel(errors.New("generate: n/a (no ability generate)"))
	}
	state, err := stepper.NewState(ctx)
	if err != nil {
		return ofModel(err)
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	req.Inputs[0].State = state
	prompt := req.Inputs[0].Tokens
	writer := decoder{tokenizer: m.tokenizer, written: prompt[leading(prompt, m.info.BOS):]}
	var failed error
	err = generator.Generate(ctx, req, func(c lm.GenerateChunk) bool {
		for _, tokens := range c.Tokens {
			var piece string
			if piece, failed = writer.next(tokens); failed == nil {
				_, failed = io.WriteString(out, piece)
			}
		}
		return failed == nil
	})
	rest, undecoded := writer.rest()
	_, last := io.WriteString(out, rest+"\n")
	return errors.Join(ofModel(err), failed, undecoded, last)
}
