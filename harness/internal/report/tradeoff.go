package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/chart"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/unit"
)

// lossFigure shows the loss of each precision against its bits per weight.
func (ix *index) lossFigure(cells []*record.Cell) chart.Figure {
	f := chart.Figure{
		Name: "loss", Title: "Loss that each precision costs", Empty: "no precision was scored beside its f32 base",
		X: chart.Axis{Label: "bits per weight, whole model", Unit: unit.BitsPerWeight}, Y: chart.Axis{Label: "Δ bits per byte", Unit: unit.BitsPerByte},
		Caption: "Bits per byte above the same weights in f32, paired over documents, against the size of the whole model.",
		Rules:   []chart.Rule{{At: 0, Label: "same as f32"}},
	}
	documents := 0
	for _, fam := range ix.Families {
		s := chart.Series{Name: fam.Name, Style: ix.Style[fam.Base.Name], Joined: true, Light: true}
		for _, m := range fam.Models {
			e := ix.added(cells, m)
			if !e.Valid() || m == ix.Wide(m) || m.Parameters == 0 {
				continue
			}
			documents = max(documents, e.N)
			p := point(8*float64(m.WeightBytes)/float64(m.Parameters), e)
			p.Label = m.Precision
			s.Points = append(s.Points, p)
		}
		slices.SortStableFunc(s.Points, func(a, b chart.Point) int { return cmp.Compare(a.X, b.X) })
		f.Series = append(f.Series, s)
	}
	f.Foot = fmt.Sprintf("paired over %s; bars: 95 %% interval", result.Describe(documents, "document"))
	return f
}

// added is what a model's precision adds to the bits per byte of the same weights in f32, invalid if that is not known.
func (ix *index) added(cells []*record.Cell, m *record.Model) stat.Estimate {
	quality := ix.qualityCell(cells, m.Name)
	if quality == nil || ix.Unscored(quality) != "" {
		return stat.Estimate{}
	}
	wide, reason := ix.WideCell(m, quality)
	if reason != "" {
		return stat.Estimate{}
	}
	return ix.Added(quality, wide)
}

// qualityFigure shows quality against decode speed.
func (ix *index) qualityFigure(cells []*record.Cell) chart.Figure {
	f := chart.Figure{Name: "quality-speed", Title: "Quality against speed", Empty: "no model has both a quality and a decode speed",
		X: chart.Axis{Label: "decode speed, token/s", Unit: unit.TokensPerSec, Log: chart.Log10}}
	at := speedPoint(cells)["decode"]
	f = ix.tradeoff(cells, f, +1, func(m *record.Model) stat.Estimate { return ix.decodeAt(cells, m, at) })
	if f.HasData() && at != "" {
		f.Foot = strings.TrimPrefix(f.Foot+" · decode at "+at, " · ")
	}
	return f
}

// qualityAgainstBytes shows quality against the bytes of the weights.
func (ix *index) qualityAgainstBytes(cells []*record.Cell) chart.Figure {
	f := chart.Figure{Name: "quality-bytes", Title: "Quality against size", Empty: "no model has both a quality and a size",
		X: chart.Axis{Label: "bytes of the weights", Unit: unit.Byte, Log: chart.Log2}}
	return ix.tradeoff(cells, f, -1, func(m *record.Model) stat.Estimate {
		if m.WeightBytes == 0 {
			return stat.Estimate{}
		}
		return stat.Exact([]float64{float64(m.WeightBytes)})
	})
}

// qualityAgainstFLOPs shows quality against the work per token of the longest prefill that all models have. Precisions do the same
// work, so only the widest is shown.
func (ix *index) qualityAgainstFLOPs(cells []*record.Cell) chart.Figure {
	costs := result.With(ix.Cells("", "cost"), "phase", "prefill")
	var lengths []string
	for _, n := range result.Axis(costs, "len") {
		if with := ix.ModelsOf(measuredOnes(result.With(costs, "len", n))); len(with) == len(ix.ModelsOf(measuredOnes(costs))) {
			lengths = append(lengths, n)
		}
	}
	f := chart.Figure{Name: "quality-flops", Title: "Quality against work", Empty: "no model has both a quality and a count of FLOPs",
		X: chart.Axis{Label: "FLOP per token", Unit: unit.FLOP, Log: chart.Log10}}
	if lengths == nil {
		return f
	}
	longest := lengths[len(lengths)-1]
	f.X.Label += fmt.Sprintf(", prefill of %s tokens", longest)
	return ix.tradeoff(cells, f, -1, func(m *record.Model) stat.Estimate {
		own := measuredOnes(result.OfModel(result.With(costs, "len", longest), m.Name))
		if len(own) == 0 {
			return stat.Estimate{}
		}
		return result.FLOPsPerToken.Estimate(own[0])
	})
}

func measuredOnes(cells []*record.Cell) []*record.Cell {
	return slices.DeleteFunc(slices.Clone(cells), func(c *record.Cell) bool { return c.Status != record.OK })
}

// tradeoff draws bits per byte against a cost: one path per architecture across its precisions, and the front of those that no
// other beats in both. better is the direction of the cost.
func (ix *index) tradeoff(cells []*record.Cell, f chart.Figure, better int, cost func(*record.Model) stat.Estimate) chart.Figure {
	f.Y = chart.Axis{Label: "bits per byte of held-out text", Unit: unit.BitsPerByte}
	side := map[int]string{+1: "right", -1: "left"}[better]
	f.Caption = "Better is down and to the " + side + "; the grey front joins what nothing beats in both."
	var all []chart.Point
	for _, fam := range ix.Families {
		s := chart.Series{Name: fam.Name, Style: ix.Style[fam.Base.Name], Joined: true, Light: true}
		for _, m := range fam.Models {
			bits := ix.trainedQuality(cells, m)
			if !bits.Valid() {
				continue
			}
			if x := cost(m); x.Valid() {
				p := chart.Point{X: x.Value, XLo: x.Lo, XHi: x.Hi, Y: bits.Value, Lo: bits.Value, Hi: bits.Value, Label: m.Precision}
				if added := ix.added(cells, m); added.Bounded() && m != ix.Wide(m) {
					p.Lo, p.Hi = p.Y-added.Value+added.Lo, p.Y-added.Value+added.Hi
				}
				if p.Lo < p.Hi || p.XLo < p.XHi {
					f.Foot = "faint bars: 95 % intervals, of losses that of the difference to f32"
				}
				s.Points = append(s.Points, p)
			}
		}
		all = append(all, s.Points...)
		if len(s.Points) > 0 {
			s.Points[0].Label = strings.TrimSpace(fam.Name + " " + s.Points[0].Label)
			f.Series = append(f.Series, s)
		}
	}
	if front := frontOf(all, better); len(front) > 1 {
		f.Series = append([]chart.Series{{Name: "Pareto front", Front: true, Points: front}}, f.Series...)
	}
	return f
}

// frontOf returns the points that no other beats in both cost and loss, from the best cost on.
func frontOf(points []chart.Point, better int) (front []chart.Point) {
	sorted := slices.Clone(points)
	slices.SortStableFunc(sorted, func(a, b chart.Point) int {
		return cmp.Or(-better*cmp.Compare(a.X, b.X), cmp.Compare(a.Y, b.Y))
	})
	for _, p := range sorted {
		if n := len(front); n == 0 || p.Y < front[n-1].Y {
			front = append(front, chart.Point{X: p.X, Y: p.Y})
		}
	}
	return front
}

// decodeAt is a model's decode speed at a point, invalid if it was not measured.
func (ix *index) decodeAt(cells []*record.Cell, m *record.Model, at string) stat.Estimate {
	for _, c := range result.OfModel(cells, m.Name) {
		if c.Probe == "decode" && ix.Usable(c) && c.Point.String() == at {
			return result.DecodeSpeed.Estimate(c)
		}
	}
	return stat.Estimate{}
}

// trainedQuality is a model's bits per byte, invalid if not measured or if the weights are random.
func (ix *index) trainedQuality(cells []*record.Cell, m *record.Model) stat.Estimate {
	quality := ix.qualityCell(cells, m.Name)
	if quality == nil || ix.Unscored(quality) != "" || m.Initialised {
		return stat.Estimate{}
	}
	return stat.BitsPerByte(result.Documents(quality))
}
