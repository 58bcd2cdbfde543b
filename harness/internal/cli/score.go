package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/spf13/cobra"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/text"
)

func (a *app) scoreCommand() *cobra.Command {
	var f modelFlags
	var length, stride int
	c := &cobra.Command{
		Use: "score MODEL TEXT", Short: "Measure the bits per byte of a text under a model",
		Long: `Score measures the likelihood of a file, or of all files of a folder, in windows of --context tokens of which the last
--stride are scored. Hidden files in a folder are skipped, and files that are not UTF-8 text are left out with a
warning. A text may be larger than memory. Bits per byte are comparable between models with different tokenizers,
losses per token are not. The tokenizer is that of the checkpoint folder or of --tokenizer; its name and sha256 are
shown below the table.`,
		Example: "  archbench score gpt2 README.md\n  archbench score checkpoints/mine corpora/code.txt --context 512 --stride 256 -o json",
		Args:    count(2, 2, "a MODEL and a TEXT"),
	}
	f.common(c)
	c.Flags().IntVar(&length, "context", 256, "tokens of text in each window")
	c.Flags().IntVar(&stride, "stride", 256, "tokens scored in each window but the first")
	a.output(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if length < 1 || stride < 1 || stride > length {
			return usage("--context %d --stride %d: both must be at least 1, and the stride at most the context", length, stride)
		}
		corpus, err := text.Load(c.Context(), args[1])
		if err != nil {
			return asUsageUnlessDone(c.Context(), err)
		}
		t, err := a.score(c.Context(), args[0], f, corpus, length, stride)
		if err != nil {
			return err
		}
		return a.print(t)
	}
	return c
}

// score makes the table of a text's cost by document.
func (a *app) score(ctx context.Context, what string, f modelFlags, corpus *text.Corpus, length, stride int) (t table.Table, err error) {
	m, err := a.open(ctx, what, &f)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, m.session.Close()) }()
	spec, info := m.spec, m.info
	if info.ContextLimit > 0 && length > info.ContextLimit {
		return t, usage("--context %d: the model reads at most %d tokens", length, info.ContextLimit)
	}
	t = table.Words("score", spec.Name+" "+info.Precision, []string{"document", "bits per byte", "nats", "bytes", "tokens"})
	t.Notes = append(t.Notes, fmt.Sprintf("tokenizer: %s, sha256 %s", m.tokenizer.Name(), m.tokenizer.SHA256()))
	documents, err := text.NewTokens(corpus, m.tokenizer, info.BOS, info.Vocab).Excerpt(corpus.Bytes())
	if err != nil {
		return t, ofModel(fmt.Errorf("score: %w", err))
	}
	t.Frame = &table.Frame{Keys: scoreKeys}
	shared := []any{spec.Name, info.Architecture, info.Precision, table.Word(spec.Checkpoint), m.tokenizer.Name(), m.tokenizer.SHA256(), length, stride, info.Causal, info.Initialised}
	var total probe.DocumentScore
	changed, audit := 0, probe.Audit{}
	for _, d := range documents {
		score, err := probe.ScoreDocument(ctx, m.model, nil, d, length, stride, &audit)
		if err != nil {
			return t, ofModel(fmt.Errorf("score: %w", err))
		}
		total.Nats, total.Bytes, total.Tokens = total.Nats+score.Nats, total.Bytes+score.Bytes, total.Tokens+score.Tokens
		addScore(&t, shared, "document", d.Name, score)
		if score.Changed {
			total.Changed = true
			changed++
		}
	}
	note, err := audit.Check(ctx, m.model, nil)
	if err != nil {
		return t, ofModel(fmt.Errorf("score: %w", err))
	}
	if note != "" {
		t.Notes = append(t.Notes, note)
	}
	if len(t.Rows) != 1 {
		addScore(&t, shared, "total", "total", total)
	}
	if changed > 0 {
		t.Notes = append(t.Notes, probe.ChangedText(changed, len(documents)))
	}
	if left := corpus.Omissions(); left != "" {
		t.Notes = append(t.Notes, left)
	}
	if !info.Causal {
		t.Notes = append(t.Notes, "the model declares that it sees the future, so these are not likelihoods of a text")
	}
	if info.Initialised {
		t.Notes = append(t.Notes, "untrained: says nothing about the architecture")
	}
	return t, nil
}

// scoreKeys are the keys of a row for programs.
var scoreKeys = []string{"model", "architecture", "precision", "checkpoint", "tokenizer", "tokenizer_sha256", "context", "stride", "causal", "initialised",
	"scope", "document", "bits_per_byte", "nats", "bytes", "tokens", "lossy", "reason"}

func addScore(t *table.Table, shared []any, scope, name string, d probe.DocumentScore) {
	own := []any{scope, name, nil, nil, 0, 0, d.Changed, "no token was scored"}
	if d.Bytes == 0 {
		na := table.Unavailable("no token was scored")
		t.Add(name, na, na, "0", "0")
	} else {
		bits := d.Nats / float64(d.Bytes) / math.Ln2
		t.Add(name, fmt.Sprintf("%.6f", bits), fmt.Sprintf("%.4f", d.Nats), fmt.Sprint(d.Bytes), fmt.Sprint(d.Tokens))
		own = []any{scope, name, bits, d.Nats, d.Bytes, d.Tokens, d.Changed, nil}
	}
	t.Frame.Rows = append(t.Frame.Rows, slices.Concat(shared, own))
}
