package probe

import (
	"context"
	"fmt"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/text"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/lm"
)

// The metrics of probe "quality", at points context stride. Labels are documents (or parts of the text).
const (
	DocumentNats   = "document_nats"
	DocumentBytes  = "document_bytes" // UTF-8 bytes that the nats were spent on
	DocumentKL     = "document_kl"    // mean KL(f32 || model) per token, nats
	DocumentTop1   = "document_top1"  // share of positions where the first choice is that of f32
	DocumentTokens = "document_tokens"
)

// qualityProbe scores held-out text: nats and bytes per document, so that bits per byte do not depend on the
// tokenizer, under a stated context and stride. Models of low precision are held against f32.
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
		{Name: DocumentKL, Unit: unit.Nat, Better: -1, Title: "mean divergence from f32 per token"},
		{Name: DocumentTop1, Unit: unit.One, Better: +1, Title: "first choice as in f32"},
		{Name: DocumentTokens, Unit: unit.Token, Title: "tokens of the document"},
	},
	Quantities: []Quantity{{
		Name: "bits-per-byte", Title: "Bits per byte", Unit: unit.BitsPerByte, Better: -1, Main: "context", Documents: true, Absent: "no document was scored",
	}},
	refuse:  widerStride,
	context: lengthOf("context"),
	work: func(p record.Point) []Work {
		windows := number(p, "text_bytes")/(2*number(p, "stride")) + 1 // at two bytes a token
		return []Work{{lm.Scoring, 1, number(p, "context"), windows}}
	},
	measure: quality,
}

// widerStride refuses strides that would leave tokens unscored.
func widerStride(p record.Point) error {
	if number(p, "stride") > number(p, "context") {
		return fmt.Errorf("stride %s is above context %s: tokens would stay unscored", p.Get("stride"), p.Get("context"))
	}
	return nil
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

// ChangedText says that a tokenizer does not give some of all documents back as they were.
func ChangedText(some, all int) string {
	return fmt.Sprintf("the tokenizer loses something of %d of %d documents (characters that it does not know, upper case, forms of "+
		"Unicode): bits per byte count all bytes but do not pay for what is lost", some, all)
}

// reference is the model to diverge from, nil where it cannot be compared with.
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
	r.add(DocumentTokens, d.Name, float64(d.Tokens))
	if d.Compared {
		r.add(DocumentKL, d.Name, d.KL/float64(d.Tokens))
		r.add(DocumentTop1, d.Name, float64(d.Top1)/float64(d.Tokens))
	}
}

// DocumentScore is what a model makes of one document.
type DocumentScore struct {
	Name   string
	Nats   float64 // sum of the negative log-likelihoods
	Bytes  int     // UTF-8 bytes that were scored
	Tokens int     // that were scored
	// Changed says that the tokenizer does not give the document back as it was, see [text.Encoded].
	Changed bool

	Compared bool    // with another model:
	KL       float64 // sum of KL(versus || model), nats
	Top1     int     // positions where both rank the same token first
}

// windowsPerCall bounds the work of one call, so that a long document can be cancelled.
const windowsPerCall = 8

// ScoreDocument scores every token of a document once, in windows: each holds the model's start token and at most
// context tokens of the document, of which the last stride are scored, in the first window all. A model without a
// start token cannot be asked for the first token of the document; its bytes are then left out as the same share of
// the document as it is of the tokens. With versus, divergences from that model of the same process are added. The audit gets to see all that the model tells.
func ScoreDocument(ctx context.Context, m, versus lm.Model, d text.Encoded, context, stride int, audit *Audit) (DocumentScore, error) {
	out := DocumentScore{Name: d.Name, Bytes: int(d.Bytes), Compared: versus != nil}
	windows := newWindows(d.Tokens, m.Info().BOS, context, stride)
	defer windows.close()
	for {
		batch, err := windows.next(windowsPerCall)
		if err != nil || len(batch) == 0 {
			out.leaveOut(windows.read()-out.Tokens, windows.read())
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

// leaveOut takes the share of bytes off that skipped of all tokens make, which are not scored.
func (d *DocumentScore) leaveOut(skipped, all int) {
	if skipped > 0 {
		d.Bytes -= d.Bytes * skipped / all
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
