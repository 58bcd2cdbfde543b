package probe

import (
	"context"
	"fmt"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/text"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/lm"
)

// The metrics of probe "quality", at points context stride, besides those of the divergence from f32. Labels are documents.
const (
	DocumentNats  = "document_nats"
	DocumentBytes = "document_bytes" // scored UTF-8 bytes
)

// qualityProbe scores held-out text with a given context and stride. It stores nats and bytes per document, because bits
// per byte do not depend on the tokenizer. Models of low precision are also compared with f32.
var qualityProbe = &Probe{
	Name: "quality", Version: 1, Summary: "bits per byte of held-out text, divergence from f32",
	Report: Shown{Place: 8, View: QualityView, WithPrecision: true},
	Text:   HeldOut, Language: true, Versus: true, Budget: First,
	Axes: []Setting{
		{Name: "context", Default: "256", Min: 1, Doc: "tokens of text in each window, after the start token"},
		{Name: "stride", Default: "256", Min: 1, Doc: "tokens scored in each window but the first; at most context"},
	},
	Params: []Setting{{Name: "text_bytes", Default: "65536", Min: 1024, Doc: "bytes of text, shared among the documents"}},
	Metrics: []Metric{
		{Name: DocumentNats, Unit: unit.Nat, Better: -1, Title: "loss of the document"},
		{Name: DocumentBytes, Unit: unit.Byte, Title: "bytes of the document"},
		documentKL, documentTop1, documentTokens,
	},
	Quantities: []Quantity{{
		Name: "bits-per-byte", Title: "Bits per byte", Unit: unit.BitsPerByte, Better: -1, Main: "context", Documents: true, Absent: "no document was scored",
	}},
	refuse: func(p record.Point) error {
		if number(p, "stride") > number(p, "context") {
			return fmt.Errorf("stride %s is above context %s: tokens would stay unscored", p.Get("stride"), p.Get("context"))
		}
		return nil
	},
	context: lengthOf("context"),
	work: func(p record.Point) []Work {
		windows := number(p, "text_bytes")/(2*number(p, "stride")) + 1 // at two bytes per token
		return []Work{{lm.Scoring, 1, number(p, "context"), windows}}
	},
	measure: quality,
}

func quality(ctx context.Context, s *Subject) (r Result, err error) {
	context, stride := number(s.Settings, "context"), number(s.Settings, "stride")
	switch {
	case s.Unfit != "":
		return r, &Unavailable{s.Unfit}
	case s.Info.Initialised:
		r.Warnings = append(r.Warnings, "untrained: says nothing about the architecture")
	}
	if s.Info.BOS < 0 {
		r.Warnings = append(r.Warnings, "no start token: the first token of each document is not scored")
	}
	if s.Alone != "" {
		r.lack(DocumentKL, s.Alone)
	}
	documents, err := s.HeldOut.Excerpt(int64(number(s.Settings, "text_bytes")))
	if err != nil {
		return r, unavailable(err)
	}
	changed, audit := 0, Audit{}
	for _, d := range documents {
		document, err := ScoreDocument(ctx, s.Model, s.reference(), d, context, stride, &audit)
		if err != nil {
			return r, unavailable(err)
		}
		r.addDocument(document)
		if document.Changed {
			changed++
		}
	}
	if changed > 0 {
		r.Warnings = append(r.Warnings, ChangedText(changed, len(documents)))
	}
	note, err := audit.Check(ctx, s.Model, s.reference())
	if note != "" {
		r.Warnings = append(r.Warnings, note)
	}
	return r, err
}

// ChangedText is the warning that a tokenizer does not reproduce some of the documents exactly.
func ChangedText(some, all int) string {
	return fmt.Sprintf("the tokenizer loses part of the text in %d of %d documents (unknown characters, upper case, forms of Unicode): "+
		"bits per byte count all bytes, but the loss of the missing text is not included", some, all)
}

// reference returns the model to compare with, or nil if the model cannot be compared.
func (s *Subject) reference() lm.Model {
	if s.Info.Has(lm.AbilityVersus) {
		return s.Reference
	}
	return nil
}

func (r *Result) addDocument(d DocumentScore) {
	if d.Tokens == 0 {
		return
	}
	r.add(DocumentNats, d.Name, d.Nats)
	r.add(DocumentBytes, d.Name, float64(d.Bytes))
	r.addDivergence(d)
}

// DocumentScore is the score of one document.
type DocumentScore struct {
	Name   string
	Nats   float64 // sum of the negative log-likelihoods
	Bytes  int     // scored UTF-8 bytes
	Tokens int     // scored tokens
	// Changed says that the tokenizer does not reproduce the document exactly, see [text.Encoded].
	Changed bool

	Compared bool    // with another model: KL and Top1 are set
	KL       float64 // sum of KL(versus || model), nats
	Top1     int     // positions with the same top token in both models
}

// windowsPerCall bounds the work of one call, so that a long document can be cancelled.
const windowsPerCall = 8

// ScoreDocument scores every token of a document once, in windows. Each window holds the model's start token and at most
// context tokens of the document, of which the last stride are scored, or all in the first window. A model without a start
// token cannot score the first token of the document; the bytes are then reduced by the token's share of all tokens. With
// versus, a model in the same process, divergences from it are added. The audit sees everything that the model reports.
func ScoreDocument(ctx context.Context, m, versus lm.Model, d text.Encoded, context, stride int, audit *Audit) (DocumentScore, error) {
	out := DocumentScore{Name: d.Name, Bytes: int(d.Bytes), Compared: versus != nil}
	windows := newWindows(d.Tokens, m.Info().BOS, context, stride)
	defer windows.close()
	for {
		batch, err := windows.next(windowsPerCall)
		if err != nil || len(batch) == 0 {
			if all := windows.read(); out.Tokens < all { // not every token was scored
				out.Bytes -= out.Bytes * (all - out.Tokens) / all
			}
			out.Changed = d.Changed != nil && *d.Changed
			return out, err
		}
		reply, err := score(ctx, m, lm.ScoreRequest{Sequences: batch, Versus: versus})
		if err != nil {
			return out, fmt.Errorf("document %s: %w", d.Name, err)
		}
		audit.add(batch, reply.Scores, m.Info().Causal)
		for _, s := range reply.Scores {
			out.add(s)
		}
	}
}

// add sums one window.
func (d *DocumentScore) add(s lm.Scores) {
	for _, x := range s.NLL {
		d.Nats += x
	}
	for _, x := range s.KL {
		d.KL += x
	}
	for _, same := range s.Top1 {
		if same {
			d.Top1++
		}
	}
	d.Tokens += len(s.NLL)
}
