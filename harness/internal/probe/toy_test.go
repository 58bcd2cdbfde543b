package probe

import (
	"context"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/lm"
)

// Toy is a complete probe, except for its line in Table.
var Toy = &Probe{
	Name: "toy", Version: 1, Summary: "time to score the last token of a document",
	Timing: true, Text: StreamText,
	Axes:    []Setting{{Name: "len", Default: "64", Min: 2, Doc: "tokens of the document"}},
	Metrics: []Metric{{Name: "toy_seconds", Unit: unit.Second, Better: -1, Title: "toy", Bench: "Toy"}},
	Quantities: []Quantity{
		{Name: "toy", Title: "Toy time", Metric: "toy_seconds", Main: "len", Growth: "Growth of toy time", Figure: &Figure{Log: 10, Caption: "A toy."}},
		{Name: "toy-speed", Title: "Toy speed", Unit: unit.TokensPerSec, Metric: "toy_seconds", Better: +1, Main: "len",
			derive: func(p record.Point, seconds float64) float64 { return float64(number(p, "len")) / seconds }},
	},
	Tails:   []Tail{{Metric: "toy_seconds", Title: "Toy time, percentiles", Caption: "over the calls"}},
	context: lengthOf("len"),
	work:    func(p record.Point) []Work { return []Work{{lm.Scoring, 1, number(p, "len"), 1}} },
	measure: func(ctx context.Context, s *Subject) (r Result, err error) {
		documents, err := s.documents(1, number(s.Settings, "len"))
		if err != nil {
			return r, err
		}
		c, err := s.prefillScore(ctx, documents)
		return s.timing("toy_seconds", 1, c), err
	},
}
