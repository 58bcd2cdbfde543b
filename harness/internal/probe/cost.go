package probe

import (
	"context"
	"fmt"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/lm"
)

// The metrics of probe "cost", at points phase=prefill|score|decode|train len batch. Labels are components, which sum to
// the total.
const (
	AnalyticFLOPs  = "flops_analytic"
	CountedFLOPs   = "flops_counted"
	AnalyticBytes  = "bytes_analytic"
	CountedBytes   = "bytes_counted"
	ReferenceFLOPs = "flops_reference_counter" // the published project's own counter
)

// costProbe asks for FLOPs and bytes by component: by formula, and counted in a real execution if the model can count.
var costProbe = &Probe{
	Name: "cost", Version: 1, Summary: "FLOPs and bytes by component, by formula and counted",
	Report: Shown{Place: 2, View: CostView},
	Axes: []Setting{
		{Name: "phase", Default: "prefill", Words: []string{"prefill", "score", "decode", "train"}, Doc: "kind of work"},
		{Name: "len", Default: "128", Min: 1, Doc: "tokens of context"},
		{Name: "batch", Default: "1", Min: 1, Doc: "documents at once"},
	},
	Params: []Setting{{Name: "count", Default: "yes", Words: []string{"yes", "no"}, Doc: "execute the work and count"}},
	Needs:  []lm.Ability{lm.AbilityCost},
	Metrics: []Metric{
		{Name: AnalyticFLOPs, Unit: unit.FLOP, Better: -1, Title: "FLOPs by formula"},
		{Name: CountedFLOPs, Unit: unit.FLOP, Better: -1, Title: "counted values"},
		{Name: AnalyticBytes, Unit: unit.Byte, Better: -1, Title: "bytes moved by formula"},
		{Name: CountedBytes, Unit: unit.Byte, Better: -1, Title: "counted bytes", With: CountedFLOPs},
		{Name: ReferenceFLOPs, Unit: unit.FLOP, Title: "FLOPs by the published project's counter"},
	},
	Quantities: []Quantity{
		{Name: "flops", Title: "FLOPs by formula", Metric: AnalyticFLOPs, Exact: true, Main: "len"},
		{Name: "flops-per-token", Title: "FLOPs per token, by formula", Metric: AnalyticFLOPs, Exact: true, Main: "len", derive: perToken},
		{Name: "flops-counted", Title: "FLOPs counted in an execution", Metric: CountedFLOPs, Exact: true, Main: "len", Absent: "by formula only"},
		{Name: "flops-reference", Title: "FLOPs by the published project's own counter", Metric: ReferenceFLOPs, Exact: true, Main: "len", Absent: "no published counter"},
		{Name: "traffic", Title: "Bytes moved, by formula", Metric: AnalyticBytes, Exact: true, Main: "len"},
		{Name: "traffic-counted", Title: "Bytes moved, counted", Metric: CountedBytes, Exact: true, Main: "len", Absent: "by formula only"},
	},
	context: func(p record.Point) int {
		if p.Get("phase") == string(lm.Decode) {
			return number(p, "len") + 1
		}
		return number(p, "len")
	},
	work: func(p record.Point) []Work {
		if !counts(p) {
			return nil
		}
		phase, batch, n := lm.Phase(p.Get("phase")), number(p, "batch"), number(p, "len")
		if phase == lm.Decode {
			return []Work{{lm.Prefill, batch, n, 1}, {lm.Decode, batch, n, 1}}
		}
		return []Work{{phase, batch, n, 1}}
	},
	measure: cost,
}

// perToken divides the FLOPs by the new tokens when decoding, else by all tokens.
func perToken(p record.Point, flops float64) float64 {
	tokens := batchOf(p)
	if p.Get("phase") != string(lm.Decode) {
		tokens *= float64(number(p, "len"))
	}
	return flops / tokens
}

// counts reports whether a point asks for an execution. Training has only formulas.
func counts(p record.Point) bool {
	return p.Get("count") == "yes" && p.Get("phase") != string(lm.Train)
}

func cost(ctx context.Context, s *Subject) (r Result, err error) {
	coster, ok := lm.As[lm.Coster](s.Model)
	if !ok {
		return r, &Unavailable{"no ability cost"}
	}
	req := lm.CostRequest{
		Phase: lm.Phase(s.Settings.Get("phase")), Batch: number(s.Settings, "batch"), Length: number(s.Settings, "len"),
		Count: counts(s.Settings) && s.Info.Has(lm.AbilityCount),
	}
	reply, err := coster.Cost(ctx, req)
	if err != nil {
		return r, err
	}
	for _, it := range reply.Analytic {
		r.add(AnalyticFLOPs, it.Component, float64(it.FLOPs))
		r.add(AnalyticBytes, it.Component, float64(it.Bytes))
	}
	for _, it := range reply.Counted {
		r.add(CountedFLOPs, it.Component, float64(it.FLOPs))
		r.add(CountedBytes, it.Component, float64(it.Bytes))
	}
	for _, it := range reply.Reference {
		r.add(ReferenceFLOPs, it.Component, float64(it.FLOPs))
	}
	if counts(s.Settings) && !req.Count {
		r.lack(CountedFLOPs, "no ability count")
	}
	if formula, counted := flops(reply.Analytic), flops(reply.Counted); reply.Counted != nil && counted != formula {
		r.Warnings = append(r.Warnings, fmt.Sprintf("counted %d FLOPs, but the formula gives %d: one of them is wrong", counted, formula))
	}
	return r, nil
}

// flops returns the sum over the components.
func flops(items []lm.CostItem) (sum int64) {
	for _, it := range items {
		sum += it.FLOPs
	}
	return sum
}
